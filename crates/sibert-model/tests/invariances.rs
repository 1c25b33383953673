//! Parts of the parameters whose scale the encoder does not see, one by one: docs/invariances.md derives them.
#![allow(clippy::unwrap_used)]

mod support;

use candle_core::{DType, Device, Tensor};
use sibert_model::{Mode, ModelConfig, ModelType, PreTraining};
use support::{batch, mean_loss, norm, relative_error, siberts, small};

const SCALES: [f64; 4] = [1e-2, 0.3, 7., 1e2];
/// f64 rounding of the encoder's output.
const OUTPUT: f64 = 1e-11;
/// f64 rounding of ⟨∇L, x⟩ / (‖∇L‖ ‖x‖).
const EULER: f64 = 1e-12;

const LAYERS: usize = 2; // of the small model
const TABLES: [&str; 3] =
    ["word_embeddings.weight", "position_embeddings.weight", "token_type_embeddings.weight"];

/// Exponents of c: what begins so is multiplied by c to that power.
type Group = Vec<(String, i32)>;

fn layer(index: usize, names: &[(&str, i32)]) -> Group {
    let full = |name: &str| format!("sibert.encoder.layer.{index}.{name}");
    names.iter().map(|&(name, exponent)| (full(name), exponent)).collect()
}

fn embeddings(names: &[(&str, i32)]) -> Group {
    names.iter().map(|&(name, exponent)| (format!("sibert.embeddings.{name}"), exponent)).collect()
}

/// The groups that are scaled up alone.
fn alone() -> Vec<Group> {
    let mut groups = vec![embeddings(&TABLES.map(|table| (table, 1)))];
    for index in 0..LAYERS {
        groups.push(layer(index, &[("attention.self.query.", 1)]));
        groups.push(layer(index, &[("attention.self.key.", 1)]));
    }
    groups
}

/// The groups that are scaled up while others are scaled down.
fn against() -> Vec<Group> {
    let mut groups = vec![embeddings(&[("LayerNorm.", 1), ("projection.", -1)])];
    for index in 0..LAYERS {
        groups.push(layer(index, &[("attention.self.value.", 1), ("attention.output.", -1)]));
        groups.push(layer(index, &[("intermediate.", 1), ("output.", -1)]));
    }
    groups
}

/// All that writes to the residual stream.
fn stream() -> Group {
    let layers = (0..LAYERS).flat_map(|index| layer(index, &[("attention.output.", 1), ("output.", 1)]));
    embeddings(&[("projection.", 1)]).into_iter().chain(layers).collect()
}

fn exponent(group: &Group, name: &str) -> i32 {
    group.iter().filter(|(start, _)| name.starts_with(start)).map(|(_, exponent)| exponent).sum()
}

fn encoded(config: &ModelConfig, group: &Group, scale: f64, mode: Mode) -> Tensor {
    let model = PreTraining::new(config, 3, DType::F64, &Device::Cpu).unwrap();
    let mut scaled = 0;
    for (name, var) in model.encoder_parameters() {
        let factor = scale.powi(exponent(group, &name));
        scaled += usize::from(exponent(group, &name) != 0);
        // no bias is zero, so that each takes part
        let x = if name.ends_with("bias") {
            (var.as_detached_tensor() + 0.1).unwrap()
        } else {
            var.as_detached_tensor()
        };
        var.set(&x.affine(factor, 0.).unwrap()).unwrap();
    }
    assert!(scaled >= group.len(), "a name of {group:?} is no parameter's");
    model.encode(&batch(config, 3, DType::F64), mode).unwrap()
}

fn change(config: &ModelConfig, group: &Group, scale: f64, mode: Mode) -> f64 {
    relative_error(&encoded(config, group, scale, mode), &encoded(config, group, 1., mode))
}

fn with_dropout(config: &ModelConfig) -> ModelConfig {
    ModelConfig { hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1, ..config.clone() }
}

#[track_caller]
fn assert_invariant(groups: &[Group]) {
    for (config, group) in siberts().iter().flat_map(|config| groups.iter().map(move |group| (config, group)))
    {
        for scale in SCALES {
            for (config, mode) in [(config, Mode::Eval), (&with_dropout(config), Mode::train(11))] {
                let change = change(config, group, scale, mode);
                assert!(change < OUTPUT, "{:?}, {group:?} by {scale}: {change:e}", config.attention);
            }
        }
    }
}

