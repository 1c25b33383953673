//! `sibert gradients`.

use clap::Args;

use super::TextArgs;
use crate::device::DeviceName;

/// Arguments of `sibert gradients`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert gradients --model runs/own --config runs/own/config.toml --shards runs/own/data
  sibert gradients --model runs/own/checkpoint-000200 --shards runs/own/data --batches 32

For each block of parameters: its norm, its share of the squared gradient, the cosine between
gradients of independent batches (0 is noise alone), the effective rank of a matrix's gradient,
and how far one step by --angle turns the block when all parameters share one step, as with the
paper's rule. Text and batches are those of pretrain with the same settings.")]
pub struct GradientsArgs {
    /// A model's folder, a run, or a model of the hub: org/name or org/name@revision
    #[arg(long, value_name = "MODEL")]
    pub model: String,
    /// The text
    #[command(flatten)]
    pub text: TextArgs,
    /// Independent batches, two at least
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u64).range(2..))]
    pub batches: u64,
    /// Step of the training run whose batch is the first
    #[arg(long, value_name = "STEP", default_value_t = 0)]
    pub step: u64,
    /// Angle of the step that all parameters of the encoder share, in radians
    #[arg(long, value_name = "RAD", default_value_t = 0.004)]
    pub angle: f64,
    /// cpu, cuda, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: DeviceName,
}
