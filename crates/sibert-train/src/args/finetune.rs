//! `sibert finetune`, and the options that `evaluate` and `predict` share with it.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use sibert_data::task::Task;
use sibert_model::Precision;

use super::{OwnArgs, at_least_one, thread_count};
use crate::config::{GeneralRule, precision_on};
use crate::device::DeviceName;

/// A value of `--task`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TaskChoice {
    /// The nine tasks of GLUE.
    Glue,
    /// One task.
    One(Task),
}

impl FromStr for TaskChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "glue" => Ok(Self::Glue),
            _ => Task::named(text).map(Self::One).map_err(|error| match text.ends_with(".toml") {
                true => error,
                false => format!("{error}, or glue for its nine"),
            }),
        }
    }
}

/// The tasks that were named, each once, in the order of the names.
pub fn tasks(choices: &[TaskChoice]) -> Vec<Task> {
    let mut tasks: Vec<Task> = Vec::new();
    for choice in choices {
        let named = match choice {
            TaskChoice::Glue => Task::glue(),
            TaskChoice::One(task) => std::slice::from_ref(task),
        };
        tasks.extend(named.iter().filter(|task| !tasks.contains(task)).copied().collect::<Vec<_>>());
    }
    tasks
}

/// Where the data of the tasks is.
#[derive(Clone, Debug, Default, Args)]
pub struct TaskDataArgs {
    /// Folder with the official files: GLUE's, with CoLA/, MRPC/, …, or one task's
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Data set of the hub: org/name or org/name@revision [default: the task's own]
    #[arg(long, value_name = "DATASET")]
    pub dataset: Option<String>,
}

/// How long the model's inputs are.
#[derive(Clone, Debug, Default, Args)]
pub struct LengthArgs {
    /// Longest input in tokens; longer ones are cut, or split into windows for SQuAD and labels of words
    /// [default: the model's, else 128, SQuAD 384]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub max_seq_len: Option<usize>,
    /// SQuAD and labels of words: tokens shared by neighbouring windows [default: the model's, else 128 for SQuAD, a quarter
    /// of the window for words]
    #[arg(long, value_name = "N")]
    pub doc_stride: Option<usize>,
    /// SQuAD: longest question in tokens; longer ones are cut, 0 cuts none [default: the model's, else 64]
    #[arg(long, value_name = "N")]
    pub max_query_len: Option<usize>,
}

/// How SQuAD's answers are read off the scores.
#[derive(Clone, Debug, Default, Args)]
pub struct AnswerArgs {
    /// SQuAD: number of starts and ends to combine, and of answers to list [default: 20]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub n_best: Option<usize>,
    /// SQuAD: longest answer in tokens [default: 30]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub max_answer_len: Option<usize>,
    /// SQuAD 2.0: "no answer" wins if its score is higher than the best answer's by more than this [default: 0]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub null_threshold: Option<f32>,
}

impl AnswerArgs {
    /// Starts and ends to combine.
    pub fn n_best(&self) -> usize {
        self.n_best.unwrap_or(20)
    }

    /// Tokens of an answer at most.
    pub fn max_answer_len(&self) -> usize {
        self.max_answer_len.unwrap_or(30)
    }

