//! `sibert verify`.

use clap::Args;

use crate::device::DeviceName;

/// Arguments of `sibert verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sibert verify --model runs/quickstart/best

Scales the encoder by 1e-2 to 1e2 and compares its output, measures how orthogonal gradients are
to parameters, and the degree of the gradient. Exits with 1 when a check fails.")]
pub struct VerifyArgs {
    /// Folder of a model or run, or a model of the hub as org/name or org/name@revision
    #[arg(long, value_name = "MODEL")]
    pub model: String,
    /// cpu, cuda, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: DeviceName,
    /// Seed of the random batch that is checked
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
}
