//! Encoders with rotary positions: SIBERT's is as scale-invariant as with a table, and what it and BERT's say depends on
//! distances only.
#![allow(clippy::unwrap_used)]

mod support;

use candle_core::{D, DType, Device, Tensor};
use sibert_model::{AttentionKind, Batch, Mode, ModelConfig, ModelType, PositionKind, PreTraining};
use support::{batch, mean_loss, norm, relative_error, small};

/// f64 rounding through two layers.
const EXACT: f64 = 1e-11;

fn rotary(model_type: ModelType) -> ModelConfig {
    ModelConfig { position_embedding_type: Some(PositionKind::Rotary), ..small(model_type) }
}

/// SIBERT with either kind of attention.
fn invariant() -> [ModelConfig; 2] {
    let relu = rotary(ModelType::Sibert);
    let normalized = ModelConfig { attention: Some(AttentionKind::Normalized), ..relu.clone() };
    [relu, normalized]
}

/// The same, and BERT.
fn configs() -> [ModelConfig; 3] {
    let [relu, normalized] = invariant();
    [relu, normalized, rotary(ModelType::Bert)]
}

fn model(config: &ModelConfig, scale: f64) -> PreTraining {
    let model = PreTraining::new(config, 3, DType::F64, &Device::Cpu).unwrap();
    if scale != 1. {
        model.scale_encoder(scale).unwrap();
    }
    model
}

#[test]
fn rotary_encoder_is_scale_invariant() {
    for config in invariant() {
        let batch = batch(&config, 3, DType::F64);
        for mode in [Mode::Eval, Mode::train(11)] {
            let expected = model(&config, 1.).encode(&batch, mode).unwrap();
            for scale in [1e-2, 1e-1, 10., 100.] {
                let error = relative_error(&model(&config, scale).encode(&batch, mode).unwrap(), &expected);
                assert!(error < EXACT, "scale {scale}, {mode:?}: {error:e}");
            }
        }
    }
}

#[test]
fn gradient_is_orthogonal_to_the_parameters_and_reaches_each() {
    for config in invariant() {
        let model = model(&config, 1.);
        let grads = mean_loss(&model, &batch(&config, 3, DType::F64), Mode::train(1)).backward().unwrap();
        let (mut dot, mut g2, mut x2) = (0., 0., 0.);
        for (name, var) in model.encoder_parameters() {
            let (g, x) = (grads.get(&var).unwrap(), var.as_detached_tensor());
            assert!(norm(g) > 0., "{name} has a zero gradient");
            dot += (g * &x).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
            (g2, x2) = (g2 + norm(g).powi(2), x2 + norm(&x).powi(2));
        }
        let cosine = dot / (g2.sqrt() * x2.sqrt());
        assert!(cosine.abs() < EXACT, "{cosine:e}");
    }
}

#[test]
fn no_table_of_positions_is_learned_and_blocks_partition_the_parameters() {
    for config in configs() {
        let model = model(&config, 1.);
        let names: Vec<String> = model.encoder_parameters().into_iter().map(|(name, _)| name).collect();
        assert!(!names.iter().any(|name| name.contains("position_embeddings")), "{names:?}");
        assert!(names.iter().any(|name| name.contains("token_type_embeddings")), "{names:?}");
        let blocks = model.encoder_blocks().into_iter().flat_map(|block| block.vars);
        let mut in_blocks: Vec<String> = blocks.map(|(name, _)| name).collect();
        let mut names = names;
        in_blocks.sort();
        names.sort();
        assert_eq!(in_blocks, names);
    }
}

/// One sequence of these tokens, of which those before `first` and after it and `len` more are padding.
fn sequence(ids: &[u32], first: usize, len: usize) -> Batch {
    let keep = (0..ids.len()).map(|i| if (first..first + len).contains(&i) { 1f64 } else { 0. });
    let input_ids = Tensor::new(ids, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
    Batch {
        token_type_ids: input_ids.zeros_like().unwrap(),
        attention_mask: Tensor::from_iter(keep, &Device::Cpu).unwrap().unsqueeze(0).unwrap(),
        positions: Tensor::new(&[0u32], &Device::Cpu).unwrap(),
        labels: Tensor::new(&[0u32], &Device::Cpu).unwrap(),
        next_sentence: None,
        input_ids,
    }
}

/// The last hidden states of the tokens `first .. first + len`.
fn states(config: &ModelConfig, ids: &[u32], first: usize, len: usize) -> Tensor {
    let states = model(config, 1.).encode(&sequence(ids, first, len), Mode::Eval).unwrap();
    states.narrow(1, first, len).unwrap()
}

#[test]
fn words_between_more_padding_mean_the_same() {
    for config in configs() {
        let expected = states(&config, &[5, 9, 2, 7, 0, 0, 0, 0], 0, 4);
        for first in 1..=4 {
            let mut ids = [0; 8];
            ids[first..first + 4].copy_from_slice(&[5, 9, 2, 7]);
            let error = relative_error(&states(&config, &ids, first, 4), &expected);
            assert!(error < EXACT, "after {first} tokens of padding: {error:e}");
        }
        let with_table = ModelConfig { position_embedding_type: None, ..config };
        let [early, late] = [(0, [5, 9, 2, 7, 0]), (1, [0, 5, 9, 2, 7])]
            .map(|(first, ids)| states(&with_table, &ids, first, 4));
        assert!(relative_error(&late, &early) > 1e-2, "the test cannot tell");
    }
}

#[test]
fn the_order_of_the_words_matters() {
    for config in configs() {
        let forward = states(&config, &[5, 9, 2, 7], 0, 4);
        let swapped = states(&config, &[9, 5, 2, 7], 0, 4);
        let last = |states: &Tensor| states.narrow(1, 3, 1).unwrap();
        let error = relative_error(&last(&swapped), &last(&forward));
        // BERT's scores are small before it has learned, so its weights are nearly equal
        assert!(error > 1e-6, "the last word does not notice: {error:e}");
        assert_eq!(forward.dim(D::Minus1).unwrap(), config.hidden_size);
    }
}

#[test]
fn longer_sequences_than_the_config_allows_are_refused() {
    for config in configs() {
        let error =
            model(&config, 1.).encode(&sequence(&[1; 17], 0, 17), Mode::Eval).unwrap_err().to_string();
        assert!(
            error.contains("a sequence of 17 tokens is longer than max_position_embeddings 16"),
            "{error}"
        );
    }
}
