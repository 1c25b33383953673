//! `sibert plot`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Arguments of `sibert plot`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert plot runs/sibert-mini-cpu runs/bert-mini-cpu --out docs/results/mini
  sibert plot runs/sgd runs/adamw --figure loss --labels 'SGD,AdamW'
  sibert plot runs/sgd runs/adamw --figure loss --over seconds
  sibert plot runs/scales --figure robustness --over init_scale --out figures/scales
  sibert plot runs/quickstart-sweep --terminal                                   all runs of a sweep

Runs that differ only in the seed share a colour and a label; the thick line is their mean.
--figure also writes its numbers, to STEM.csv.")]
pub struct PlotArgs {
    /// Folders of runs or of sweeps
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// The figure to draw [default: all metrics, as small charts]
    #[arg(long)]
    pub figure: Option<Figure>,
    /// Write STEM.svg and STEM.png, and for a figure STEM.csv [default: in the first run's folder, curves or the figure's name]
    #[arg(long, value_name = "STEM")]
    pub out: Option<PathBuf>,
    /// The setting on the x axis of --figure robustness [default: the only number that differs between the runs]; for --figure loss
    /// seconds or tokens, in place of steps
    #[arg(long, value_name = "KEY")]
    pub over: Option<String>,
    /// Labels of the lines, in order [default: the settings that differ, else the folders]
    #[arg(long, value_name = "A,B,…", value_delimiter = ',')]
    pub labels: Vec<String>,
    /// Draw a chart as text even if standard output is not a terminal
    #[arg(long)]
    pub terminal: bool,
}

/// The figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Figure {
    /// Held-out and training loss over the steps
    Loss,
    /// Norm of the encoder over the steps, and the norm at which it would settle
    Norm,
    /// Final held-out loss over one setting that was varied
    Robustness,
    /// Gradient norm against the clipping threshold, and share of steps clipped
    Clip,
    /// Angle of a step, and the angle that the theory predicts
    Angle,
    /// Memory of parameters, gradients, optimizer and the rest
    Memory,
}

impl Figure {
    /// Its name in options and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Norm => "norm",
            Self::Robustness => "robustness",
            Self::Clip => "clip",
            Self::Angle => "angle",
            Self::Memory => "memory",
        }
    }
}
