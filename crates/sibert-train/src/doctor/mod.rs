//! `sibert doctor`: what this machine has, and what a run will need before it starts.
//!
//! ```text
//! settings ─ faults
//! text, prepared as pretrain does ─ memory ─ faults      arithmetic: memory::Forecast
//! a few steps and an evaluation ─ time ─ faults          a measurement
//! ```

mod faults;
mod machine;
mod measure;
mod report;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Result, ensure};
use sibert_data::{Corpus, tokenizer};
use sibert_model::ModelConfig;

use crate::args::PretrainArgs;
use crate::config::RunConfig;
use crate::console::result;
use crate::corpus;
use crate::inspect::temporary_folder;
use crate::memory::{self, Forecast, Room};
use crate::pretrain::steps_of;
use faults::Fault;
use measure::measure;
use report::Report;

/// Describes the machine alone.
///
/// # Errors
/// If standard output is closed.
pub fn of_machine() -> Result<()> {
    machine::lines(Room::here(), Path::new(".")).iter().try_for_each(result)
}

/// The settings of a run that is asked about.
///
/// # Errors
/// If one is wrong.
pub fn settings(args: &PretrainArgs) -> Result<RunConfig> {
    crate::run::settings(args, None)
}

/// Describes the machine and the run; trains some steps of it if they fit and are wanted.
///
/// # Errors
/// If the text cannot be read, a step fails, or the run does not fit into the memory.
pub fn of_run(mut config: RunConfig, steps: bool) -> Result<()> {
    let room = Room::here();
    let device = config.device.open()?;
    let began = Instant::now();
    let temporary = config.shards.is_none().then(temporary_folder).transpose()?;
    let folder = temporary.as_ref().map_or(PathBuf::new(), |folder| folder.path().join("data"));
    let shards = corpus::shards(&config, &folder)?;
    let corpus = Corpus::open(&shards, &corpus::data_settings(&config))?;
    let prepared = began.elapsed();
    if let Some(epochs) = config.epochs.take() {
        config.max_steps = steps_of(epochs, &corpus, &config);
    }
    let shape = shape(&config, &corpus);
    let forecast = Forecast::of(&config, &shape);
    let peak = forecast.peak(&memory::before_training(&device));
    let fits = room.most().is_none_or(|most| !machine::is_cpu(config.device) || peak <= most as f64);
    let measured = (steps && fits).then(|| measure(&config, &shape, &corpus, &device)).transpose()?;

    let mut faults: Vec<Fault> = faults::of_settings(&config, room);
    faults.extend(faults::of_text(&config, &corpus));
    if machine::is_cpu(config.device) {
        faults.extend(faults::of_memory(peak, room, &memory::remedy(&config, &shape, room)));
    }
    faults.extend(faults::of_disk(&config, &forecast, machine::free_bytes(&config.out)));
    faults.extend(measured.iter().flat_map(|measured| faults::of_time(&config, measured)));
    let report = Report {
        config: &config,
        shape: &shape,
        corpus: &corpus,
        forecast,
        peak,
        prepared,
        measured,
        faults,
    };
    machine::lines(room, &config.out).iter().chain(&report.lines()).try_for_each(result)?;
    ensure!(fits, "the run does not fit into the memory of this machine");
    Ok(())
}

/// The model of the run, as `pretrain` makes it of the text's vocabulary.
fn shape(config: &RunConfig, corpus: &Corpus) -> ModelConfig {
    config.model.to_model_config(tokenizer::vocab_size(&corpus.tokenizer), corpus.special.pad)
}
