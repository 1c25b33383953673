//! The report on the seeds of a task: `finetune.json`, the model card, the table at the end.

use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use sibert_data::task::{Metric, Task};
use sibert_files::sealed;

use super::card::{Card, Figure, card};
use super::run::TaskRun;
use super::settings::Settings;
use super::state::SeedResult;
use crate::answers::{self, Outcome};
use crate::console::note_once;
use crate::console::result;
use crate::metrics::statistics::{self, Summary};
use crate::tuned::{Figures, figure_names, main_value};

/// The file's name in the folder of a run.
const REPORT: &str = "finetune.json";
/// Resamples of a bootstrap.
const RESAMPLES: usize = 1000;

/// `finetune.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskReport {
    /// The program's version.
    pub version: String,
    /// The command that makes it again.
    pub command: String,
    /// All settings but the seeds.
    pub settings: Settings,
    /// Rows that were trained on.
    pub train_rows: usize,
    /// Rows of the development sets.
    pub dev_rows: Vec<usize>,
    /// The seed whose model lies beside this file.
    pub best_seed: u64,
    /// Each figure over the seeds.
    pub summary: Vec<FigureSummary>,
    /// Every seed.
    pub seeds: Vec<SeedResult>,
}

/// One figure over the seeds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FigureSummary {
    /// Its name.
    pub name: String,
    /// Median over the seeds.
    pub median: Option<f64>,
    /// Mean over the seeds.
    pub mean: Option<f64>,
    /// Sample standard deviation over the seeds; none for one seed.
    pub standard_deviation: Option<f64>,
    /// 95 % interval of the mean: seeds and examples drawn again, with replacement.
    pub interval: Option<(f64, f64)>,
}

impl TaskReport {
    /// Summarises the seeds of a run.
    ///
    /// # Errors
    /// If what a seed said to the development sets cannot be read.
    pub fn new(run: &TaskRun, seeds: Vec<SeedResult>, command: &str) -> Result<Self> {
        let outcomes: Vec<Vec<Outcome>> =
            seeds.iter().map(|seed| run.outcomes(seed.seed)).collect::<Result<_>>()?;
        let mut summary = Vec::new();
        for (index, set) in run.dev.iter().enumerate() {
            for (metric, name) in figure_names(run.settings.task, set.split) {
                let figure = |seed: usize, rows: &[u32]| set.set.figure(metric, &outcomes[seed][index], rows);
                let interval = statistics::bootstrap(seeds.len(), set.set.len(), RESAMPLES, 0, figure);
                summary.push(FigureSummary::of(&name, &seeds, interval));
            }
        }
        let task = run.settings.task;
        let value = |seed: &SeedResult| main_value(task, &seed.figures).unwrap_or(f64::NEG_INFINITY);
        let best = seeds.iter().rev().max_by(|a, b| value(a).total_cmp(&value(b))); // the first of equals
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").into(),
            command: command.into(),
            settings: run.settings.clone(),
            train_rows: run.train.len(),
            dev_rows: run.dev.iter().map(|set| set.set.len()).collect(),
            best_seed: best.map_or(0, |seed| seed.seed),
            summary,
            seeds,
        })
    }
}

impl TaskReport {
    /// The report in a folder, if it is whole.
    pub fn read(out: &Path) -> Option<Self> {
        let path = out.join(REPORT);
        path.exists().then(|| sealed::read(&path, "", note_once).ok()).flatten()
    }

    /// Writes the report into a folder.
    ///
    /// # Errors
    /// Names the file.
    pub fn write(&self, out: &Path) -> Result<()> {
        sealed::write(&out.join(REPORT), self)
    }

    /// The model card of the best seed's model.
    ///
    /// # Errors
    /// If a setting cannot be written.
    pub fn card(&self, run: &TaskRun) -> Result<String> {
        let best = self.seeds.iter().find(|seed| seed.seed == self.best_seed);
        let of_best = |name: &str| best.and_then(|best| best.figures.get(name));
        let figures: Vec<Figure> =
            self.summary.iter().map(|figure| figure.on_card(of_best(&figure.name))).collect();
        let seeds: Vec<u64> = self.seeds.iter().map(|seed| seed.seed).collect();
        let Settings { task, model, revision, data, .. } = &self.settings;
        Ok(card(&Card {
            task: *task,
            base_model: model,
            revision: revision.as_deref(),
            model_type: run.pretrained.config.model_type.prefix(),
            data,
            command: &self.command,
            seeds: &seeds,
            best_seed: self.best_seed,
            figures: &figures,
            settings: &self.settings.entries()?,
            train_rows: self.train_rows,
            dev_rows: &self.dev_rows,
            version: &self.version,
        }))
    }
}