#[test]
fn queries_keys_and_tables_have_a_scale_of_their_own() {
    assert_invariant(&alone());
}

#[test]
fn maps_in_a_row_may_exchange_their_scale() {
    assert_invariant(&against());
}

/// A SIBERT's states where the rows, or columns, of the second head of some maps of its first layer are multiplied.
fn with_head(config: &ModelConfig, maps: &[(&str, usize, f64)]) -> Tensor {
    let model = PreTraining::new(config, 3, DType::F64, &Device::Cpu).unwrap();
    let vars = model.encoder_parameters();
    for &(map, axis, factor) in maps {
        let name = format!("sibert.encoder.layer.0.attention.{map}.weight");
        let (_, var) = vars.iter().find(|(found, _)| *found == name).unwrap();
        let width = config.hidden_size / config.num_attention_heads;
        let mut factors = vec![1.; config.hidden_size];
        factors[width..2 * width].fill(factor);
        let shape = if axis == 0 { (config.hidden_size, 1) } else { (1, config.hidden_size) };
        let factors = Tensor::from_vec(factors, shape, &Device::Cpu).unwrap();
        var.set(&var.as_tensor().broadcast_mul(&factors).unwrap()).unwrap();
    }
    model.encode(&batch(config, 3, DType::F64), Mode::Eval).unwrap()
}

#[test]
fn each_head_has_scales_of_its_own() {
    for (config, c) in siberts().iter().flat_map(|config| SCALES.map(|c| (config, c))) {
        assert!(config.num_attention_heads > 1, "the test cannot tell one head from all");
        let expected = with_head(config, &[]);
        let changes: [&[_]; 3] = [
            &[("self.query", 0, c)],
            &[("self.key", 0, c)],
            &[("self.value", 0, c), ("output.dense", 1, c.recip())],
        ];
        for maps in changes {
            let change = relative_error(&with_head(config, maps), &expected);
            assert!(change < OUTPUT, "{:?}, {maps:?}: {change:e}", config.attention);
        }
        let change = relative_error(&with_head(config, &[("self.value", 0, c)]), &expected);
        assert!(change > 1e-6, "the test cannot tell: {change:e}");
    }
}

#[test]
fn what_writes_to_the_stream_has_a_scale_of_its_own() {
    assert_invariant(&[stream()]);
}

#[test]
fn gradients_are_orthogonal_to_each_group() {
    for config in siberts().iter().map(with_dropout) {
        let model = PreTraining::new(&config, 3, DType::F64, &Device::Cpu).unwrap();
        let grads = mean_loss(&model, &batch(&config, 3, DType::F64), Mode::train(2)).backward().unwrap();
        for group in alone().into_iter().chain(against()).chain([stream()]) {
            let (mut dot, mut size) = (0., 0.);
            for (name, var) in model.encoder_parameters() {
                let (grad, x) = (grads.get(&var).unwrap(), var.as_detached_tensor());
                let along = (grad * &x).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
                dot += f64::from(exponent(&group, &name)) * along;
                size += f64::from(exponent(&group, &name).abs()) * norm(grad) * norm(&x);
            }
            assert!(dot.abs() < EULER * size, "{:?}, {group:?}: {dot:e} of {size:e}", config.attention);
        }
    }
}

#[test]
fn other_parts_have_no_scale_of_their_own() {
    for config in siberts() {
        for name in ["attention.self.value.", "attention.output.", "output.dense.", "intermediate.dense.bias"]
        {
            let change = change(&config, &layer(0, &[(name, 1)]), 7., Mode::Eval);
            assert!(change > 1e-6, "the test cannot tell: {name}, {change:e}");
        }
    }
    let queries = vec![("bert.encoder.layer.0.attention.self.query.".to_string(), 1)];
    let change = change(&small(ModelType::Bert), &queries, 7., Mode::Eval);
    assert!(change > 1e-6, "the test cannot tell: BERT's queries, {change:e}");
}
