//! `sibert evaluate`: the figures of a fine-tuned model, or of a file of predictions.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sibert_data::dataset::DataSource;

use crate::answers;
use crate::args::EvaluateArgs;
use crate::console::result;
use crate::hub;
use crate::pretrained::Pretrained;
use crate::tuned::{DevSet, Figures, Tuned};

/// Prints the figures as one JSON object.
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
    let task = args.task.or(pretrained.task()).with_context(|| {
        format!("{model}: its config.json does not name the task it was fine-tuned for: name it with --task")
    })?;
    let source =
        DataSource::of(args.data.data_dir.as_deref(), args.data.dataset.as_deref(), task, hub::open)?;
    let tuned = Tuned::open(pretrained, task, &args.labels, &args.ask.lengths, &device)?;
    let mut figures = Figures::default();
    for set in DevSet::read(task, &source, &tuned.tokenizer, tuned.lengths)? {
        let logits = tuned.logits(set.set.sequences(), &args.ask, &device)?;
        figures.extend(set.judge(logits, &tuned.labels, &args.ask.answers)?.figures);
    }
    Ok(json!({ "task": task.name(), "model": model, "data": source.to_string(), "figures": figures }))
}
