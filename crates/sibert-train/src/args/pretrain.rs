//! `sibert pretrain`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use sibert_model::Precision;

use super::TextArgs;
use crate::device::DeviceName;

/// Arguments of `sibert pretrain`.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Examples:
  sibert pretrain                                          the built-in corpus, a few minutes
  sibert pretrain --source book.txt notes/ --out runs/own  your own text
  sibert pretrain --source hf://datasets/wikimedia/wikipedia/20231101.simple
  sibert pretrain --shards shards/wiki                     shards from sibert prepare
  sibert pretrain --init google-bert/bert-base-uncased --source reports/ --epochs 3
  sibert pretrain --config configs/sibert-mini-cpu.toml --source book.txt --set lr=1e-3 clip=none
  sibert pretrain --out runs/own --resume                  continue a run that was stopped
  mpirun -n 4 sibert pretrain --source book.txt            on four processes together

--init continues the masked-language-model training of any BERT or SIBERT on your own text, with
the model's tokenizer and a fresh optimizer. The settings are in configs/continue-bert.toml and
configs/continue-sibert.toml.

Flags override the config file, and --set overrides both. --resume without --config reads the
run's own config.toml. docs/configuration.md explains every config key.

SIGINT and SIGTERM end the step, save a checkpoint and exit with 128 + the signal's number, so a
command after && does not start. A second signal stops at once, and so does one before the first
step; after that give the same command again. SIGHUP and SIGUSR1 do the same. A failed run exits
with 1 and keeps its checkpoints. An option that is no option, or has no such value, exits with 2.

mpirun and srun start a run on many processes, of a build with --features mpi; docs/clusters.md.")]
pub struct PretrainArgs {
    /// The text to train on
    #[command(flatten)]
    pub text: TextArgs,
    /// Folder for metrics, curves and checkpoints [default: the config's]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Continue a model in place of starting a new one: a folder, a run, or a model of the hub
    #[arg(long, value_name = "MODEL", conflicts_with = "resume")]
    pub init: Option<String>,
    /// Optimizer steps of the whole run [default: the config's]
    #[arg(long, value_name = "N")]
    pub max_steps: Option<u32>,
    /// Passes over the text, in place of --max-steps
    #[arg(long, value_name = "E", conflicts_with = "max_steps")]
    pub epochs: Option<f64>,
    /// Learning rate; for the optimizer spectral the angle of a step in radians [default: the config's]
    #[arg(long, value_name = "X")]
    pub lr: Option<f64>,
    /// Sequences per step [default: the config's]
    #[arg(long, value_name = "N")]
    pub batch_size: Option<u32>,
    /// Seed of every random choice [default: the config's]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: Option<u64>,
    /// Begin even if the run seems to need more memory than there is
    #[arg(long)]
    pub no_memory_check: bool,
    /// Write no events for TensorBoard
    #[arg(long)]
    pub no_tensorboard: bool,
    /// Continue from the newest valid checkpoint of --out
    #[arg(long)]
    pub resume: bool,
    /// cpu, cuda, cuda:N or metal [default: the config's]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<DeviceName>,
    /// f32, bf16 for matrix products in bfloat16, or bf16x3 for three of them [default: the config's]
    #[arg(long, value_name = "PRECISION")]
    pub precision: Option<Precision>,
    /// Save and exit with 75 after this time, such as 3h50m, for a scheduler to continue with --resume
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub time_limit: Option<Duration>,
    /// CPU threads of a process [default: every core, or its part of them]
    #[arg(long, value_name = "N")]
    pub threads: Option<u32>,
}
