//! `sibert bench`: the time of whole training steps, or of the encoder's forward pass, on random tokens.

mod breakdown;
mod report;
mod tokens;

use std::ops::Range;
use std::time::Instant;

use anyhow::{Result, ensure};
use candle_core::Device;
use sibert_model::tape::profile;
use sibert_model::{AttentionKind, Mode, ModelType, PositionKind, PreTraining, no_grad};
use sisgd::Deferred;

use crate::args::{Arch, BenchArgs};
use crate::batch::{self, DTYPE};
use crate::config::{
    ANGLE, HeadConfig, MUON_MOMENTUM, MUON_RATE, ModelSettings, Optimizer, RunConfig, ScheduleConfig,
    SpectralSettings, precision_on,
};
use crate::console::result;
use crate::memory;
use crate::step;
use crate::team::Team;
use crate::update::Update;
use breakdown::{Breakdown, Parts};
use report::Report;
use tokens::RandomTokens;

/// Steps that a GPU makes between two waits for it, as `pretrain` waits only where it reports.
const GROUP: usize = 10;

/// Times the steps and prints what they took.
///
/// # Errors
/// If the sizes make no model, the device or precision is not there, or a loss is not finite.
pub fn run(args: &BenchArgs) -> Result<()> {
    let config = settings(args)?;
    let device = args.device.open()?;
    let mut bench = Bench::new(&config, &device)?;
    let run = |bench: &mut Bench, steps: Range<usize>| match args.inference {
        true => steps.into_iter().try_for_each(|step| bench.encode(step)),
        false => bench.train_all(steps).map(drop),
    };
    run(&mut bench, 0..args.warmup)?;
    let (first, end) = (args.warmup, args.warmup + args.steps);
    if args.profile {
        let (parts, spans) = profile::profile(|| {
            (first..end).map(|step| bench.train_all(step..step + 1)).collect::<Result<Vec<_>>>()
        });
        return result(Breakdown::new(&parts?, &spans));
    }
    let group = if device.is_cpu() { 1 } else { GROUP };
    let mut seconds = Vec::with_capacity(args.steps);
    for start in (first..end).step_by(group) {
        let (steps, began) = (start..end.min(start + group), Instant::now());
        run(&mut bench, steps.clone())?;
        let each = began.elapsed().as_secs_f64() / steps.len() as f64;
        seconds.extend(steps.map(|_| each));
    }
    let report = Report::new(args, &config, &bench.model, &seconds, memory::peak_of(&device));
    result(if args.json { serde_json::to_string(&report)? } else { report.to_string() })
}

/// A run of `pretrain` with these sizes, under the rates of its rule, which stay the same.
fn settings(args: &BenchArgs) -> Result<RunConfig> {
    let BenchArgs { batch, seq, hidden, vocab, .. } = *args;
    let heads = args.heads.unwrap_or((hidden / 64).max(1));
    let micro_batch = args.micro_batch.unwrap_or(batch);
    ensure!(hidden.is_multiple_of(heads), "hidden {hidden} is not a multiple of heads {heads}: give --heads");
    ensure!(
        batch.is_multiple_of(micro_batch),
        "batch {batch} is not a multiple of micro-batch {micro_batch}"
    );
    let index = |count: usize| u32::try_from(count).is_ok();
    ensure!(
        batch.checked_mul(seq).is_some_and(index),
        "batch {batch} of {seq} tokens is too large: expected at most {} tokens",
        u32::MAX
    );
    ensure!(index(vocab), "vocab is {vocab}, expected at most {}", u32::MAX);
    let sibert = args.arch == Arch::Sibert;
    let optimizer = args.optimizer.unwrap_or(if sibert { Optimizer::Sisgd } else { Optimizer::Adamw });
    let schedule = ScheduleConfig::default;
    let spectral = optimizer == Optimizer::Spectral;
    let (lr, momentum) = match optimizer {
        Optimizer::Spectral => (ANGLE, 0.),
        Optimizer::Muon => (MUON_RATE, MUON_MOMENTUM),
        Optimizer::Sisgd | Optimizer::Sgd | Optimizer::Lamb => (8e-4, 0.),
        Optimizer::Adamw => (1e-4, 0.),
    };
    let head = (sibert || optimizer == Optimizer::Muon).then(|| HeadConfig::under(optimizer));
    let config = RunConfig {
        device: args.device,
        precision: args.precision,
        vocab_size: vocab,
        seq_len: seq,
        batch_size: batch,
        accumulation_steps: batch / micro_batch,
        optimizer,
        lr,
        momentum,
        weight_decay: if spectral { 0. } else { RunConfig::default().weight_decay },
        clip: (optimizer == Optimizer::Sisgd).then_some(2.),
        schedule: schedule(),
        spectral: spectral.then(SpectralSettings::default),
        head: head.map(|head| HeadConfig { schedule: schedule(), ..head }),
        model: ModelSettings {
            model_type: if sibert { ModelType::Sibert } else { ModelType::Bert },
            hidden_size: hidden,
            num_hidden_layers: args.layers,
            num_attention_heads: heads,
            intermediate_size: 4 * hidden,
            max_position_embeddings: seq,
            attention: spectral.then_some(AttentionKind::Normalized),
            position_embedding_type: spectral.then_some(PositionKind::Rotary),
            tie_word_embeddings: spectral.then_some(true),
            ..ModelSettings::default()
        },
        ..RunConfig::default()
    };
    let config = config.with_sets(&args.set)?;
    config.validate_rule()?;
    precision_on(config.precision, config.device)?;
    Ok(config)
}

