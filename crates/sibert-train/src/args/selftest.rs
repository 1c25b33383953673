//! `sibert selftest`.

use std::path::PathBuf;

use clap::Args;

use super::thread_count;
use crate::device::DeviceName;

/// Arguments of `sibert selftest`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert selftest --device cuda --json selftest.json
  sibert selftest --quick

Compares the device with this processor: every operation forward and backward in f32 and bf16,
dropout masks, gradients and parameters of small models, the losses of short trainings in f32 and
bf16, scale invariance, and on a GPU the memory of long attention. Needs no files. All checks run
even if one fails; the exit code is then 1.")]
pub struct SelftestArgs {
    /// cpu, cuda, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: DeviceName,
    /// Smaller sizes and fewer steps
    #[arg(long)]
    pub quick: bool,
    /// Write all checks to FILE, as one JSON object
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// CPU threads [default: every core]
    #[arg(long, value_name = "N", value_parser = thread_count())]
    pub threads: Option<u32>,
}
