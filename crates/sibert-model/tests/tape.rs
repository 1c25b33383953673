//! A tape's gradients are those of candle's graph, for whole models and over micro-batches.
#![allow(clippy::unwrap_used)]

mod support;

use candle_core::{DType, Device, Tensor, TensorId};
use sibert_model::{Gradients, Mode, ModelConfig, ModelType, PreTraining, Precision, Tape};
use sisgd::{Gradient, GradientSource as _};
use support::{batch, dense, norm, normalized, small, tied};

fn with_pairs(config: ModelConfig) -> ModelConfig {
    ModelConfig {
        hidden_dropout_prob: 0.1,
        attention_probs_dropout_prob: 0.1,
        next_sentence_prediction: true,
        ..config
    }
}

#[test]
fn gradients_of_whole_models_are_those_of_the_graph() {
    for config in [small(ModelType::Sibert), normalized(), tied(), small(ModelType::Bert)].map(with_pairs) {
        let model = PreTraining::new(&config, 5, DType::F64, &Device::Cpu).unwrap();
        let mut batch = batch(&config, 3, DType::F64);
        batch.next_sentence = Some(Tensor::new(&[0u32, 1, 1], &Device::Cpu).unwrap());
        let forward = |seed| model.forward(&batch, Mode::train(seed)).unwrap();

        let vars = model.parameters();
        let mut gradients = Gradients::of(vars.iter().map(|(_, var)| var));
        let mut expected = Vec::new();
        for (seed, weight) in [(1, 0.3), (2, 0.7)] {
            let (output, tape) = Tape::record(|| Ok(forward(seed))).unwrap();
            let pairs = output.next_sentence_loss.unwrap();
            tape.backward(&[(&output.masked_lm_loss, weight), (&pairs, 0.1)], &mut gradients).unwrap();
            let output = forward(seed);
            let pairs = (output.next_sentence_loss.unwrap() * 0.1).unwrap();
            expected.push(((output.masked_lm_loss * weight).unwrap() + pairs).unwrap().backward().unwrap());
        }
        for (name, var) in vars {
            let expected = (expected[0].get(&var).unwrap() + expected[1].get(&var).unwrap()).unwrap();
            let found = gradients.gradient(&var).unwrap_or_else(|| panic!("{name} has no gradient"));
            let error = norm(&(dense(found, &var) - &expected).unwrap()) / (norm(&expected) + 1e-3);
            assert!(error < 1e-13, "{name}: {error:e}");
        }
    }
}

#[test]
fn the_token_table_of_sibert_has_a_gradient_of_the_rows_that_occur() {
    let config = small(ModelType::Sibert);
    let model = PreTraining::new(&config, 5, DType::F32, &Device::Cpu).unwrap();
    let batch = batch(&config, 2, DType::F32);
    let (_, table) =
        model.parameters().into_iter().find(|(name, _)| name.contains("word_embeddings")).unwrap();
    let mut gradients = Gradients::of([&table]);
    let (output, tape) = Tape::record(|| model.forward(&batch, Mode::Eval)).unwrap();
    tape.backward(&[(&output.masked_lm_loss, 1.)], &mut gradients).unwrap();
    let mut occurring: Vec<u32> = batch.input_ids.flatten_all().unwrap().to_vec1().unwrap();
    occurring.sort_unstable();
    occurring.dedup();
    match gradients.gradient(&table).unwrap() {
        Gradient::Rows { ids, .. } => assert_eq!(ids, occurring),
        Gradient::Dense(_) => panic!("the whole table"),
    }
}

#[test]
fn bf16_products_stay_near_f32_and_are_used_backward_too() {
    let config = small(ModelType::Sibert);
    let model = PreTraining::new(&config, 5, DType::F32, &Device::Cpu).unwrap();
    let batch = batch(&config, 2, DType::F32);
    let vars = model.parameters();
    let gradients = |precision: Precision| {
        let mut gradients = Gradients::of(vars.iter().map(|(_, var)| var));
        let forward = || Tape::record(|| model.forward(&batch, Mode::Eval));
        let (output, tape) = precision.scope(forward).unwrap();
        tape.backward(&[(&output.masked_lm_loss, 1.)], &mut gradients).unwrap();
        gradients
    };
    let (exact, rounded) = (gradients(Precision::F32), gradients(Precision::Bf16));
    for (name, var) in &vars {
        let of = |gradients: &Gradients| dense(gradients.gradient(var).unwrap(), var);
        let (exact, rounded) = (of(&exact), of(&rounded));
        let error = norm(&(&exact - rounded).unwrap()) / norm(&exact);
        assert!(error > 1e-5 && error < 0.2, "{name}: {error:e}");
    }
}

#[test]
fn a_second_tape_is_refused_and_a_failed_one_is_closed() {
    let inner = || Tape::record(|| Ok(()));
    assert!(Tape::record(|| inner().map(drop)).is_err());
    assert!(inner().is_ok());
}

#[test]
fn a_pass_tells_of_each_variable_once_when_its_gradient_is_whole() {
    for config in [small(ModelType::Sibert), normalized(), tied(), small(ModelType::Bert)].map(with_pairs) {
        let model = PreTraining::new(&config, 5, DType::F64, &Device::Cpu).unwrap();
        let mut batch = batch(&config, 3, DType::F64);
        batch.next_sentence = Some(Tensor::new(&[0u32, 1, 1], &Device::Cpu).unwrap());
        let vars = model.parameters();
        let mut gradients = Gradients::of(vars.iter().map(|(_, var)| var));
        let mut told = Vec::new();
        let (output, tape) = Tape::record(|| model.forward(&batch, Mode::train(1))).unwrap();
        let losses = [(&output.masked_lm_loss, 0.3), (output.next_sentence_loss.as_ref().unwrap(), 0.1)];
        tape.backward_telling(&losses, &mut gradients, |var, gradients| {
            told.push((var.id(), gradients.only(var)));
            Ok(())
        })
        .unwrap();
        assert_eq!(told.len(), vars.len());
        for (name, var) in &vars {
            let mut at_that_time = told.iter().filter(|(id, _)| *id == var.id());
            let (_, found) = at_that_time.next().unwrap_or_else(|| panic!("no word of {name}"));
            let values = |gradients: &Gradients| -> Vec<f64> {
                gradients.whole(var).unwrap().unwrap().flatten_all().unwrap().to_vec1().unwrap()
            };
            assert_eq!(values(found), values(&gradients), "{name}");
        }
        let named = |part: &str| {
            let is = |id: &TensorId| vars.iter().any(|(name, var)| name.contains(part) && var.id() == *id);
            told.iter().position(|(id, _)| is(id)).unwrap()
        };
        assert!(named("layer.1.") < named("layer.0.") && named("layer.0.") < named("position_embeddings"));
    }
}
