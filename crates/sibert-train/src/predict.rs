//! `sibert predict`: the files of the GLUE leaderboard, and SQuAD's answers.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use candle_core::Device;
use sibert_data::dataset::DataSource;
use sibert_data::task::Task;

use crate::answers::{self, Place, Purpose, Wanted};
use crate::args::{PredictArgs, TaskChoice, tasks};
use crate::console::result;
use crate::hub;
use crate::pretrained::Pretrained;
use crate::submission;
use crate::tuned::Tuned;

/// Writes the files of every task that was named; with all of GLUE's, also the archive for the site.
///
/// # Errors
/// If a model or data is missing or unfit, or a file cannot be written.
pub fn run(args: &PredictArgs) -> Result<()> {
    let device = args.ask.compute.open()?;
    let whole = args.tasks.contains(&TaskChoice::Glue);
    let mut tasks = tasks(&args.tasks);
    if whole {
        let others = Task::built_in().iter().filter(|task| task.maker() != **task && !tasks.contains(task));
        tasks.extend(others.copied().collect::<Vec<_>>());
    }
    let models: Vec<String> = models(args, &tasks)?;
    fs::create_dir_all(&args.out).with_context(|| format!("cannot create {}", args.out.display()))?;
    let mut files = Vec::new();
    for (task, model) in tasks.iter().zip(&models) {
        files.extend(predict(*task, model, args, &device)?);
    }
    files.iter().try_for_each(|file: &PathBuf| result(file.display()))?;
    if whole { result(submission::archive(&args.out, &files)?.display()) } else { Ok(()) }
}

/// The model of each task: its folder in the one that was named, or else that one, if it can serve all of them.
fn models(args: &PredictArgs, tasks: &[Task]) -> Result<Vec<String>> {
    let folder = |task: &Task| Path::new(&args.model).join(task.maker().name());
    let is_there = |task: &&Task| folder(task).join("config.json").is_file();
    if tasks.iter().all(|task| is_there(&task)) {
        return Ok(tasks.iter().map(|task| folder(task).display().to_string()).collect());
    }
    if tasks.iter().all(|task| task.maker() == tasks[0].maker()) {
        return Ok(vec![args.model.clone(); tasks.len()]);
    }
    let mut missing: Vec<&str> = Vec::new();
    for name in tasks.iter().filter(|task| !is_there(task)).map(|task| task.maker().name()) {
        if !missing.contains(&name) {
            missing.push(name);
        }
    }
    bail!(
        "{model}: expected a folder with a model for each task, there is none for {}: make them with sibert finetune \
         --task {} --out {model}",
        missing.join(", "),
        missing.join(","),
        model = args.model
    )
}

fn predict(task: Task, model: &str, args: &PredictArgs, device: &Device) -> Result<Vec<PathBuf>> {
    let pretrained = Pretrained::open(model, device)?;
    if let Some(found) = pretrained.task() {
        ensure!(
            found == task.maker(),
            "{model}: the model was fine-tuned for {found}, expected one of {}",
            task.maker()
        );
    }
    let tuned = Tuned::open(pretrained, task.maker(), &args.labels, &args.ask.lengths, device)?;
    let (data_dir, dataset) = (args.data.data_dir.as_deref(), args.data.dataset.as_deref());
    let source = match &args.questions {
        Some(_) => None,
        None => Some(DataSource::of(data_dir, dataset, task, hub::open)?),
    };
    let place = match (&source, &args.questions) {
        (Some(source), _) => Place::Source(source),
        (None, Some(file)) => Place::Questions(file),
        (None, None) => bail!("no data to predict"),
    };
    let kind = answers::of(task);
    let mut files = Vec::new();
    for split in kind.asked()? {
        let (purpose, most, tokenizer, lengths) =
            (Purpose::Answer, usize::MAX, &tuned.tokenizer, tuned.lengths);
        let set = kind.read(&Wanted { split, purpose, place, most, tokenizer, lengths })?;
        let logits = tuned.logits(set.sequences(), &args.ask, device)?;
        files.extend(set.write(logits, &tuned.labels, &args.ask.answers, &args.out)?);
    }
    Ok(files)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    #[test]
    fn each_model_that_is_missing_is_named_once() {
        let line = ["sibert", "predict", "--task", "glue", "--model", "none", "--out", "out"];
        let Command::Predict(args) = Cli::try_parse_from(line).unwrap().command else { panic!("predict") };
        let all: Vec<Task> = Task::glue().iter().copied().chain("ax".parse()).collect();
        let error = models(&args, &all).unwrap_err().to_string();
        assert!(
            error.contains("there is none for cola, sst2, mrpc, stsb, qqp, mnli, qnli, rte, wnli: make"),
            "{error}"
        );
        assert!(error.contains("--task cola,sst2,mrpc,stsb,qqp,mnli,qnli,rte,wnli --out none"), "{error}");
    }
}
