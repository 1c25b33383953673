//! `sibert plot`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `sibert plot`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert plot runs/sibert-mini-cpu runs/bert-mini-cpu --out docs/results/mini
  sibert plot runs/quickstart-sweep                                              all its runs")]
pub struct PlotArgs {
    /// Folders of runs, each with a metrics.jsonl, and of sweeps
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Write STEM.svg and STEM.png [default: curves, in the first run's folder]
    #[arg(long, value_name = "STEM")]
    pub out: Option<PathBuf>,
}
