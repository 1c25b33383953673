//! Short trainings of small models, and the losses of one on both devices.

use anyhow::{Context, Result};
use candle_core::{Device, Var};
use sibert_data::batches::MaskedBatch;
use sibert_model::{AttentionKind, Gradients, ModelType, PositionKind, PreTraining, Precision, random};
use sisgd::Gradient;

use super::Subject;
use super::report::Report;
use crate::batch::DTYPE;
use crate::config::{
    ANGLE, HeadConfig, ModelSettings, Optimizer, Polar, RunConfig, ScheduleConfig, SpectralSettings,
};
use crate::step;
use crate::team::Team;
use crate::update::Update;

/// How far the losses of f32 may lie apart, as a part of them.
const LOSS: f64 = 1e-3;

/// Trains SIBERT by the paper's rule and by the recipe, and BERT, on both devices and compares the loss of every step.
///
/// # Errors
/// If standard output is closed.
pub fn check(subject: &Subject, report: &mut Report) -> Result<()> {
    let steps = steps(subject.quick);
    let of = |model_type| settings(model_type, Precision::F32, subject.quick);
    let sibert = of(ModelType::Sibert);
    for (name, config) in
        [("recipe", recipe(sibert.clone())), ("sibert", sibert), ("bert", of(ModelType::Bert))]
    {
        let claim = format!("{name}, loss of {steps} steps, f32");
        let mut losses = Vec::new();
        report.check([(&claim, LOSS)], "every step", || {
            let expected = train(&config, &Device::Cpu, steps)?.losses;
            let found = subject.run(|| train(&config, &subject.device, steps))?.losses;
            let largest = largest_deviation(&found, &expected);
            losses = vec![expected, found];
            Ok([largest])
        });
        report.curves.insert(format!("{name}.f32"), losses.into());
    }
    report.print()
}

/// The largest difference of two curves, as a part of the second.
pub fn largest_deviation(found: &[f64], expected: &[f64]) -> f64 {
    let parts = found.iter().zip(expected).map(|(a, b)| ((a - b) / b).abs());
    parts.fold(0., |largest, part| if part.is_nan() { f64::INFINITY } else { largest.max(part) })
}

/// Optimizer steps of a training.
pub fn steps(quick: bool) -> usize {
    if quick { 3 } else { 50 }
}

/// A small model with dropout, and rates at which it learns within some steps.
pub fn settings(model_type: ModelType, precision: Precision, quick: bool) -> RunConfig {
    let sibert = model_type == ModelType::Sibert;
    let [hidden_size, seq_len, batch_size, vocab_size] =
        if quick { [32, 12, 3, 40] } else { [128, 64, 8, 1000] };
    let schedule = ScheduleConfig::default;
    let head = HeadConfig { lr: 1e-2, schedule: schedule(), ..HeadConfig::default() };
    RunConfig {
        precision,
        vocab_size,
        seq_len,
        batch_size,
        max_steps: steps(quick),
        optimizer: if sibert { Optimizer::Sisgd } else { Optimizer::Adamw },
        lr: if sibert { 1e4 } else { 1e-3 },
        weight_decay: if sibert { 1e-9 } else { 1e-2 },
        clip: sibert.then_some(2.),
        schedule: schedule(),
        head: sibert.then_some(head),
        model: ModelSettings {
            model_type,
            hidden_size,
            num_attention_heads: 2,
            intermediate_size: 4 * hidden_size,
            max_position_embeddings: seq_len,
            ..ModelSettings::default()
        },
        ..RunConfig::default()
    }
}

/// The same SIBERT by the recipe: normalized attention, and no optimizer state.
fn recipe(sibert: RunConfig) -> RunConfig {
    let head = HeadConfig { schedule: ScheduleConfig::default(), ..HeadConfig::under(Optimizer::Spectral) };
    RunConfig {
        optimizer: Optimizer::Spectral,
        lr: ANGLE,
        weight_decay: 0.,
        clip: None,
        // the way that both devices have
        spectral: Some(SpectralSettings { polar: Some(Polar::NewtonSchulz), ..SpectralSettings::default() }),
        head: Some(head),
        model: ModelSettings {
            attention: Some(AttentionKind::Normalized),
            position_embedding_type: Some(PositionKind::Rotary),
            tie_word_embeddings: Some(true),
            ..sibert.model
        },
        ..sibert
    }
}

