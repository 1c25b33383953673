//! `sibert pretrain`.

use std::path::PathBuf;

use clap::Args;
use sibert_model::Precision;

use super::TextArgs;
use crate::device::DeviceName;

/// Arguments of `sibert pretrain`.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Examples:
  sibert pretrain                                          a few minutes on the built-in corpus
  sibert pretrain --source book.txt notes/ --out runs/own  your own text, files and folders
  sibert pretrain --source hf://datasets/wikimedia/wikipedia/20231101.simple
  sibert pretrain --shards shards/wiki                     what sibert prepare made
  sibert pretrain --init google-bert/bert-base-uncased --source reports/ --epochs 3
  sibert pretrain --config configs/sibert-mini-cpu.toml --source book.txt --set lr=1e-3 clip=none
  sibert pretrain --out runs/own --resume                  go on where that run stopped

--init goes on with the masked-language-model training of any BERT or SIBERT, on a text of
your own, by its own tokenizer and with a fresh optimizer; configs/continue-bert.toml and
continue-sibert.toml have the settings.

Flags win over the config file, and --set over both. --resume without --config reads
the run's own config.toml. docs/configuration.md explains every config key.

SIGINT and SIGTERM end the step, save a checkpoint and exit with 128 + the signal's number, so
that what follows behind && does not begin; a second one stops at once, as does one before the
first step, where the same command goes on. A failed run exits with 1, its earlier checkpoints
intact; a wrong option with 2.")]
pub struct PretrainArgs {
    /// What to train on
    #[command(flatten)]
    pub text: TextArgs,
    /// Folder for metrics, curves and checkpoints [default: the config's]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// A model to go on with, in place of a new one: a folder, a run, or a model of the hub
    #[arg(long, value_name = "MODEL", conflicts_with = "resume")]
    pub init: Option<String>,
    /// Optimizer steps of the whole run [default: the config's]
    #[arg(long, value_name = "N")]
    pub max_steps: Option<u32>,
    /// Passes over the text, in place of --max-steps
    #[arg(long, value_name = "E", conflicts_with = "max_steps")]
    pub epochs: Option<f64>,
    /// Learning rate; of the rule spectral the angle of a step in radians [default: the config's]
    #[arg(long, value_name = "X")]
    pub lr: Option<f64>,
    /// Sequences in a step [default: the config's]
    #[arg(long, value_name = "N")]
    pub batch_size: Option<u32>,
    /// Seed of every random choice [default: the config's]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: Option<u64>,
    /// Continue from the newest valid checkpoint of --out
    #[arg(long)]
    pub resume: bool,
    /// cpu, cuda, cuda:N or metal [default: the config's]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<DeviceName>,
    /// Numbers that matrix products multiply, f32 or bf16 [default: the config's]
    #[arg(long, value_name = "PRECISION")]
    pub precision: Option<Precision>,
    /// CPU threads [default: every core]
    #[arg(long, value_name = "N")]
    pub threads: Option<u32>,
}
