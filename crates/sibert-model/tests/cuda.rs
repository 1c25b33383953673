//! Whole models by the kernels for CUDA, which the emulator runs: the numbers of the CPU, in f32 and in bf16.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor, Var};
use cukernel_emulator::emulate;
use sibert_model::{
    AttentionKind, Batch, Gradients, Mode, ModelConfig, ModelType, PreTraining, Precision, Tape,
};

/// Two sequences of twelve tokens, the second padded.
fn batch() -> Result<Batch> {
    let ids: Vec<u32> = (0..24).map(|i| (i * 7919 + 3) % 61).collect();
    let real: Vec<f32> = (0..24).map(|i| if i < 19 { 1. } else { 0. }).collect();
    Ok(Batch {
        input_ids: Tensor::from_vec(ids, (2, 12), &Device::Cpu)?,
        token_type_ids: Tensor::from_vec(
            (0..24).map(|i| u32::from(i % 12 > 5)).collect(),
            (2, 12),
            &Device::Cpu,
        )?,
        attention_mask: Tensor::from_vec(real, (2, 12), &Device::Cpu)?,
        positions: Tensor::new(&[1u32, 4, 4, 13, 17], &Device::Cpu)?,
        labels: Tensor::new(&[5u32, 60, 0, 7, 7], &Device::Cpu)?,
        next_sentence: Some(Tensor::new(&[0u32, 1], &Device::Cpu)?),
    })
}

/// SIBERT with either kind of attention and of decoder, and BERT.
const MODELS: [(ModelType, Option<AttentionKind>, bool); 4] = [
    (ModelType::Sibert, None, false),
    (ModelType::Sibert, Some(AttentionKind::Normalized), false),
    (ModelType::Sibert, Some(AttentionKind::Normalized), true),
    (ModelType::Bert, None, true),
];

fn model((model_type, attention, tied): (ModelType, Option<AttentionKind>, bool)) -> PreTraining {
    let config = ModelConfig {
        vocab_size: 61,
        hidden_size: 64,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        intermediate_size: 96,
        max_position_embeddings: 16,
        next_sentence_prediction: true,
        attention,
        tie_word_embeddings: Some(tied),
        ..ModelConfig::preset(model_type, "tiny").unwrap()
    };
    PreTraining::new(&config, 7, DType::F32, &Device::Cpu).unwrap()
}

/// The sums over the batch, and the gradients of all parameters by name.
fn step(model: &PreTraining, precision: Precision) -> Result<(Vec<f64>, HashMap<String, Tensor>)> {
    let (batch, vars) = (batch()?, model.parameters());
    let mut gradients = Gradients::of(vars.iter().map(|(_, var)| var));
    let (output, tape) = precision.scope(|| Tape::record(|| model.forward(&batch, Mode::train(3))))?;
    let figures = output.figures(&batch)?.to_vec1()?;
    let pairs = output.next_sentence_loss.unwrap();
    tape.backward(&[(&output.masked_lm_loss, 0.2), (&pairs, 0.5)], &mut gradients)?;
    let gradient = |(name, var): (String, Var)| Ok((name, whole(&gradients, &var)?));
    Ok((figures, vars.into_iter().map(gradient).collect::<Result<_>>()?))
}

/// A gradient with the shape of its variable.
fn whole(gradients: &Gradients, var: &Var) -> Result<Tensor> {
    match sisgd::GradientSource::gradient(gradients, var).unwrap() {
        sisgd::Gradient::Dense(gradient) => Ok(gradient.clone()),
        sisgd::Gradient::Rows { ids, values } => {
            var.zeros_like()?.detach().index_add(&Tensor::new(ids, &Device::Cpu)?, values, 0)
        }
    }
}

fn norm(x: &Tensor) -> f64 {
    x.to_dtype(DType::F64).unwrap().sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap().sqrt()
}