impl FigureSummary {
    /// The figure beside the best seed's.
    fn on_card(&self, best: Option<f64>) -> Figure<'_> {
        let Self { ref name, mean, standard_deviation, interval, .. } = *self;
        Figure { name, best, mean, standard_deviation, interval }
    }

    fn of(name: &str, seeds: &[SeedResult], interval: Option<(f64, f64)>) -> Self {
        let values: Option<Vec<f64>> = seeds.iter().map(|seed| seed.figures.get(name)).collect();
        let summary = values.as_deref().and_then(Summary::of);
        Self {
            name: name.into(),
            median: summary.as_ref().map(|summary| summary.median),
            mean: summary.as_ref().map(|summary| summary.mean),
            standard_deviation: summary.and_then(|summary| summary.standard_deviation),
            interval,
        }
    }
}

/// `accuracy 84.1  f1 88.9`: figures in percent.
pub fn line(task: Task, figures: &Figures) -> String {
    let shown = figures.iter().filter(|(name, _)| is_shown(name));
    let shown: Vec<String> = shown.map(|(name, value)| format!("{name} {}", percent(task, value))).collect();
    shown.join("  ")
}

/// The figures that a line has room for: not the many of SQuAD 2.0's script.
fn is_shown(name: &str) -> bool {
    Metric::ALL.iter().any(|metric| name.strip_suffix("_mm").unwrap_or(name) == metric.name())
}

fn percent(task: Task, value: Option<f64>) -> String {
    let scale = answers::of(task).scale();
    value.map_or("undefined".into(), |value| format!("{:.1}", scale * value))
}

/// Prints the figures of all tasks, and of several tasks their average.
///
/// # Errors
/// If standard output is closed.
pub fn table(reports: &[TaskReport]) -> Result<()> {
    result(format!(
        "{:<10} {:<12} {:>7} {:>14} {:>15}  seeds",
        "task", "figure", "median", "mean ± sd", "95 % interval"
    ))?;
    for report in reports {
        let task = report.settings.task;
        for figure in &report.summary {
            let percent = |value| percent(task, value);
            let deviation =
                figure.standard_deviation.map_or(String::new(), |sd| format!(" ± {}", percent(Some(sd))));
            let interval = figure.interval.map_or("undefined".into(), |(low, high)| {
                format!("{} … {}", percent(Some(low)), percent(Some(high)))
            });
            result(format!(
                "{:<10} {:<12} {:>7} {:>14} {:>15}  {}",
                task.title(),
                figure.name,
                percent(figure.median),
                format!("{}{deviation}", percent(figure.mean)),
                interval,
                report.seeds.len()
            ))?;
        }
    }
    if reports.len() > 1 { averages(reports) } else { Ok(()) }
}

/// The macro average over tasks as the leaderboard takes it, and without WNLI as in BERT's paper.
fn averages(reports: &[TaskReport]) -> Result<()> {
    let value = |report: &TaskReport| -> Option<f64> {
        let scale = answers::of(report.settings.task).scale();
        let means: Vec<f64> = report.summary.iter().map(|figure| figure.mean).collect::<Option<_>>()?;
        Some(scale * means.iter().sum::<f64>() / means.len() as f64)
    };
    let average = |name: &str, reports: Vec<&TaskReport>| {
        let values: Option<Vec<f64>> = reports.iter().map(|report| value(report)).collect();
        let mean = values.filter(|values| !values.is_empty());
        let mean =
            mean.map_or("undefined".into(), |v| format!("{:.1}", v.iter().sum::<f64>() / v.len() as f64));
        result(format!("{:<23} {mean:>7}   mean of {} tasks", name, reports.len()))
    };
    average("average", reports.iter().collect())?;
    let (left_out, without): (Vec<&TaskReport>, Vec<&TaskReport>) =
        reports.iter().partition(|report| report.settings.task.file().left_out_of_average);
    let left_out: Vec<&str> = left_out.iter().map(|report| report.settings.task.title()).collect();
    if left_out.is_empty() {
        return Ok(());
    }
    average(&format!("average without {}", left_out.join(", ")), without)
}
