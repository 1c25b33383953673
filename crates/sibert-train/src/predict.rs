//! `sibert predict`: the files of the GLUE leaderboard, and SQuAD's answers.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use candle_core::Device;
use sibert_data::dataset::DataSource;
use sibert_data::examples;
use sibert_data::squad::{self, Question};
use sibert_data::task::{Split, Task};

use crate::args::{PredictArgs, TaskChoice, tasks};
use crate::console::{note, result};
use crate::hub;
use crate::pretrained::Pretrained;
use crate::submission::{self, Prediction};
use crate::tuned::{Encoded, Outputs, Sequence, Tuned, encode, outputs, warn_of_unknown};

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
    let questions = args.questions.as_deref().map(|file| questions(task, file)).transpose()?;
    let source =
        || DataSource::of(args.data.data_dir.as_deref(), args.data.dataset.as_deref(), task, hub::open);
    let pretrained = Pretrained::open(model, device)?;
    if let Some(found) = pretrained.task() {
        ensure!(
            found == task.maker(),
            "{model}: the model was fine-tuned for {found}, expected one of {}",
            task.maker()
        );
    }
    let tuned = Tuned::open(pretrained, task.maker(), &args.labels, &args.ask.lengths, device)?;
    if task.is_squad() {
        let questions = questions.map_or_else(|| squad::read_unanswered(task, &source()?, &note), Ok)?;
        return answers(task, &tuned, &questions, args, device);
    }
    let source = source()?;
    let write = |split: Split| -> Result<PathBuf> {
        let examples = examples::read(task, split, &source, &note)?;
        let Encoded { sequences, cut } = encode(&examples, &tuned.tokenizer, tuned.lengths.max_seq_len)?;
        if cut > 0 {
            note(format!(
                "{task}: {cut} of {} examples are cut to {} tokens",
                examples.len(),
                tuned.lengths.max_seq_len
            ));
        }
        warn_of_unknown(&format!("{task}, examples to predict"), &sequences, &tuned.tokenizer)?;
        let predictions = match outputs_of(&tuned, &sequences, args, device)? {
            Outputs::Classes(classes) => classes.into_iter().map(Prediction::Class).collect(),
            Outputs::Scores(scores) => scores.into_iter().map(Prediction::Score).collect(),
            Outputs::Spans(_) => Vec::new(), // SQuAD's alone
        };
        submission::write(&args.out, task, split, &predictions)
    };
    ensure!(task.has(Split::Test), "{task} has no test set: name it in [files] of its own file");
    task.test_splits().map(write).collect()
}

/// The questions in a file.
fn questions(task: Task, file: &Path) -> Result<Vec<Question>> {
    ensure!(
        task.is_squad(),
        "--questions {}: {task} has none, expected --task squad or squad_v2",
        file.display()
    );
    squad::read_file_unanswered(file, &note)
}

/// The answers to questions, as SQuAD's scripts take them.
fn answers(
    task: Task,
    tuned: &Tuned,
    questions: &[Question],
    args: &PredictArgs,
    device: &Device,
) -> Result<Vec<PathBuf>> {
    let windows = squad::windows(questions, &tuned.tokenizer, &tuned.lengths.windows(), &note)?;
    let sequences: Vec<Sequence> = windows.iter().cloned().map(Sequence::from).collect();
    let Outputs::Spans(logits) = outputs_of(tuned, &sequences, args, device)? else {
        bail!("the model's head gives no spans");
    };
    let found = squad::answers(questions, &windows, &logits, &args.ask.answers.settings(task));
    squad::write(&args.out, &found)
}

fn outputs_of(tuned: &Tuned, sequences: &[Sequence], args: &PredictArgs, device: &Device) -> Result<Outputs> {
    outputs(&tuned.model, &tuned.labels, sequences, args.ask.batch_size, args.ask.compute.precision, device)
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
