//! `sibert verify`.

use clap::Args;

use crate::device::DeviceName;

/// Arguments of `sibert verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sibert verify --model runs/quickstart/best

Checks that scaling the encoder's parameters by 1e-2 to 1e2 does not change its output, that
gradients are orthogonal to the parameters, and that they shrink as the parameters grow. Exits
with 1 when a check fails.")]
pub struct VerifyArgs {
    /// A model's folder, a run, or a model of the hub: org/name or org/name@revision
    #[arg(long, value_name = "MODEL")]
    pub model: String,
    /// cpu, cuda, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: DeviceName,
    /// Seed of the random batch for the checks
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
}
