//! From arguments to a run that can start: settings, threads, device, output folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use candle_core::Device;
use toml::{Table, Value};

use crate::args::PretrainArgs;
use crate::config::RunConfig;

/// A pretraining run whose settings are checked, whose device is open and whose folder is writable.
#[derive(Debug)]
pub struct Run {
    /// The resolved settings, also in the folder's `config.toml`.
    pub config: RunConfig,
    /// Where the model lives.
    pub device: Device,
    /// Whether to continue from the newest valid checkpoint.
    pub resume: bool,
}

impl Run {
    /// Prepares a run from its arguments, and writes its resolved config.
    ///
    /// # Errors
    /// If a setting is wrong, the device was not built in, or the folder is not writable or holds another run.
    pub fn prepare(args: &PretrainArgs) -> Result<Self> {
        let config = settings(args)?;
        if let Some(threads) = config.threads {
            limit_threads(threads)?;
        }
        let device = config.device.open()?;
        prepare_folder(&config.out, args.resume)?;
        let file = config.out.join("config.toml");
        fs::write(&file, config.to_toml()?).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Self { config, device, resume: args.resume })
    }
}

/// The settings of these arguments; `--resume` without `--config` goes by what the run left in its folder.
fn settings(args: &PretrainArgs) -> Result<RunConfig> {
    let config = RunConfig::load(args.config.as_deref(), flags(args), &args.set)?;
    let own = config.out.join("config.toml");
    if args.resume && args.config.is_none() && own.is_file() {
        return RunConfig::load(Some(&own), flags(args), &args.set);
    }
    Ok(config)
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

/// Sets the size of every thread pool; `RAYON_NUM_THREADS` is what candle's products read.
fn limit_threads(threads: usize) -> Result<()> {
    // SAFETY: arguments and settings are read on the main thread alone; no other thread exists yet.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", threads.to_string()) };
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().context("cannot start threads")
}

/// Creates the folder, shows that it can be written, and refuses one that holds a run unless it is resumed.
fn prepare_folder(out: &Path, resume: bool) -> Result<()> {
    let shown = out.display();
    fs::create_dir_all(out).with_context(|| format!("cannot create output folder {shown}"))?;
    let probe = out.join(".sibert-writable");
    let written = fs::write(&probe, "").and_then(|()| fs::remove_file(&probe));
    written.with_context(|| format!("cannot write to output folder {shown}"))?;
    let free = resume || !out.join("metrics.jsonl").exists();
    ensure!(
        free,
        "output folder {shown} already holds a run: continue it with --resume, or name another with --out"
    );
    Ok(())
}
