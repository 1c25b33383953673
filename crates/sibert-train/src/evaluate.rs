//! `sibert evaluate`: the figures of a fine-tuned model, or of a file of predictions.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};
use sibert_data::dataset::DataSource;
use sibert_data::task::{Split, Task};

use crate::answers::{self, Report};
use crate::args::EvaluateArgs;
use crate::console::{note, result};
use crate::own;
use crate::plot::confusion;
use crate::pretrained::Pretrained;
use crate::tuned::{DevSet, Figures, Tuned};

/// Tables of more classes are not printed.
const MOST_LINES: usize = 50;

/// Prints the figures as one JSON object, and those of each class as a table.
///
/// # Errors
/// If the model, the data or the predictions cannot be read, or do not belong together.
pub fn run(args: &EvaluateArgs) -> Result<()> {
    let figures = match (&args.predictions, &args.model) {
        (Some(file), _) => answers::score_file(args.task, file, args)?,
        (None, Some(model)) => of_model(args, model)?,
        (None, None) => bail!("nothing to evaluate: name a model with --model"),
    };
    result(serde_json::to_string_pretty(&figures)?)
}

/// The model's figures on the development sets of its task.
fn of_model(args: &EvaluateArgs, model: &str) -> Result<Value> {
    let device = args.ask.compute.open()?;
    let pretrained = Pretrained::open(model, &device)?;
    let (task, labels) = match (args.task.or(pretrained.task()), &args.validation) {
        (Some(task), _) => (task, args.labels.clone()),
        (None, Some(_)) => {
            let told = pretrained.told_task(&args.labels, false)?;
            (told, told.class_names().to_vec())
        }
        (None, None) => bail!(
            "{model}: its config.json does not name the task it was fine-tuned for: name it with --task, or a table with \
             --validation"
        ),
    };
    answers::refuse_idle(&[task], &args.ask.lengths, &args.ask.answers)?;
    let (task, source) = source(task, args)?;
    let tuned = Tuned::open(pretrained, task, &labels, &args.ask.lengths, &device)?;
    let (mut figures, mut by_class) = (Figures::default(), Map::new());
    for set in DevSet::read(task, &source, &tuned.tokenizer, tuned.lengths)? {
        let logits = tuned.logits(set.set.sequences(), &args.ask, &device)?;
        match set.set.report(&logits, &tuned.labels) {
            Some(report) => tell(&report, task, set.split, args.confusion.as_deref(), &mut by_class)?,
            None => {
                ensure!(args.confusion.is_none(), "--confusion: {task} has no classes to take for each other")
            }
        }
        figures.extend(set.judge(logits, &tuned.labels, &args.ask.answers)?.figures);
    }
    let mut all =
        json!({ "task": task.name(), "model": model, "data": source.to_string(), "figures": figures });
    all.as_object_mut().into_iter().for_each(|all| all.append(&mut by_class));
    Ok(all)
}

/// The task and its data: the table that is named, or what the task says.
fn source(task: Task, args: &EvaluateArgs) -> Result<(Task, DataSource)> {
    match &args.validation {
        Some(file) => own::with_validation(task, file),
        None => Ok((task, own::source(task, &args.data)?)),
    }
}

/// Prints the table of a set's classes unless it is long, draws what is taken for what, and adds both to the JSON.
fn tell(
    report: &Report,
    task: Task,
    split: Split,
    stem: Option<&Path>,
    json: &mut Map<String, Value>,
) -> Result<()> {
    let suffix = if split == Split::ValidationMismatched { "_mm" } else { "" };
    match report.classes.len() {
        count if count > MOST_LINES => {
            note(format!("{task}, {split}: {count} classes, see the JSON for each"))
        }
        _ => note(format!("{task}, {split}\n{report}")),
    }
    json.insert(format!("classes{suffix}"), serde_json::to_value(&report.classes)?);
    if let Some(confusion) = &report.confusion {
        json.insert(format!("confusion{suffix}"), serde_json::to_value(confusion)?);
    }
    let Some(stem) = stem else { return Ok(()) };
    let confusion = report.confusion.as_ref().with_context(|| {
        format!("--confusion: {task} has no classes, or too many, to draw beside each other")
    })?;
    let names: Vec<String> = report.classes.iter().map(|class| class.name.clone()).collect();
    let stem = Path::new(stem).with_file_name(format!(
        "{}{suffix}",
        stem.file_name().map(|name| name.to_string_lossy()).unwrap_or_default()
    ));
    let drawn = confusion::draw(&task.to_string(), &names, confusion, &stem)?;
    drawn.iter().for_each(|path| note(format!("confusion   {}", path.display())));
    Ok(())
}