/// `‖a − b‖ / ‖b‖`.
fn distance(a: &Tensor, b: &Tensor) -> f64 {
    norm(&(a.to_dtype(DType::F64).unwrap() - b.to_dtype(DType::F64).unwrap()).unwrap()) / norm(b)
}

/// `‖a − b‖ / ‖b‖` over all gradients as one vector.
fn distance_of_all(found: &HashMap<String, Tensor>, expected: &HashMap<String, Tensor>) -> f64 {
    let squares = expected.iter().map(|(name, gradient)| {
        assert_eq!(found[name].dtype(), DType::F32);
        ((distance(&found[name], gradient) * norm(gradient)).powi(2), norm(gradient).powi(2))
    });
    let (distance, all) = squares.fold((0., 0.), |(a, b), (x, y)| (a + x, b + y));
    (distance / all).sqrt()
}

#[test]
fn a_step_by_kernels_of_f32_is_the_cpu_s() -> Result<()> {
    for kind in MODELS {
        let model = model(kind);
        let (expected, gradients) = step(&model, Precision::F32)?;
        let (figures, by_kernels) = emulate(|| step(&model, Precision::F32))?;
        for (found, expected) in figures.iter().zip(&expected) {
            assert!((found / expected - 1.).abs() < 1e-6 || found == expected, "{figures:?} {expected:?}");
        }
        assert!(distance_of_all(&by_kernels, &gradients) < 3e-6);
        let all = gradients.values().map(|gradient| norm(gradient).powi(2)).sum::<f64>().sqrt();
        for (name, gradient) in &gradients {
            // a bias of keys has no gradient but rounding: softmax does not see it
            let (distance, norm) = (distance(&by_kernels[name], gradient) * norm(gradient), norm(gradient));
            assert!(distance < 1e-5 * norm.max(all / 100.), "{name}: {distance:e} of {norm:e}");
        }
    }
    Ok(())
}

#[test]
fn a_step_by_kernels_of_bf16_stays_near_that_of_f32_and_gives_gradients_of_f32() -> Result<()> {
    for kind in MODELS {
        let model = model(kind);
        let (expected, gradients) = step(&model, Precision::F32)?;
        let (figures, by_kernels) = emulate(|| step(&model, Precision::Bf16))?;
        for i in [0, 2] {
            assert!((figures[i] / expected[i] - 1.).abs() < 0.01, "{figures:?} {expected:?}");
        }
        let distance = distance_of_all(&by_kernels, &gradients);
        assert!(distance < 0.08, "{kind:?}: {distance}");
    }
    Ok(())
}

/// Li et al. 2022, section 2: the gradient's degree is −1, so that a scale that f32 holds, bf16 holds too, and no factor has
/// to be applied to the loss.
#[test]
fn gradients_of_bf16_scale_with_the_parameters_and_need_no_loss_scaling() -> Result<()> {
    MODELS[..2].iter().try_for_each(|&kind| scales_gradients_of_bf16(&model(kind)))
}

fn scales_gradients_of_bf16(model: &PreTraining) -> Result<()> {
    let of_encoder = |(_, gradients): (Vec<f64>, HashMap<String, Tensor>)| {
        model
            .encoder_parameters()
            .into_iter()
            .map(move |(name, _)| gradients[&name].clone())
            .collect::<Vec<_>>()
    };
    let at_scale = |scale: f64| {
        model.scale_encoder(scale)?;
        let gradients = of_encoder(emulate(|| step(model, Precision::Bf16))?);
        model.scale_encoder(1. / scale)?;
        Ok::<_, candle_core::Error>(gradients)
    };
    let unit = at_scale(1.)?;
    for exponent in [-20, -7, 7, 20] {
        let scale = 2f64.powi(exponent); // exact in bf16
        for (scaled, unit) in at_scale(scale)?.iter().zip(&unit) {
            assert!(norm(unit) > 0.);
            assert!(distance(&(scaled * scale)?, unit) < 1e-3, "2^{exponent}");
        }
    }
    Ok(())
}
