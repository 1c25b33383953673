//! `sibert evaluate`: the figures of a fine-tuned model, or of a file of predictions.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use sibert_data::dataset::DataSource;
use sibert_data::examples::{self, Example, Target};
use sibert_data::squad::{self, Question};
use sibert_data::task::{Kind, Split, Task};

use crate::args::EvaluateArgs;
use crate::console::{note, result};
use crate::hub;
use crate::metrics::{self, squad as squad_metrics};
use crate::pretrained::Pretrained;
use crate::submission::{self, Prediction};
use crate::tuned::{DevSet, Figures, Tuned, figure_names, outputs};

/// Prints the figures as one JSON object.
///
/// # Errors
/// If the model, the data or the predictions cannot be read, or do not belong together.
pub fn run(args: &EvaluateArgs) -> Result<()> {
    let figures = match (&args.predictions, &args.model) {
        (Some(file), _) => of_file(args, file)?,
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
        let precision = args.ask.compute.precision;
        let outputs =
            outputs(&tuned.model, &tuned.labels, &set.sequences, args.ask.batch_size, precision, &device)?;
        figures.extend(set.judge(outputs, &args.ask.answers.settings(task))?.figures);
    }
    Ok(json!({ "task": task.name(), "model": model, "data": source.to_string(), "figures": figures }))
}

/// The figures of a file of predictions, by the official rules.
fn of_file(args: &EvaluateArgs, predictions: &Path) -> Result<Value> {
    let dataset = PathBuf::from(args.data.dataset.as_deref().unwrap_or_default());
    match args.task {
        Some(task) if !task.is_squad() => of_glue_file(task, predictions, &dataset),
        task => of_squad_file(args, task, predictions, &dataset),
    }
}

fn of_squad_file(
    args: &EvaluateArgs,
    task: Option<Task>,
    predictions: &Path,
    dataset: &Path,
) -> Result<Value> {
    let questions: Vec<Question> = squad::read_file(dataset, &note)?;
    let answers = squad::read_predictions(predictions)?;
    let second = task.map_or_else(
        || questions.iter().any(|question| question.impossible) || args.na_prob_file.is_some(),
        |task| task.kind() == Kind::Span { unanswerable: true },
    );
    if !second {
        return Ok(serde_json::to_value(squad_metrics::score_v1(&questions, &answers))?);
    }
    let odds = args.na_prob_file.as_deref().map(squad::read_na_probs).transpose()?;
    let score = squad_metrics::score_v2(&questions, &answers, odds.as_ref(), args.na_prob_thresh);
    Ok(serde_json::to_value(score)?)
}

/// A leaderboard file beside a development set with labels.
fn of_glue_file(task: Task, predictions: &Path, dataset: &Path) -> Result<Value> {
    ensure!(task.has(Split::Validation), "{task} has no labels to compare with");
    let examples: Vec<Example> = examples::read_file(task, Split::Validation, dataset, &note)?;
    let predicted = submission::read(predictions, task)?;
    ensure!(
        predicted.len() == examples.len(),
        "{} has {} predictions, {} has {} examples: is it for another set?",
        predictions.display(),
        predicted.len(),
        dataset.display(),
        examples.len()
    );
    let mut figures = Figures::default();
    for (metric, name) in figure_names(task, Split::Validation) {
        let value = match of_classes(&predicted, &examples) {
            Some((predicted, actual)) => metrics::of_classes(metric, &predicted, &actual),
            None => {
                let (predicted, actual) = of_scores(&predicted, &examples);
                metrics::of_scores(metric, &predicted, &actual)
            }
        };
        figures.insert(&name, value);
    }
    Ok(json!({ "task": task.name(), "figures": figures }))
}

fn of_classes(predicted: &[Prediction], examples: &[Example]) -> Option<(Vec<u32>, Vec<u32>)> {
    let class = |prediction: &Prediction| match prediction {
        Prediction::Class(class) => Some(*class),
        Prediction::Score(_) => None,
    };
    let actual = |example: &Example| match example.target {
        Some(Target::Class(class)) => Some(class),
        _ => None,
    };
    Some((
        predicted.iter().map(class).collect::<Option<_>>()?,
        examples.iter().map(actual).collect::<Option<_>>()?,
    ))
}

fn of_scores(predicted: &[Prediction], examples: &[Example]) -> (Vec<f32>, Vec<f32>) {
    let score = |prediction: &Prediction| match prediction {
        Prediction::Score(score) => *score,
        Prediction::Class(_) => f32::NAN,
    };
    let actual = |example: &Example| match example.target {
        Some(Target::Score(score)) => score,
        _ => f32::NAN,
    };
    (predicted.iter().map(score).collect(), examples.iter().map(actual).collect())
}
