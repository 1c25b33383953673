//! A task's fine-tuning run: what its seeds share, and what they give together.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use anyhow::{Result, ensure};
use candle_core::Device;
use sibert_data::dataset::DataSource;
use sibert_data::task::{Split, Task};
use sibert_files::FolderLock;
use sibert_files::durable;
use sibert_model::Origins;

use super::begun::{Begun, Digests};
use super::folder::{self, SeedFolder};
use super::head::{Head, ModelFiles};
use super::report::{self, TaskReport};
use super::seed::Seed;
use super::settings::Settings;
use super::state::SeedResult;
use crate::answers::{self, Outcome, Place, Purpose, Set, Wanted};
use crate::args::FinetuneArgs;
use crate::config::{ScheduleConfig, ScheduleKind};
use crate::console::note;
use crate::pretrained::Pretrained;
use crate::signals::Stop;
use crate::team::Team;
use crate::tensorboard::Events;
use crate::tuned::{DevSet, Sequence};
use crate::update::WholeRule;

/// How long the processes of a team wait for each other.
const PATIENCE: Duration = Duration::from_secs(600);

/// The parts that the seeds of a run share.
pub struct TaskRun<'a> {
    /// The model to begin with.
    pub pretrained: Pretrained,
    /// All settings but the seeds.
    pub settings: Settings,
    /// The head of the task.
    pub head: Head,
    /// The examples to train on.
    pub train: Box<dyn Set>,
    /// The examples to judge by.
    pub dev: Vec<DevSet>,
    /// Where the model lives.
    pub device: Device,
    /// The files beside the weights.
    pub files: ModelFiles,
    /// The processes that train it.
    pub team: &'a Team,
    out: PathBuf,
    tensorboard: bool,
    said: Once,
    _lock: Option<FolderLock>,
}

impl<'a> TaskRun<'a> {
    /// Opens the folder, the model and the data.
    ///
    /// # Errors
    /// If one of them is unfit or has changed since the run was begun, or the folder holds another run.
    pub fn prepare(
        task: Task,
        source: &DataSource,
        args: &FinetuneArgs,
        out: &Path,
        team: &'a Team,
    ) -> Result<Self> {
        let (name, maker) = (task.name(), task.maker());
        ensure!(
            maker == task,
            "{task} has no training set: fine-tune {}, and predict {name} with that model",
            maker.name()
        );
        team.patience(None);
        let device = team.agree(args.compute.open())?;
        team.join_gpus(&device)?;
        let pretrained = team.in_turn(|| Pretrained::open(&args.model, &device))?;
        let before = team.first(|| Ok(if args.resume { Begun::shares(out) } else { None }))?;
        let shares = args.shares.or(before);
        let settings = Settings::of(task, args, &pretrained, source.to_string());
        let settings = team.agree(settings.and_then(|settings| settings.in_shares(shares, team.size())))?;
        team.ensure_same("the settings", &serde_json::to_vec(&settings)?)?;
        team.agree(team.shares(settings.shares).map(drop))?;
        let (mut lock, mut begun) = (None, None);
        team.first(|| {
            lock = Some(FolderLock::acquire(out)?);
            begun = Begun::read(out, &settings, args.resume)?;
            Ok(())
        })?;
        let head = Head::of(&pretrained, task)?;
        let (tokenizer, lengths) = (&pretrained.tokenizer, settings.lengths);
        let (split, purpose, place) = (Split::Train, Purpose::Train, Place::Source(source));
        let most = settings.train_rows.unwrap_or(usize::MAX);
        let wanted = Wanted { split, purpose, place, most, tokenizer, lengths };
        let (train, dev) = team.in_turn(|| {
            Ok((answers::of(task).read(&wanted)?, DevSet::read(task, source, tokenizer, lengths)?))
        })?;
        if !task.is_built_in() {
            team.first(|| {
                warn_of_copies(&*train, &dev);
                Ok(())
            })?;
        }
        let files = ModelFiles::of(&pretrained, &settings, &head.labels)?;
        let digests = Digests::of(&pretrained, &*train, &dev)?;
        team.ensure_same("the model and the data", &serde_json::to_vec(&digests)?)?;
        team.first(|| {
            begun.as_ref().map_or(Ok(()), |begun| begun.ensure_same(&digests))?;
            Begun::write(out, &settings, digests)
        })?;
        team.patience(Some(PATIENCE));
        let (out, said, tensorboard) = (out.to_owned(), Once::new(), !args.no_tensorboard);
        Ok(Self {
            pretrained,
            settings,
            head,
            train,
            dev,
            device,
            files,
            team,
            out,
            tensorboard,
            said,
            _lock: lock,
        })
    }

    /// Trains every seed that is not done; none if a signal ended the run early. Others that were done before stay.
    ///
    /// # Errors
    /// As [`Seed::train`].
    pub fn train(&self, seeds: Range<u64>, stop: &Stop, command: &str) -> Result<Option<TaskReport>> {
        self.describe();
        let mut results = Vec::new();
        let done = self.team.first(|| SeedFolder::done(&self.out))?;
        let command = self.command(&done, &seeds, command);
        for seed in seeds.chain(done).collect::<BTreeSet<u64>>() {
            let folder = SeedFolder::of(&self.out, seed);
            let before = self.team.first(|| {
                let result = folder.result()?;
                if result.is_some() {
                    folder.drop_checkpoints()?; // of a run that was killed in the act
                }
                Ok(result)
            });
            let result = match before? {
                Some(result) => {
                    note(format!(
                        "seed {seed}: done before, {}",
                        report::line(self.settings.task, &result.figures)
                    ));
                    result
                }
                None => match Seed::prepare(self, folder, seed)?.train(stop)? {
                    Some(result) => result,
                    None => return Ok(None),
                },
            };
            results.push(result);
        }
        self.team.first(|| self.conclude(results, &command)).map(Some)
    }

