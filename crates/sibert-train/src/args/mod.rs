//! The command line, as clap reads it: a file for each subcommand, and the text that several of them read.

mod bench;
mod completions;
mod data;
mod devices;
mod doctor;
mod embed;
mod evaluate;
mod export;
mod fill_mask;
mod finetune;
mod gradients;
mod kernels;
mod man;
mod own;
mod plot;
mod prepare;
mod pretrain;
mod push;
mod selftest;
mod sweep;
mod text;
mod tokenizer;
mod verify;
mod watch;

use clap::builder::RangedI64ValueParser;
use clap::{ArgGroup, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use bench::{Arch, BenchArgs};
pub use completions::CompletionsArgs;
pub use data::{DataArgs, DataView};
pub use devices::DevicesArgs;
pub use doctor::DoctorArgs;
pub use embed::{EmbedArgs, PoolingName};
pub use evaluate::{AskArgs, EvaluateArgs, PredictArgs};
pub use export::{ExportArgs, Part};
pub use fill_mask::FillMaskArgs;
pub use finetune::{AnswerArgs, ComputeArgs, FinetuneArgs, LengthArgs, TaskChoice, TaskDataArgs, tasks};
pub use gradients::GradientsArgs;
pub use kernels::KernelsArgs;
pub use man::ManArgs;
pub use own::OwnArgs;
pub use plot::{Figure, PlotArgs};
pub use prepare::PrepareArgs;
pub use pretrain::PretrainArgs;
pub use push::PushArgs;
pub use selftest::SelftestArgs;
pub use sweep::SweepArgs;
pub use text::{SourceArgs, TextArgs};
pub use tokenizer::{EncodeArgs, TokenizerCommand, TrainTokenizerArgs};
pub use verify::VerifyArgs;
pub use watch::WatchArgs;

use crate::config::MOST_THREADS;

/// Pretrain, fine-tune and check SIBERT, a scale-invariant BERT.
#[derive(Debug, Parser)]
#[command(name = "sibert", version, arg_required_else_help = true)]
pub struct Cli {
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// The arguments of this process. A number below zero is the value of the option before it, whose range then refuses it.
///
/// # Errors
/// If they are none of a command, or ask for help.
pub fn parsed() -> Result<Cli, clap::Error> {
    fn lenient(command: clap::Command) -> clap::Command {
        command.mut_args(|arg| arg.allow_negative_numbers(true)).mut_subcommands(lenient)
    }
    let matches = lenient(Cli::command()).try_get_matches()?;
    Cli::from_arg_matches(&matches)
}

/// Options of which one at least is needed: without any, all of them are named.
fn one_of<const N: usize>(name: &'static str, options: [&'static str; N]) -> ArgGroup {
    ArgGroup::new(name).args(options).required(true).multiple(true)
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Pretrain an encoder by masked language modelling
    Pretrain(PretrainArgs),
    /// Pretrain with every combination of some settings, and compare the runs
    Sweep(SweepArgs),
    /// Train an encoder with a new head: on your own labels, GLUE or SQuAD
    #[command(name = "finetune")]
    FineTune(Box<FinetuneArgs>),
    /// Evaluate a fine-tuned model, or score a file of predictions
    Evaluate(EvaluateArgs),
    /// Answer your own texts, or write the files of the GLUE leaderboard or of SQuAD
    Predict(PredictArgs),
    /// Push a model and its card to the Hugging Face hub
    Push(PushArgs),
    /// Turn text into token ids once, for many runs
    Prepare(PrepareArgs),
    /// Learn a tokenizer, or print the token ids of a text
    #[command(subcommand)]
    Tokenizer(TokenizerCommand),
    /// Look at a text before training on it
    Data(DataArgs),
    /// Guess the masked words of sentences
    FillMask(FillMaskArgs),
    /// Turn texts into vectors
    Embed(EmbedArgs),
    /// Write a model as an ONNX file
    Export(ExportArgs),
    /// Check the scale invariance of a trained model
    Verify(VerifyArgs),
    /// Compare the gradients of independent batches, block by block
    Gradients(GradientsArgs),
    /// Show the training curves of runs in the terminal while they train
    Watch(WatchArgs),
    /// Draw the training curves of runs
    Plot(PlotArgs),
    /// Time training steps or the forward pass on random tokens
    Bench(BenchArgs),
    /// Say what a run will need, and what is likely to go wrong, before it starts
    Doctor(Box<DoctorArgs>),
    /// List the processor and the GPUs of this machine
    Devices(DevicesArgs),
    /// Check a device against this processor, operation by operation and in training
    Selftest(SelftestArgs),
    /// Write the source of the CUDA kernels
    Kernels(KernelsArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Write the manual pages
    Man(ManArgs),
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("expected at least 1".to_string()),
        Ok(number) => Ok(number),
        Err(_) => Err("expected a whole number".to_string()),
    }
}

fn thread_count() -> RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=MOST_THREADS as i64)
}
