//! One run that is watched: what its folder says by now.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::follow::Follower;
use super::panel::KEYS;
use super::status::Status;
use crate::config::RunConfig;
use crate::log::{Evaluation, Report};
use crate::plot::name_of;
use crate::pretrain::Health;

/// `(step, value)`.
pub type Points = Vec<(f64, f64)>;

/// Reports by which the pace is told.
const RECENT: usize = 20;

/// A run, as far as it is read.
pub struct Watched {
    /// Name of its folder.
    pub name: String,
    /// Where it is.
    pub status: Status,
    /// The curves by the JSON pointers of their values.
    pub curves: BTreeMap<&'static str, Points>,
    /// Warnings about it, as `pretrain` gives them; the newest last.
    pub warnings: Vec<String>,
    folder: PathBuf,
    /// The seed whose metrics are followed, of a fine-tuning.
    pub seed: Option<u64>,
    follower: Follower,
    settings: Settings,
    health: Health,
    /// Passes over the data at a step, of the last line that tells.
    epoch: Option<(f64, f64)>,
}

/// What is known of a run before its first report.
#[derive(Default)]
struct Settings {
    pretraining: Option<RunConfig>,
    /// Passes over the data, of a fine-tuning.
    epochs: Option<f64>,
}

impl Watched {
    /// The run of a folder, or of a `metrics.jsonl`; nothing is read yet.
    pub fn new(path: &Path) -> Self {
        let folder = if path.is_file() { path.parent().unwrap_or(Path::new("")) } else { path };
        let mut run = Self {
            name: name_of(folder),
            status: Status::Absent,
            curves: BTreeMap::new(),
            warnings: Vec::new(),
            folder: folder.to_owned(),
            seed: None,
            follower: Follower::new(folder.join("metrics.jsonl")),
            settings: Settings::default(),
            health: Health::new(f64::NAN), // known when the run is over
            epoch: None,
        };
        run.restart();
        run
    }

    /// Reads what has come since the last look.
    pub fn look(&mut self) {
        self.choose_file();
        let news = self.follower.look();
        if news.restarted {
            self.restart();
        }
        if self.settings.is_empty() {
            self.settings = Settings::read(&self.folder);
        }
        news.lines.iter().for_each(|line| self.take(line));
        self.status = Status::of(&self.folder, self.follower.path());
    }

    /// Of a fine-tuning, the seed that was reported on last.
    fn choose_file(&mut self) {
        let Some((seed, path)) = newest_seed(&self.folder) else { return };
        if self.follower.path() != path {
            self.follower = Follower::new(path);
            self.seed = Some(seed);
            self.restart();
        }
    }

    /// Forgets everything that was read: another file, or one that was cut.
    fn restart(&mut self) {
        self.curves.clear();
        self.warnings.clear();
        self.settings = Settings::read(&self.folder);
        (self.health, self.epoch) = (Health::new(f64::NAN), None);
    }

    fn take(&mut self, line: &Value) {
        let number = |key: &str| line.pointer(key).and_then(Value::as_f64);
        let Some(step) = number("/step") else { return };
        for key in KEYS {
            if let Some(value) = number(key) {
                self.curves.entry(key).or_default().push((step, value));
            }
        }
        self.epoch = number("/epoch").map(|epoch| (step, epoch)).or(self.epoch);
        if let Some(config) = &self.settings.pretraining {
            if let Ok(report) = Report::deserialize(line) {
                self.warnings.extend(self.health.of_report(&report, config));
            } else if let Ok(evaluation) = Evaluation::deserialize(line) {
                self.warnings.extend(self.health.of_evaluation(&evaluation, config));
            }
        }
    }

    /// The points of a curve; none if there is nothing of it.
    pub fn points(&self, key: &str) -> &[(f64, f64)] {
        self.curves.get(key).map_or(&[], Vec::as_slice)
    }

    /// The last value of a curve.
    pub fn last(&self, key: &str) -> Option<f64> {
        self.points(key).last().map(|point| point.1)
    }

    /// Optimizer steps done, by the last line.
    pub fn step(&self) -> f64 {
        self.curves.values().filter_map(|points| points.last()).map(|point| point.0).fold(0., f64::max)
    }

    /// Optimizer steps of the whole run.
    pub fn steps(&self) -> Option<f64> {
        let of_tuning = || {
            let (step, epoch) = self.epoch.filter(|(_, epoch)| *epoch > 0.)?;
            Some((step / epoch * self.settings.epochs?).round())
        };
        self.settings.pretraining.as_ref().map(|config| config.max_steps as f64).or_else(of_tuning)
    }

    /// Passes over the data, by the last line.
    pub fn epochs_done(&self) -> Option<f64> {
        self.epoch.map(|(_, epoch)| epoch)
    }

    /// Time for the steps to come at the pace of the last reports, evaluations and checkpoints aside.
    pub fn time_left(&self) -> Option<Duration> {
        let times = [self.points("/timing/elapsed_seconds"), self.points("/timing/seconds")];
        let times = times.into_iter().find(|points| points.len() > 1)?;
        let (first, last) = (times[times.len().saturating_sub(RECENT)], times[times.len() - 1]);
        let pace = (last.1 - first.1) / (last.0 - first.0);
        Duration::try_from_secs_f64(pace * (self.steps()? - self.step()).max(0.)).ok()
    }

    /// What the run is, for its heading.
    pub fn what(&self) -> String {
        let Some(config) = &self.settings.pretraining else {
            return self.seed.map(|seed| format!("seed {seed}")).unwrap_or_default();
        };
        let (model, rule) = (&config.model, format!("{:?}", config.optimizer).to_lowercase());
        let (kind, layers, width) = (model.model_type.prefix(), model.num_hidden_layers, model.hidden_size);
        format!("{kind}, {layers} layers of {width}, {rule}, lr {}", config.lr)
    }
}

impl Settings {
    fn read(folder: &Path) -> Self {
        let file = folder.join("config.toml");
        let none = toml::Table::new();
        let pretraining = file.is_file().then(|| RunConfig::load(Some(&file), &none, &[]).ok()).flatten();
        let settings = fs::read_to_string(folder.join("settings.json")).ok();
        let settings = settings.and_then(|text| serde_json::from_str::<Value>(&text).ok());
        Self { pretraining, epochs: settings.and_then(|settings| settings.get("epochs")?.as_f64()) }
    }

    fn is_empty(&self) -> bool {
        self.pretraining.is_none() && self.epochs.is_none()
    }
}

/// The seed of a fine-tuning whose metrics changed last.
fn newest_seed(folder: &Path) -> Option<(u64, PathBuf)> {
    let seeds = fs::read_dir(folder).ok()?.flatten().filter_map(|entry| {
        let seed: u64 = entry.file_name().to_str()?.strip_prefix("seed-")?.parse().ok()?;
        let path = entry.path().join("metrics.jsonl");
        Some((fs::metadata(&path).ok()?.modified().ok()?, seed, path))
    });
    seeds.max().map(|(_, seed, path)| (seed, path))
}
