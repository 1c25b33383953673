//! `sibert fill-mask`.

use std::path::PathBuf;

use clap::Args;

use super::at_least_one;
use crate::device::DeviceName;

/// Arguments of `sibert fill-mask`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  sibert fill-mask --model runs/quickstart/best \"The capital of France is [MASK].\"")]
pub struct FillMaskArgs {
    /// Folder of the model: config.json, model.safetensors, tokenizer.json
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Guesses per mask
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = at_least_one)]
    pub top_k: usize,
    /// cpu, cuda, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: DeviceName,
    /// Sentences that contain `[MASK]`
    #[arg(help = "Sentences that contain [MASK]", required = true, value_name = "TEXT")]
    pub text: Vec<String>,
}