/// A model, its optimizers and its data.
struct Bench<'a> {
    config: &'a RunConfig,
    device: &'a Device,
    tokens: RandomTokens,
    model: PreTraining,
    update: Update,
}

impl<'a> Bench<'a> {
    fn new(config: &'a RunConfig, device: &'a Device) -> Result<Self> {
        let model_config = config.model.to_model_config(config.vocab_size, 0);
        let model = PreTraining::new(&model_config, config.seed, DTYPE, device)?;
        let update = Update::new(&model, config)?;
        Ok(Self { config, device, tokens: RandomTokens::new(config), model, update })
    }

    /// Steps as `pretrain` makes them, then a wait for the device; and how long their parts took on the host, the wait being
    /// the update's.
    fn train_all(&mut self, steps: Range<usize>) -> Result<Parts> {
        let mut all = Parts::default();
        let mut losses = Vec::with_capacity(steps.len());
        for step in steps.clone() {
            let (parts, loss) = self.train(step)?;
            all.add(&parts);
            losses.push(loss);
        }
        let began = Instant::now();
        for (step, loss) in steps.zip(Deferred::read(losses)?) {
            let loss = loss?;
            ensure!(loss.is_finite(), "loss {loss} at step {step}");
        }
        self.device.synchronize()?;
        all.update += began.elapsed();
        Ok(all)
    }

    /// One optimizer step, how long its parts took on the host, and its loss.
    fn train(&mut self, step: usize) -> Result<(Parts, Deferred<f64>)> {
        let config = self.config;
        let rows = step::rows(config, 0..config.shares).into_iter();
        let began = Instant::now();
        let micro_batches = rows.map(|rows| (rows.start, self.tokens.batch(step, rows))).collect();
        let data = began.elapsed();
        let (grads, sums) =
            step::gradients(&self.model, micro_batches, config, step, self.device, &Team::alone())?;
        let gradients = began.elapsed() - data;
        let update = self.update.step(&grads, step)?;
        let loss = sums.zip(update)?.map(|(sums, _)| sums.mean_loss());
        Ok((Parts { data, gradients, update: began.elapsed() - data - gradients }, loss))
    }

    /// The hidden states of one batch, a micro-batch at a time.
    fn encode(&self, step: usize) -> Result<()> {
        let size = self.config.micro_batch_size();
        for row in (0..self.config.batch_size).step_by(size) {
            let batch = batch::to_device(self.tokens.batch(step, row..row + size), &self.model, self.device)?;
            let encode = || no_grad(|| self.model.encode(&batch, Mode::Eval));
            self.config.precision.scope(encode)?;
        }
        Ok(self.device.synchronize()?)
    }
}