    /// What "no answer" has to be ahead by.
    pub fn null_threshold(&self) -> f32 {
        self.null_threshold.unwrap_or(0.)
    }
}

/// Device, precision and threads.
#[derive(Clone, Debug, Args)]
pub struct ComputeArgs {
    /// cpu, cuda, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: DeviceName,
    /// f32, bf16 for matrix products in bfloat16, or bf16x3 for three of them
    #[arg(long, value_name = "PRECISION", default_value = "f32")]
    pub precision: Precision,
    /// CPU threads [default: every core]
    #[arg(long, value_name = "N", value_parser = thread_count())]
    pub threads: Option<u32>,
}

impl ComputeArgs {
    /// The device.
    ///
    /// # Errors
    /// If it is not there, or has no instructions for the precision.
    pub fn open(&self) -> anyhow::Result<candle_core::Device> {
        precision_on(self.precision, self.device)?;
        self.device.open()
    }
}

/// Arguments of `sibert finetune`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert finetune --train train.csv --validation dev.csv --text review --label verdict --model org/name
  sibert finetune --train all.jsonl --test-split 0.1 --text question answer --label score --model org/name
  sibert finetune --train train.conll --validation dev.conll --model org/name      a label for each word
  sibert finetune --task mrpc --model google-bert/bert-base-uncased
  sibert finetune --task mrpc --model runs/own/best --data-dir glue --seeds 5
  sibert finetune --task rte --model runs/mnli --data-dir glue       an MNLI model with a new head
  sibert finetune --task squad_v2 --model org/name@revision --data-dir squad --epochs 2
  sibert finetune --task glue --model org/name --out runs/glue       all nine, one table
  sibert finetune --task ./reviews.toml --model org/name             a task of your own
  sibert finetune --task mrpc --model org/name --out runs/mrpc --resume --seeds 10

The defaults of --lr, --epochs and --batch-size depend on the task and the size of the model;
docs/finetuning.md has the table and its sources. The seeds are S, S+1, …; a seed decides the new
head, the order of the examples and dropout. OUT is a Hugging Face folder with the best seed's
model, a model card, and finetune.json with the figures of every seed.

SIGINT and SIGTERM end the step, save a checkpoint and exit with 128 + the signal's number.
--resume continues; finished seeds stay.")]
pub struct FinetuneArgs {
    /// cola, sst2, mrpc, stsb, qqp, mnli, qnli, rte, wnli, squad, squad_v2 or a file of your own, FILE.toml; several with
    /// commas, or glue
    #[arg(long = "task", value_name = "TASK", value_delimiter = ',', required_unless_present = "train")]
    pub tasks: Vec<TaskChoice>,
    /// A model's folder, a run, or a model of the hub: org/name or org/name@revision
    #[arg(long, value_name = "MODEL")]
    pub model: String,
    /// The data
    #[command(flatten)]
    pub data: TaskDataArgs,
    /// A task of one's own tables
    #[command(flatten)]
    pub own: OwnArgs,
    /// Folder for models and figures; several tasks get a folder each in it [default: runs/TASK]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Number of seeds
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    pub seeds: usize,
    /// The first seed
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
    /// Peak learning rate, after a linear warm-up and before a linear decay to 0
    #[arg(long, value_name = "X")]
    pub lr: Option<f64>,
    /// Passes over the training data
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub epochs: Option<usize>,
    /// Examples per optimizer step
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub batch_size: Option<usize>,
    /// Split a batch into N parts, computed one after the other, to save memory
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    pub accumulation_steps: usize,
    /// Split a batch into N parts for at most N processes, whose gradients are added in one fixed order [default: 1, or
    /// 4 and more if there are several processes]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub shares: Option<usize>,
    /// lamb, adamw, or spectral for SIBERT [default: spectral for SIBERT by the recipe, lamb as in the
    /// paper and for SQuAD and labels of words, adamw for BERT]
    #[arg(long, value_name = "RULE")]
    pub optimizer: Option<GeneralRule>,
    /// Share of the steps over which the learning rate rises
    #[arg(long, value_name = "X", default_value_t = 0.1)]
    pub warmup: f64,
    /// Decoupled weight decay of the matrices; spectral has none [default: 0.01]
    #[arg(long, value_name = "X")]
    pub weight_decay: Option<f64>,
    /// Clip gradients to this norm; spectral does not ask how long they are [default: 1]
    #[arg(long, value_name = "X")]
    pub max_grad_norm: Option<f64>,
    /// Evaluations per epoch
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    pub evaluations: usize,
    /// Stop a seed after N evaluations without a better one [default: never]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub patience: Option<usize>,
    /// Train only on the first N examples
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub train_rows: Option<usize>,
    /// Write no events for TensorBoard
    #[arg(long)]
    pub no_tensorboard: bool,
    /// Continue the run in --out
    #[arg(long)]
    pub resume: bool,
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
