//! `sibert evaluate` and `sibert predict`.

use std::path::PathBuf;

use clap::Args;
use sibert_data::task::Task;

use super::finetune::{AnswerArgs, ComputeArgs, LengthArgs, TaskChoice, TaskDataArgs};
use super::{at_least_one, one_of};

/// How a model is asked.
#[derive(Debug, Args)]
pub struct AskArgs {
    /// Examples per forward pass
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = at_least_one)]
    pub batch_size: usize,
    /// Lengths of the inputs
    #[command(flatten)]
    pub lengths: LengthArgs,
    /// SQuAD's answers
    #[command(flatten)]
    pub answers: AnswerArgs,
    /// Device, precision, threads
    #[command(flatten)]
    pub compute: ComputeArgs,
}

/// Arguments of `sibert evaluate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert evaluate --model runs/own --validation test.csv --confusion runs/own/confusion
  sibert evaluate --task mrpc --model runs/mrpc --data-dir glue
  sibert evaluate --model runs/squad_v2 --data-dir squad             its config.json names the task
  sibert evaluate --task mnli --model org/name --labels contradiction,entailment,neutral
  sibert evaluate --predictions answers.json --dataset dev-v2.0.json --na-prob-file null_odds.json
  sibert evaluate --task mrpc --predictions MRPC.tsv --dataset glue/MRPC/dev.tsv

Prints one JSON object on standard output, and a table of the classes on standard error. SQuAD's predictions are scored as the official
scripts do, by the rules of version 2.0 if the data set has questions without an answer.", group = one_of("judged", ["model", "predictions"]))]
pub struct EvaluateArgs {
    /// The task [default: the model's, or SQuAD for a file of predictions]
    #[arg(long, value_name = "TASK", value_parser = Task::named)]
    pub task: Option<Task>,
    /// A fine-tuned model's folder, or a model of the hub
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// Names of the model's classes, in its order, if its config.json has none
    #[arg(long, value_name = "LABELS", value_delimiter = ',')]
    pub labels: Vec<String>,
    /// Another table to evaluate a model of your own labels on
    #[arg(long, value_name = "FILE", conflicts_with_all = ["task", "predictions", "data_dir", "dataset"])]
    pub validation: Option<String>,
    /// Draw which class is taken for which, as FILE.svg and FILE.png
    #[arg(long, value_name = "FILE", conflicts_with = "predictions")]
    pub confusion: Option<PathBuf>,
    /// Predictions to score, in place of a model
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "labels"], requires = "dataset")]
    pub predictions: Option<PathBuf>,
    /// With --predictions: each question's score of "no answer", as a JSON object
    #[arg(long, value_name = "FILE", requires = "predictions")]
    pub na_prob_file: Option<PathBuf>,
    /// With --na-prob-file: questions with a higher score count as not answered
    #[arg(
        long,
        value_name = "X",
        default_value_t = 1.,
        allow_negative_numbers = true,
        requires = "na_prob_file"
    )]
    pub na_prob_thresh: f64,
    /// The data; with --predictions, --dataset is its file
    #[command(flatten)]
    pub data: TaskDataArgs,
    /// How the model is asked
    #[command(flatten)]
    pub ask: AskArgs,
}

/// Arguments of `sibert predict`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert predict --model runs/own --input new.csv --out answers.csv    your labels, added to every row
  sibert predict --model runs/own --text \"what a film\"
  sibert predict --task mrpc --model runs/mrpc --data-dir glue --out submission
  sibert predict --task glue --model runs/glue --data-dir glue --out submission
  sibert predict --task ax --model runs/mnli --data-dir glue --out submission
  sibert predict --task squad --model runs/squad --data-dir squad --out answers
  sibert predict --task squad_v2 --model runs/squad_v2 --questions asked.json --out answers

For GLUE it writes the files of the leaderboard, and submission.zip if there are all eleven. For
several tasks MODEL is the folder that finetune --task glue wrote, with a folder for each task.
For SQuAD it writes predictions.json, nbest_predictions.json and null_odds.json, for the
development set or for the questions in FILE, which need no answers.", group = one_of("asked", ["tasks", "input", "texts"]))]
pub struct PredictArgs {
    /// A task or a file of your own, FILE.toml; several with commas, or glue: the nine and ax, by the model of mnli
    #[arg(long = "task", value_name = "TASK", value_delimiter = ',')]
    pub tasks: Vec<TaskChoice>,
    /// Table whose rows are answered: csv, tsv, jsonl or parquet with the columns of the training table, or conll
    #[arg(long, value_name = "FILE", conflicts_with_all = ["questions", "texts", "data_dir", "dataset"])]
    pub input: Option<PathBuf>,
    /// A text to answer, or a pair of them; the answer is printed
    #[arg(long = "text", value_name = "TEXT", num_args = 1..=2, conflicts_with_all = ["questions", "data_dir", "dataset"])]
    pub texts: Vec<String>,
    /// A fine-tuned model's folder, a folder of such folders, or a model of the hub
    #[arg(long, value_name = "MODEL")]
    pub model: String,
    /// Names of the model's classes, in its order, if its config.json has none
    #[arg(long, value_name = "LABELS", value_delimiter = ',')]
    pub labels: Vec<String>,
    /// SQuAD: questions to answer, in official JSON or parquet [default: the development set]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data_dir", "dataset"])]
    pub questions: Option<PathBuf>,
    /// The data
    #[command(flatten)]
    pub data: TaskDataArgs,
    /// Folder for the files; with --input the table to write: csv, tsv or jsonl
    #[arg(long, value_name = "DIR", required_unless_present = "texts", conflicts_with = "texts")]
    pub out: Option<PathBuf>,
    /// How the model is asked
    #[command(flatten)]
    pub ask: AskArgs,
}