    /// The command that makes all seeds again: the one before, if there are more than this one asks for.
    fn command(&self, done: &[u64], seeds: &Range<u64>, now: &str) -> String {
        let more = done.iter().any(|seed| !seeds.contains(seed));
        let before = more.then(|| TaskReport::read(&self.out)).flatten();
        before.map_or(now.to_owned(), |report| report.command)
    }

    /// The best seed's model, the model card and `finetune.json`.
    fn conclude(&self, seeds: Vec<SeedResult>, command: &str) -> Result<TaskReport> {
        let task_report = TaskReport::new(self, seeds, command)?;
        let best = SeedFolder::of(&self.out, task_report.best_seed).model();
        folder::publish(&best, &self.out)?;
        durable::replace(&self.out.join("README.md"), &task_report.card(self)?)?;
        task_report.write(&self.out)?;
        Ok(task_report)
    }

    /// TensorBoard's events of a seed, if they are wanted.
    ///
    /// # Errors
    /// If the settings cannot be written as JSON.
    pub fn events(&self, folder: &Path, seed: u64) -> Result<Option<Events>> {
        if !self.tensorboard {
            return Ok(None);
        }
        let mut args = serde_json::to_value(&self.settings)?;
        args["seed"] = seed.into();
        let model = serde_json::from_str(&self.files.config)?;
        Ok(Some(Events::new(folder, vec![("args", args), ("model_config", model)])))
    }

    /// The answers of a seed's best checkpoint to the development sets.
    ///
    /// # Errors
    /// If its file cannot be read.
    pub fn outcomes(&self, seed: u64) -> Result<Vec<Outcome>> {
        SeedFolder::of(&self.out, seed).outcomes()
    }

    /// Optimizer steps in a pass over the training set.
    pub fn steps_per_epoch(&self) -> usize {
        self.train.sequences().len().div_ceil(self.settings.batch_size)
    }

    /// Optimizer steps of the whole run of a seed.
    pub fn total_steps(&self) -> usize {
        self.steps_per_epoch() * self.settings.epochs
    }

    /// Whether the model is judged after `step` steps: so many times an epoch, and at its end.
    pub fn is_evaluated_at(&self, step: usize) -> bool {
        let (per_epoch, times) = (self.steps_per_epoch(), self.settings.evaluations);
        let within = (step - 1) % per_epoch + 1; // 1 … per_epoch
        (1..=times).any(|k| within == (per_epoch * k).div_ceil(times))
    }

    /// The rule of the update, over the whole run.
    pub fn rule(&self) -> WholeRule {
        let Settings { optimizer, lr, weight_decay, max_grad_norm, warmup, precision, .. } = self.settings;
        let schedule = ScheduleConfig::warmed_up(ScheduleKind::Linear, warmup).over(self.total_steps());
        WholeRule { optimizer, lr, weight_decay, max_grad_norm, schedule, precision }
    }

    /// `212 samples/s, 1.2 GiB`.
    pub fn pace(&self, result: &SeedResult) -> String {
        let memory =
            result.peak_memory_bytes.map(|bytes| format!(", {} MiB", bytes >> 20)).unwrap_or_default();
        format!("{:.0} samples/s{memory}", result.samples_per_second)
    }

    /// Which parameters are new and which of the checkpoint's are not used: once, not for every seed.
    pub fn say_once(&self, origins: &Origins) {
        self.said.call_once(|| {
            let list = |names: &[String]| names.join(", ");
            if !origins.unused.is_empty() {
                note(format!("not used of {}: {}", self.pretrained.name, list(&origins.unused)));
            }
            if !origins.drawn.is_empty() {
                note(format!("new, drawn from the seed: {}", list(&origins.drawn)));
            }
        });
    }

    fn describe(&self) {
        let Settings { task, lr, epochs, batch_size, optimizer, .. } = &self.settings;
        let rule = format!("{optimizer:?}").to_lowercase();
        let dev: Vec<String> = self.dev.iter().map(|set| set.set.len().to_string()).collect();
        note(format!(
            "{task}: {} rows to train on, {} to evaluate on; {rule}, lr {lr}, {epochs} epochs of {} steps of {batch_size}",
            self.train.len(),
            dev.join(" and "),
            self.steps_per_epoch(),
        ));
    }
}

/// Says how many inputs of a development set the model is trained on: figures on them say little.
fn warn_of_copies(train: &dyn Set, dev: &[DevSet]) {
    let seen: HashSet<&Sequence> = train.sequences().iter().collect();
    for set in dev {
        let all = set.set.sequences();
        let copies = all.iter().filter(|sequence| seen.contains(sequence)).count();
        if copies > 0 {
            note(format!(
                "{copies} of the {} inputs to evaluate on are also in the set to train on: figures will be better than on new ones",
                all.len()
            ));
        }
    }
}
