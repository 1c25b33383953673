//! Scale invariance of the real encoder (Li et al. 2022, Section 2).
#![allow(clippy::unwrap_used)]

mod support;

use candle_core::{DType, Device};
use sibert_model::{Mode, ModelConfig, ModelType, PreTraining};
use support::{batch, mean_loss, norm, relative_error, siberts, small};

const SCALES: [f64; 4] = [1e-2, 1e-1, 10., 100.];
/// f32 rounding of the encoder's output.
const OUTPUT: f64 = 1e-4;
/// f32 rounding of ⟨∇L, x⟩ / (‖∇L‖ ‖x‖).
const EULER: f64 = 1e-5;

fn model(config: &ModelConfig, scale: f64) -> PreTraining {
    let model = PreTraining::new(config, 3, DType::F32, &Device::Cpu).unwrap();
    model.scale_encoder(scale).unwrap();
    model
}

fn presets() -> [ModelConfig; 4] {
    let mini = ModelConfig { vocab_size: 500, ..ModelConfig::preset(ModelType::Sibert, "mini").unwrap() };
    let [relu, normalized, tied] = siberts();
    [relu, normalized, tied, mini]
}

#[test]
fn encoder_is_scale_invariant() {
    for config in presets() {
        let batch = batch(&config, 3, DType::F32);
        for mode in [Mode::Eval, Mode::train(11)] {
            let expected = model(&config, 1.).encode(&batch, mode).unwrap();
            for scale in SCALES {
                let error = relative_error(&model(&config, scale).encode(&batch, mode).unwrap(), &expected);
                assert!(error < OUTPUT, "scale {scale}, {mode:?}: {error:e}");
            }
        }
    }
}

#[test]
fn gradient_is_orthogonal_to_the_parameters() {
    for config in presets() {
        let batch = batch(&config, 3, DType::F32);
        for scale in [1e-2, 1., 100.] {
            let model = model(&config, scale);
            let grads = mean_loss(&model, &batch, Mode::train(1)).backward().unwrap();
            let (mut dot, mut g2, mut x2) = (0., 0., 0.);
            for (_, var) in model.encoder_parameters() {
                let (g, x) = (grads.get(&var).unwrap(), var.as_detached_tensor());
                let product = (g.to_dtype(DType::F64).unwrap() * x.to_dtype(DType::F64).unwrap()).unwrap();
                dot += product.sum_all().unwrap().to_scalar::<f64>().unwrap();
                (g2, x2) = (g2 + norm(g).powi(2), x2 + norm(&x).powi(2));
            }
            let cosine = dot / (g2.sqrt() * x2.sqrt());
            assert!(cosine.abs() < EULER, "scale {scale}: {cosine:e}");
        }
    }
}

#[test]
fn gradient_has_degree_minus_one() {
    for config in siberts() {
        let batch = batch(&config, 3, DType::F32);
        let gradients = |scale: f64| {
            let model = model(&config, scale);
            let grads = mean_loss(&model, &batch, Mode::Eval).backward().unwrap();
            let scaled = |(name, var): (String, candle_core::Var)| {
                (name, grads.get(&var).unwrap().affine(scale, 0.).unwrap())
            };
            model.encoder_parameters().into_iter().map(scaled).collect::<Vec<_>>()
        };
        let unit = gradients(1.);
        for scale in SCALES {
            for ((name, found), (_, expected)) in gradients(scale).iter().zip(&unit) {
                let error = relative_error(found, expected);
                assert!(error < OUTPUT, "{name} at scale {scale}: {error:e}");
            }
        }
    }
}

#[test]
fn bert_is_not_scale_invariant() {
    let config = small(ModelType::Bert);
    let batch = batch(&config, 3, DType::F32);
    let expected = model(&config, 1.).encode(&batch, Mode::Eval).unwrap();
    let error = relative_error(&model(&config, 10.).encode(&batch, Mode::Eval).unwrap(), &expected);
    assert!(error > 0.1, "the test cannot tell: {error:e}");
}
