//! `sibert predict`: the rows of a table with their answers, the files of the GLUE leaderboard, SQuAD's answers.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use candle_core::Device;
use serde_json::Value;
use sibert_data::table::{self, Row, Table};
use sibert_data::tagged;
use sibert_data::task::{Split, Task};

use crate::answers::{self, Answered, Place, Purpose, Set, Wanted};
use crate::args::{PredictArgs, TaskChoice, tasks};
use crate::console::result;
use crate::own;
use crate::pretrained::Pretrained;
use crate::submission;
use crate::tuned::Tuned;

/// Writes the files of every task that was named; with all of GLUE's, also the archive for the site.
///
/// # Errors
/// If a model or data is missing or unfit, or a file cannot be written.
pub fn run(args: &PredictArgs) -> Result<()> {
    let device = args.ask.compute.open()?;
    if args.input.is_some() || !args.texts.is_empty() {
        return of_table(args, &device);
    }
    let out = args.out.as_deref().context("name the folder for the files with --out")?;
    let whole = args.tasks.contains(&TaskChoice::Glue);
    let mut tasks = tasks(&args.tasks);
    if whole {
        let others = Task::built_in().iter().filter(|task| task.maker() != **task && !tasks.contains(task));
        tasks.extend(others.copied().collect::<Vec<_>>());
    }
    let models: Vec<String> = models(args, &tasks)?;
    fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    let mut files = Vec::new();
    for (task, model) in tasks.iter().zip(&models) {
        files.extend(predict(*task, model, out, args, &device)?);
    }
    files.iter().try_for_each(|file: &PathBuf| result(file.display()))?;
    if whole { result(submission::archive(out, &files)?.display()) } else { Ok(()) }
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

/// Answers each row of a table and writes all of it, or answers one text and prints that.
fn of_table(args: &PredictArgs, device: &Device) -> Result<()> {
    let named = tasks(&args.tasks);
    ensure!(named.len() < 2, "--input and --text: expected one task, found {}", named.len());
    args.out.as_deref().map_or(Ok(()), table::check_name)?;
    if let (Some(out), Some(input)) = (&args.out, &args.input) {
        let is_same =
            fs::canonicalize(out).is_ok_and(|out| fs::canonicalize(input).is_ok_and(|input| input == out));
        ensure!(
            !is_same,
            "--out {} is the --input, which it would replace: name another file",
            out.display()
        );
    }
    let pretrained = Pretrained::open(&args.model, device)?;
    let (task, labels) = match named.first().copied().or(pretrained.task()) {
        Some(task) => (task, args.labels.clone()),
        None => {
            let told = pretrained.told_task(&args.labels, pairs(args)?)?;
            (told, told.class_names().to_vec())
        }
    };
    let tuned = open(pretrained, task, &labels, args, device)?;
    let table = match &args.input {
        Some(file) if tagged::is_columns(file) => tagged::table(file, &columns(task)[0])?,
        Some(file) => Table::read(file)?,
        None => of_texts(task, &args.texts)?,
    };
    let set = read(task, &tuned, Split::Test, Place::Table(&table))?;
    let logits = tuned.logits(set.sequences(), &args.ask, device)?;
    let answered = set.answered(&logits, &tuned.labels)?;
    match &args.out {
        Some(out) => {
            table::write(&answered.beside(&table), out)?;
            result(out.display())
        }
        None => print(&answered),
    }
}

/// Whether there are two texts to an answer, of a model that does not say so.
fn pairs(args: &PredictArgs) -> Result<bool> {
    match &args.input {
        Some(file) if !tagged::is_columns(file) => Ok(Table::read(file)?.column("text_pair").is_ok()),
        _ => Ok(args.texts.len() == 2),
    }
}

/// The names of the columns of text, of which there is one or two.
fn columns(task: Task) -> Vec<String> {
    let named = task.file().columns.as_ref();
    let named = named.into_iter().flat_map(|named| [Some(&named.text), named.pair.as_ref()]).flatten();
    let names: Vec<String> = named.filter_map(|names| names.0.first().cloned()).collect();
    if names.is_empty() { vec!["text".into()] } else { names }
}

/// One text, or a pair of them, as a table.
fn of_texts(task: Task, texts: &[String]) -> Result<Table> {
    let columns = columns(task);
    let (expected, found) = (columns.len(), texts.len());
    ensure!(
        expected == found,
        "--text: {task} takes {expected} text(s) ({}), found {found}",
        columns.join(", ")
    );
    let rows = vec![Row { line: 1, cells: texts.iter().map(|text| text.as_str().into()).collect() }];
    Ok(Table::new("--text", columns, rows))
}

/// A line for each column of an answer.
fn print(answered: &Answered) -> Result<()> {
    let width = answered.columns.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    answered.columns.iter().zip(answered.rows.iter().flatten()).try_for_each(|(name, cell)| {
        let shown = match cell.as_f64() {
            Some(number) => format!("{number:.4}"),
            None => words(cell),
        };
        result(format!("{name:<width$}  {shown}"))
    })
}

/// A text, or texts with commas between them.
fn words(cell: &Value) -> String {
    match cell.as_array() {
        Some(cells) => cells.iter().map(table::shown).collect::<Vec<_>>().join(", "),
        None => table::shown(cell),
    }
}

/// A model that was fine-tuned for a task.
fn open(
    pretrained: Pretrained,
    task: Task,
    labels: &[String],
    args: &PredictArgs,
    device: &Device,
) -> Result<Tuned> {
    answers::refuse_idle(&[task], &args.ask.lengths, &args.ask.answers)?;
    if let Some(found) = pretrained.task() {
        ensure!(
            found == task.maker(),
            "{}: the model was fine-tuned for {found}, expected one of {}",
            pretrained.name,
            task.maker()
        );
    }
    Tuned::open(pretrained, task.maker(), labels, &args.ask.lengths, device)
}

/// The rows to answer.
fn read(task: Task, tuned: &Tuned, split: Split, place: Place) -> Result<Box<dyn Set>> {
    let (purpose, most, tokenizer, lengths) = (Purpose::Answer, usize::MAX, &tuned.tokenizer, tuned.lengths);
    answers::of(task).read(&Wanted { split, purpose, place, most, tokenizer, lengths })
}

fn predict(task: Task, model: &str, out: &Path, args: &PredictArgs, device: &Device) -> Result<Vec<PathBuf>> {
    let tuned = open(Pretrained::open(model, device)?, task, &args.labels, args, device)?;
    let source = match &args.questions {
        Some(_) => None,
        None => Some(own::source(task, &args.data)?),
    };
    let place = match (&source, &args.questions) {
        (Some(source), _) => Place::Source(source),
        (None, Some(file)) => Place::Questions(file),
        (None, None) => bail!("no data to predict"),
    };
    let mut files = Vec::new();
    for split in answers::of(task).asked()? {
        let set = read(task, &tuned, split, place)?;
        let logits = tuned.logits(set.sequences(), &args.ask, device)?;
        files.extend(set.write(logits, &tuned.labels, &args.ask.answers, out)?);
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
