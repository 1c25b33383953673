//! From arguments to a run that can start: settings, threads, device, output folder.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use candle_core::Device;
use toml::{Table, Value};

use crate::args::{PlotArgs, PretrainArgs};
use crate::checkpoint::RunLock;
use crate::config::RunConfig;
use crate::plot;

/// A pretraining run whose settings are checked, whose device is open and whose folder is writable.
#[derive(Debug)]
pub struct Run {
    /// The resolved settings, also in the folder's `config.toml`.
    pub config: RunConfig,
    /// Where the model lives.
    pub device: Device,
    /// Whether to continue from the newest valid checkpoint.
    pub resume: bool,
    /// Keeps other writers out of the folder.
    _lock: RunLock,
}

impl Run {
    /// Prepares a run from its arguments, and writes its resolved config.
    ///
    /// # Errors
    /// If a setting is wrong, the device was not built in, or the folder is not writable, in use, or holds a run.
    pub fn prepare(args: &PretrainArgs) -> Result<Self> {
        let config = settings(args)?;
        if let Some(threads) = config.threads {
            limit_threads(threads)?;
        }
        let device = config.device.open()?;
        let lock = RunLock::acquire(&config.out)?;
        ensure!(
            args.resume || !config.out.join("metrics.jsonl").exists(),
            "output folder {} already holds a run: continue it with --resume, or name another with --out",
            config.out.display()
        );
        save_settings(&config)?;
        Ok(Self { config, device, resume: args.resume, _lock: lock })
    }
}

/// The settings of these arguments; `--resume` without `--config` goes by what the run left in its folder.
fn settings(args: &PretrainArgs) -> Result<RunConfig> {
    let flags = flags(args);
    let mut file = args.config.clone();
    if args.resume && file.is_none() {
        let own = RunConfig::out(&flags, &args.set)?.join("config.toml");
        file = own.is_file().then_some(own);
    }
    RunConfig::load(file.as_deref(), &flags, &args.set)
}

/// The flags that were given, as settings.
fn flags(args: &PretrainArgs) -> Table {
    let path = |path: &PathBuf| Value::String(path.display().to_string());
    let texts = (!args.text.is_empty()).then(|| Value::Array(args.text.iter().map(path).collect()));
    let settings = [
        ("text", texts),
        ("tokenizer", args.tokenizer.as_ref().map(path)),
        ("out", args.out.as_ref().map(path)),
        ("max_steps", args.max_steps.map(|steps| Value::Integer(steps.into()))),
        ("seed", args.seed.map(|seed| Value::Integer(seed as i64))),
        ("device", args.device.map(|device| Value::String(device.to_string()))),
        ("threads", args.threads.map(|threads| Value::Integer(threads.into()))),
    ];
    settings.into_iter().filter_map(|(key, value)| Some((key.to_string(), value?))).collect()
}

/// Writes `config.toml` whole or not at all: a run that is killed meanwhile can still be resumed.
fn save_settings(config: &RunConfig) -> Result<()> {
    let (file, unfinished) = (config.out.join("config.toml"), config.out.join(".config.toml.tmp"));
    fs::write(&unfinished, config.to_toml()?)
        .and_then(|()| fs::rename(&unfinished, &file))
        .with_context(|| format!("cannot write {}", file.display()))
}

/// Sets the size of every thread pool; `RAYON_NUM_THREADS` is what candle's products read.
fn limit_threads(threads: usize) -> Result<()> {
    // SAFETY: arguments and settings are read on the main thread alone; no other thread exists yet.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", threads.to_string()) };
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().context("cannot start threads")
}

/// Draws the curves of runs, each named after its folder.
///
/// # Errors
/// If a run has no readable metrics, or a drawing cannot be written.
pub fn draw(args: &PlotArgs) -> Result<()> {
    let name = |run: &PathBuf| run.file_name().unwrap_or(run.as_os_str()).to_string_lossy().into_owned();
    let runs: Vec<_> = args.runs.iter().map(|run| (name(run), run.clone())).collect();
    let stem = args.out.clone().unwrap_or_else(|| args.runs[0].join("curves"));
    let drawn = plot::draw(&runs, &stem)?;
    ensure!(!drawn.is_empty(), "{}: nothing to draw, no metrics were reported yet", args.runs[0].display());
    drawn.iter().for_each(|file| println!("{}", file.display()));
    Ok(())
}
