//! The time of a few steps and of an evaluation, made as `pretrain` makes them.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use candle_core::Device;
use sibert_data::Corpus;
use sibert_model::{ModelConfig, PreTraining};
use sisgd::Deferred;

use crate::batch::DTYPE;
use crate::config::RunConfig;
use crate::held_out;
use crate::memory;
use crate::step;
use crate::team::Team;
use crate::update::Update;

/// Untimed steps: the first ones make the buffers that the others find.
const WARMUP: usize = 2;
/// Timed steps, at least and at most, and how long they may take.
const LEAST: usize = 3;
const MOST: usize = 200;
const PATIENCE: Duration = Duration::from_secs(10);

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Steps that were timed.
    pub steps: usize,
    /// Mean seconds of one.
    pub step: f64,
    /// Seconds of a periodic evaluation; 0 if nothing is held out.
    pub evaluation: f64,
    /// Largest memory of the process so far.
    pub peak: Option<u64>,
}

/// Trains a new model of this shape a few steps.
///
/// # Errors
/// If the device fails or a gradient is not finite.
pub fn measure(
    config: &RunConfig,
    shape: &ModelConfig,
    corpus: &Corpus,
    device: &Device,
) -> Result<Measured> {
    // A schedule that goes on as long as the measurement does: a step of rate 0 is none.
    let config = &RunConfig { max_steps: config.max_steps.max(WARMUP + MOST + 1), ..config.clone() };
    let model = PreTraining::new(shape, config.seed, DTYPE, device)?;
    model.scale_encoder(config.init_scale)?;
    let mut update = Update::new(&model, config)?;
    let team = Team::alone();
    let mut make = |number: usize| -> Result<f64> {
        let began = Instant::now();
        let rows = step::rows(config, 0..config.shares).into_iter();
        let batches = rows.map(|rows| (rows.start, corpus.train.micro_batch(number as u64, rows))).collect();
        let (gradients, sums) = step::gradients(&model, batches, config, number, device, &team)?;
        let updated = update.step(&gradients, number)?;
        let loss = Deferred::read(vec![sums.zip(updated)?])?.remove(0)?.0.mean_loss();
        ensure!(loss.is_finite(), "loss {loss} at step {number}");
        Ok(began.elapsed().as_secs_f64())
    };
    (0..WARMUP).try_for_each(|number| make(number).map(drop))?;
    let (began, mut seconds) = (Instant::now(), Vec::new());
    while seconds.len() < LEAST || (seconds.len() < MOST && began.elapsed() < PATIENCE) {
        seconds.push(make(WARMUP + seconds.len())?);
    }
    let began = Instant::now();
    let judged = !corpus.held_out.is_empty();
    if judged {
        let (count, size) = (config.eval_sequences, config.micro_batch_size());
        held_out::evaluate(&model, &corpus.held_out, count, size, device, 0, &team)?;
    }
    Ok(Measured {
        steps: seconds.len(),
        step: seconds.iter().sum::<f64>() / seconds.len() as f64,
        evaluation: if judged { began.elapsed().as_secs_f64() } else { 0. },
        peak: memory::peak_of(device),
    })
}
