//! From arguments to a run that can start: settings, device, output folder.

use std::path::{Path, absolute};

use anyhow::{Result, bail, ensure};
use candle_core::Device;
use sibert_files::FolderLock;
use sibert_files::durable;
use sibert_ranks::Place;
use toml::{Table, Value};

use crate::args::{PretrainArgs, TextArgs};
use crate::config::{RunConfig, Start};
use crate::occupied::{self, Occupied};
use crate::pretrained;
use crate::team::{Team, shares_for};

/// The resolved settings in a run's folder.
pub const SETTINGS: &str = "config.toml";

/// A pretraining run whose settings are checked, whose device is open and whose folder is writable.
pub struct Run<'a> {
    /// The resolved settings, also in the folder's `config.toml`.
    pub config: RunConfig,
    /// Where the model lives.
    pub device: Device,
    /// Whether to continue from the newest valid checkpoint.
    pub resume: bool,
    /// The processes that train it.
    pub team: &'a Team,
    /// Keeps other writers out of the folder; the first process has it.
    _lock: Option<FolderLock>,
}

impl<'a> Run<'a> {
    /// Prepares a run with these settings; writes the resolved config of a new one.
    ///
    /// # Errors
    /// If the device was not built in, or the folder is not writable, in use, or holds a run; or if the processes of the
    /// team have different settings.
    pub fn prepare(config: RunConfig, resume: bool, team: &'a Team) -> Result<Self> {
        let device = team.agree(config.device.open())?;
        team.join_gpus(&device)?;
        team.ensure_same("the settings", config.same_everywhere().to_toml()?.as_bytes())?;
        team.agree(team.shares(config.shares).map(drop))?;
        let mut lock = None;
        team.first(|| {
            lock = Some(FolderLock::acquire(&config.out)?);
            if resume { Ok(()) } else { ensure_free(&config.out) }
        })?;
        let run = Self { config, device, resume, team, _lock: lock };
        if !run.resume {
            run.save_settings()?;
        }
        Ok(run)
    }

    /// Writes `config.toml` whole or not at all: a run that is killed meanwhile can still be resumed.
    ///
    /// # Errors
    /// If the folder is not writable.
    pub fn save_settings(&self) -> Result<()> {
        self.team.first(|| {
            durable::replace(&self.config.out.join(SETTINGS), &self.config.to_toml()?)?;
            Ok(())
        })
    }
}

/// Refuses a folder that holds something in which no run is to be begun.
fn ensure_free(out: &Path) -> Result<()> {
    let shown = out.display();
    match occupied::by(out)? {
        None => Ok(()),
        Some(Occupied::Pretraining) => bail!(
            "output folder {shown} already holds a run: continue it with --resume, or name another with --out"
        ),
        Some(other) => bail!("output folder {shown} holds {}: name another with --out", other.words()),
    }
}

/// The settings of these arguments, of the process at this place.
///
/// A batch that several processes are to compute is cut into 4 shares, or more where there are more processes, unless the
/// settings say otherwise. Each process of a host takes a GPU of its own.
///
/// # Errors
/// As [`settings_alone`].
pub fn settings(args: &PretrainArgs, place: Option<&Place>) -> Result<RunConfig> {
    let mut config = settings_alone(args)?;
    let Some(place) = place else { return Ok(config) };
    if config.shares == 1 && !args.resume {
        config.shares = shares_for(place.size);
        config.validate()?;
    }
    config.device = config.device.of_rank(place.local_rank);
    Ok(config)
}

/// The settings of these arguments; `--resume` without `--config` goes by what the run left in its folder.
///
/// # Errors
/// If a setting is wrong, or there is no run to resume.
fn settings_alone(args: &PretrainArgs) -> Result<RunConfig> {
    let flags = flags(args);
    let mut file = args.text.config.clone();
    if args.resume {
        let out = RunConfig::out(file.as_deref(), &flags, &args.text.set)?;
        let own = out.join(SETTINGS);
        ensure!(
            own.is_file(),
            "{} holds no run to resume: expected {SETTINGS} in it; to begin a new run leave --resume out, and name a folder \
             without one with --out",
            out.display()
        );
        file.get_or_insert(own);
        return RunConfig::load(file.as_deref(), &flags, &args.text.set);
    }
    let start = RunConfig::init(file.as_deref(), &flags, &args.text.set)?;
    let start =
        start.map(|name| pretrained::shape(&name).map(|config| Start { name, config })).transpose()?;
    RunConfig::load_from(file.as_deref(), &flags, &args.text.set, start.as_ref())
}

/// The settings under which a text is looked at: those of `pretrain` with the same arguments.
///
/// # Errors
/// If a setting is wrong.
pub fn text_settings(args: &TextArgs) -> Result<RunConfig> {
    RunConfig::load(args.config.as_deref(), &text_flags(args), &args.set)
}

/// The flags that were given, as settings.
pub fn flags(args: &PretrainArgs) -> Table {
    let mut flags = text_flags(&args.text);
    flags.extend(run_flags(args));
    flags
}

fn text_flags(args: &TextArgs) -> Table {
    let text = |text: &String| Value::String(text.clone());
    let sources: Vec<_> = args.source.iter().map(text).collect();
    let validation: Vec<_> = args.validation.iter().map(text).collect();
    let weights: Vec<_> = args.weights.iter().map(|&weight| Value::Float(weight)).collect();
    given([
        ("source", (!sources.is_empty()).then_some(Value::Array(sources))),
        ("validation", (!validation.is_empty()).then_some(Value::Array(validation))),
        ("weights", (!weights.is_empty()).then_some(Value::Array(weights))),
        ("shards", args.shards.as_deref().map(|shards| path(&absolute(shards).unwrap_or(shards.to_owned())))),
        ("tokenizer", args.tokenizer.as_ref().map(text)),
        ("skip_bad", args.skip_bad.then_some(Value::Boolean(true))),
    ])
}

fn run_flags(args: &PretrainArgs) -> Table {
    given([
        ("out", args.out.as_deref().map(path)),
        ("init", args.init.clone().map(Value::String)),
        ("epochs", args.epochs.map(Value::Float)),
        ("lr", args.lr.map(Value::Float)),
        ("batch_size", args.batch_size.map(|size| Value::Integer(size.into()))),
        ("max_steps", args.max_steps.map(|steps| Value::Integer(steps.into()))),
        ("memory_check", args.no_memory_check.then_some(Value::Boolean(false))),
        ("tensorboard", args.no_tensorboard.then_some(Value::Boolean(false))),
        ("seed", args.seed.map(|seed| Value::Integer(seed as i64))),
        ("device", args.device.map(|device| Value::String(device.to_string()))),
        ("precision", args.precision.map(|precision| Value::String(precision.to_string()))),
        ("threads", args.threads.map(|threads| Value::Integer(threads.into()))),
    ])
}

fn path(path: &Path) -> Value {
    Value::String(path.display().to_string())
}

/// Those of the settings that there are.
fn given<const N: usize>(flags: [(&str, Option<Value>); N]) -> Table {
    flags.into_iter().filter_map(|(key, value)| Some((key.to_string(), value?))).collect()
}
