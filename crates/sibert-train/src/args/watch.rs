//! `sibert watch`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `sibert watch`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert watch runs/own                      a run that trains, here or in another terminal
  sibert watch runs/sibert runs/bert         side by side
  sibert watch runs/mrpc --once              one frame as text

It reads the files that runs write, so it can begin before a run does, and stop and start as you
like. q quits. Where standard output is no terminal it prints one frame, without colours.")]
pub struct WatchArgs {
    /// Folders of runs of pretrain or finetune
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Print one frame as text, and exit
    #[arg(long)]
    pub once: bool,
    /// Characters in a line of that frame [default: the terminal's, else 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(20..=400))]
    pub width: Option<u16>,
}
