//! Parity with an independent PyTorch implementation, computed in f64 and stored in f32.
#![allow(clippy::unwrap_used)]

mod support;

use candle_core::{DType, Device};
use sibert_model::{HiddenAct, Mode, ModelConfig, ModelType, PreTraining};
use sisgd::{Lamb, LambConfig, SiSgd, SiSgdConfig};
use support::{below, data, golden, golden_batch, mean_loss, relative_error, scalar};

/// Hidden states, loss and parameters: f32 rounding through two layers.
const VALUES: f64 = 1e-5;
/// Gradients, which cancel more.
const GRADIENTS: f64 = 1e-4;

const CASES: [&str; 2] = ["sibert-tiny", "sibert-tiny-clipped"];

fn settings(case: &str) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(data(&format!("{case}.json"))).unwrap()).unwrap()
}

fn config(settings: &serde_json::Value) -> ModelConfig {
    let size = |key: &str| settings[key].as_u64().unwrap() as usize;
    ModelConfig {
        vocab_size: size("vocab_size"),
        hidden_size: size("hidden_size"),
        num_hidden_layers: size("num_hidden_layers"),
        num_attention_heads: size("num_attention_heads"),
        intermediate_size: size("intermediate_size"),
        max_position_embeddings: size("max_position_embeddings"),
        type_vocab_size: size("type_vocab_size"),
        hidden_act: HiddenAct::Relu,
        hidden_dropout_prob: 0.,
        attention_probs_dropout_prob: 0.,
        ..ModelConfig::preset(ModelType::Sibert, "tiny").unwrap()
    }
}

fn model(case: &str, dtype: DType) -> PreTraining {
    let parameters = below(&golden(&format!("{case}.safetensors")), "param.");
    PreTraining::load(&config(&settings(case)), parameters, dtype, &Device::Cpu).unwrap()
}

#[test]
fn hidden_states_and_loss_match_pytorch() {
    for (case, dtype) in CASES.into_iter().flat_map(|case| [(case, DType::F32), (case, DType::F64)]) {
        let tensors = golden(&format!("{case}.safetensors"));
        let (model, batch) = (model(case, dtype), golden_batch(&tensors, dtype));
        for (i, stream) in model.streams(&batch).unwrap().iter().enumerate() {
            let error = relative_error(stream, &tensors[&format!("hidden.{i}")]);
            assert!(error < VALUES, "{case} {dtype:?} hidden.{i}: {error:e}");
        }
        let error = relative_error(&model.encode(&batch, Mode::Eval).unwrap(), &tensors["last_hidden_state"]);
        assert!(error < VALUES, "{case} {dtype:?} last_hidden_state: {error:e}");
        let loss = scalar(&mean_loss(&model, &batch, Mode::Eval));
        let expected = settings(case)["steps"][0]["loss"].as_f64().unwrap();
        assert!((loss / expected - 1.).abs() < VALUES, "{case} {dtype:?}: loss {loss}, expected {expected}");
    }
}

#[test]
fn every_gradient_matches_pytorch() {
    for (case, dtype) in CASES.into_iter().flat_map(|case| [(case, DType::F32), (case, DType::F64)]) {
        let tensors = golden(&format!("{case}.safetensors"));
        let model = model(case, dtype);
        let grads = mean_loss(&model, &golden_batch(&tensors, dtype), Mode::Eval).backward().unwrap();
        for (name, var) in model.parameters() {
            let error = relative_error(grads.get(&var).unwrap(), &tensors[&format!("grad.{name}")]);
            assert!(error < GRADIENTS, "{case} {dtype:?} {name}: {error:e}");
        }
    }
}

#[test]
fn five_steps_of_sisgd_and_lamb_match_pytorch() {
    for case in CASES {
        let (tensors, settings) = (golden(&format!("{case}.safetensors")), settings(case));
        let number = |group: &str, key: &str| settings[group][key].as_f64().unwrap();
        let (model, batch) = (model(case, DType::F32), golden_batch(&tensors, DType::F32));
        let sgd_config =
            SiSgdConfig { weight_decay: number("sgd", "weight_decay"), clip: Some(number("sgd", "sqrt_c")) };
        let mut sgd = SiSgd::new(model.encoder_parameters(), sgd_config).unwrap();
        let mut lamb = Lamb::new(model.head_parameters(), LambConfig::default()).unwrap();
        for (step, expected) in settings["steps"].as_array().unwrap().iter().enumerate() {
            let grads = mean_loss(&model, &batch, Mode::Eval).backward().unwrap();
            let report = sgd.step(&grads, number("sgd", "lr")).unwrap();
            lamb.step(&grads, number("lamb", "lr")).unwrap();
            for (key, found) in [
                ("grad_norm", report.grad_norm),
                ("param_norm", report.param_norm),
                ("threshold", report.threshold.unwrap()),
            ] {
                let expected = expected[key].as_f64().unwrap();
                assert!(
                    (found / expected - 1.).abs() < VALUES,
                    "{case} step {step} {key}: {found}, {expected}"
                );
            }
            assert_eq!(report.clipped, report.grad_norm > report.threshold.unwrap());
            if let Some(prefix) = [(0, "after1."), (4, "after5.")].iter().find(|p| p.0 == step).map(|p| p.1) {
                for (name, var) in model.parameters() {
                    let error = relative_error(var.as_tensor(), &tensors[&format!("{prefix}{name}")]);
                    assert!(error < VALUES, "{case} {prefix}{name}: {error:e}");
                }
            }
        }
    }
}