/// Values by the name of their parameter.
pub type Named = Vec<(String, Vec<f64>)>;

/// The results of a training.
pub struct Training {
    pub losses: Vec<f64>,
    /// Of the first step.
    pub gradients: Named,
    pub parameters: Named,
}

/// Trains a model whose parameters are drawn from the config's seed.
///
/// # Errors
/// If the device fails or a gradient is not finite.
pub fn train(config: &RunConfig, device: &Device, steps: usize) -> Result<Training> {
    let model = model(config, device)?;
    let mut update = Update::new(&model, config)?;
    let (mut losses, mut first) = (Vec::new(), Vec::new());
    for at in 0..steps {
        let (gradients, sums) =
            step::gradients(&model, vec![(0, batch(config, at))], config, at, device, &Team::alone())?;
        if at == 0 {
            first = values(&model, |var| gradient_of(&gradients, var))?;
        }
        let (sums, _) = sums.zip(update.step(&gradients, at)?)?.wait()?;
        losses.push(sums.mean_loss());
    }
    let parameters = values(&model, |var| Ok(cukernel::download(var.as_tensor())?))?;
    Ok(Training { losses, gradients: first, parameters })
}

/// The model of these settings.
pub fn model(config: &RunConfig, device: &Device) -> Result<PreTraining> {
    let model_config = config.model.to_model_config(config.vocab_size, 0);
    Ok(PreTraining::new(&model_config, config.seed, DTYPE, device)?)
}

/// Something of every parameter.
pub fn values(model: &PreTraining, of: impl Fn(&Var) -> Result<Vec<f64>>) -> Result<Named> {
    let named = |(name, var): (String, Var)| {
        let values = of(&var).with_context(|| name.clone())?;
        Ok((name, values))
    };
    model.parameters().into_iter().map(named).collect()
}

/// The gradient of a variable, its rows in their places.
pub fn gradient_of(gradients: &Gradients, var: &Var) -> Result<Vec<f64>> {
    match sisgd::GradientSource::gradient(gradients, var).context("the variable has no gradient")? {
        Gradient::Dense(gradient) => Ok(cukernel::download(gradient)?),
        Gradient::Rows { ids, values } => {
            let width = var.dim(1)?;
            let values = cukernel::download(values)?;
            let mut whole = vec![0.; var.elem_count()];
            for (&id, row) in ids.iter().zip(values.chunks_exact(width)) {
                whole[id as usize * width..][..width].copy_from_slice(row);
            }
            Ok(whole)
        }
    }
}

/// Random tokens, some more frequent than others so that there is something to learn; every fifth is to be predicted,
/// and the second half of the last row is padding.
pub fn batch(config: &RunConfig, step: usize) -> MaskedBatch {
    let RunConfig { batch_size, seq_len, vocab_size, .. } = *config;
    let key = random::fork(random::named(config.seed, "selftest"), step as u64);
    let uniform = |i: usize| (random::fork(key, i as u64) >> 11) as f64 / (1_u64 << 53) as f64;
    let token = |i: usize| (uniform(i).powi(3) * vocab_size as f64) as u32;
    let count = batch_size * seq_len;
    let padding = |i: usize| i / seq_len == batch_size - 1 && i % seq_len >= seq_len.div_ceil(2);
    let mut input_ids: Vec<u32> = (0..count).map(|i| if padding(i) { 0 } else { token(i) }).collect();
    let positions: Vec<u32> = (0..count as u32).filter(|&i| i % 5 == 2 && !padding(i as usize)).collect();
    let labels = positions.iter().map(|&i| input_ids[i as usize]).collect();
    positions.iter().for_each(|&i| input_ids[i as usize] = 1);
    MaskedBatch {
        batch: batch_size,
        seq_len,
        token_type_ids: (0..count).map(|i| u32::from(i % seq_len > seq_len / 3)).collect(),
        attention_mask: (0..count).map(|i| u8::from(!padding(i))).collect(),
        input_ids,
        positions,
        labels,
        next_sentence: None,
    }
}
