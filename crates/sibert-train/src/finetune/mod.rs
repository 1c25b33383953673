//! `sibert finetune`: an encoder with a new head, trained on tasks with labels.
//!
//! ```text
//! for each task:  model + data ─ TaskRun
//!     for each seed:  Seed ─ loop ─ best checkpoint ─ SeedResult
//!     TaskReport: median, mean, deviation, interval; the best seed's model, its card
//! ```

mod begun;
mod card;
mod defaults;
mod folder;
mod head;
mod report;
mod run;
mod seed;
mod settings;
mod state;

pub use card::markdown::{code, fenced, row};
pub use card::metadata::quoted;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use sibert_data::task::Task;

use crate::answers;
use crate::args::{FinetuneArgs, tasks};
use crate::console::result;
use crate::own;
use crate::signals::{self, Stop};
use crate::team::Team;
use report::{TaskReport, table};
use run::TaskRun;

/// Fine-tunes on every task that was named, and prints their figures.
///
/// # Errors
/// If a model, data or setting is unfit, training diverges, or a file cannot be written; the message names it, and what
/// was saved before stays intact. If a signal ended it: [`signals::interrupted`].
pub fn run(args: &FinetuneArgs, team: &Team) -> Result<()> {
    let own = own::task(&args.own)?;
    let tasks = own.as_ref().map_or_else(|| tasks(&args.tasks), |(task, _)| vec![*task]);
    let last = args.seed.checked_add(args.seeds as u64).context("--seed is too large")?;
    answers::refuse_idle(&tasks, &args.lengths, &args.answers)?;
    ensure_data(args, &tasks)?;
    let mut reports: Vec<TaskReport> = Vec::new();
    for task in &tasks {
        let source = match &own {
            Some((_, source)) => source.clone(),
            None => own::source(*task, &args.data)?,
        };
        let run = TaskRun::prepare(*task, &source, args, &folder_of(args, &tasks, *task), team)?;
        let stop = Stop::install()?; // while a task is prepared there is nothing to save
        match run.train(args.seed..last, &stop, &command_line())? {
            Some(report) => reports.push(report),
            None => return Err(team.ends_all(signals::interrupted())),
        }
        let [signals] = team.totals([u64::from(stop.requested())])?;
        if signals > 0 && reports.len() < tasks.len() {
            return Err(team.ends_all(signals::interrupted()));
        }
    }
    table(&reports)?;
    for task in &tasks {
        result(format!("{:<10} {}", task.title(), folder_of(args, &tasks, *task).display()))?;
    }
    Ok(())
}

/// The folder of one task: `--out`, or a folder in it where there are several.
fn folder_of(args: &FinetuneArgs, tasks: &[Task], task: Task) -> PathBuf {
    match (&args.out, tasks.len()) {
        (Some(out), 1) => out.clone(),
        (Some(out), _) => out.join(task.name()),
        (None, _) => PathBuf::from("runs").join(task.name()),
    }
}

/// Of several tasks, all data is looked at before the first one is trained on for hours.
fn ensure_data(args: &FinetuneArgs, tasks: &[Task]) -> Result<()> {
    if tasks.len() < 2 {
        return Ok(());
    }
    let missing = |task: &Task| -> Option<String> {
        let found = own::source(*task, &args.data).and_then(|source| answers::of(*task).check(&source));
        found.err().map(|error| format!("\n  {task}: {error:#}"))
    };
    let missing: Vec<String> = tasks.iter().filter_map(missing).collect();
    ensure!(
        missing.is_empty(),
        "the data of some tasks is not there:{}\nname those that are with --task A,B,…",
        missing.concat()
    );
    Ok(())
}

/// The command as it was given, quoted for a shell; without `--resume`, it makes the run again in a new folder.
fn command_line() -> String {
    let words = std::env::args_os().skip(1).filter(|word| word != "--resume");
    let words = words.map(|word| word.to_string_lossy().into_owned());
    let words: Vec<String> = std::iter::once("sibert".to_owned()).chain(words).collect();
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default() // only a NUL fails, which no argument holds
}
