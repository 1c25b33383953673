//! `sibert sweep`.

use std::path::PathBuf;

use clap::Args;

use super::{PretrainArgs, TextArgs, at_least_one};

/// Arguments of `sibert sweep`.
#[derive(Debug, Args)]
#[command(mut_arg("config", |config| config.long(None::<&str>).required(true).value_name("CONFIG").help(
    "Config file of all runs, as pretrain takes it"
)))]
#[command(after_help = "\
Examples:
  sibert sweep configs/quickstart.toml --vary init_scale=0.01,1,100 --seeds 3
  sibert sweep tiny.toml --vary lr=0.03,0.1,0.3 --vary clip=2,none --jobs 2
  sibert sweep tiny.toml --vary 'schedule.milestones=[0.6, 0.9],[0.5]' --dry-run
  sibert sweep configs/paper/figure-1-cpu.toml             what the config's table [sweep] says
  sibert sweep tiny.toml --vary 'sisgd: optimizer=sisgd clip=2' \\
                         --vary 'adamw: model.type=bert optimizer=adamw lr=1e-3'

Every combination is a run of pretrain in a folder of its own, OUT/lr=0.1,clip=2. Settings that
belong together are a variant, NAME: KEY=VALUE …; all variants are one axis. Combinations are
checked before the first one starts. What they are trained on is prepared once, in OUT/data,
unless a key that decides the text varies.

At the end: a table, OUT/summary.csv and summary.json, OUT/curves.svg and .png. The same command
again trains what is missing, with the same results however it was stopped, and then what failed;
more values and seeds can be added. Ctrl-C and SIGTERM let each run save a checkpoint first. It
exits with 1 if a run failed; one that diverged is a result.")]
pub struct SweepArgs {
    /// What to train on, and how
    #[command(flatten)]
    pub text: TextArgs,
    /// Values of a config key, KEY=V1,V2,…, or a variant, "NAME: KEY=VALUE KEY=VALUE"; repeatable [default: the
    /// config's sweep.vary]
    #[arg(long, value_name = "KEY=VALUES")]
    pub vary: Vec<String>,
    /// Train each combination with so many seeds, from the config's on [default: the config's sweep.seeds, or 1]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub seeds: Option<usize>,
    /// Runs at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    pub jobs: usize,
    /// Folder of the sweep [default: runs/NAME-sweep, of the config NAME.toml]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Optimizer steps of each run [default: the config's]
    #[arg(long, value_name = "N")]
    pub max_steps: Option<u32>,
    /// CPU threads of each run [default: the cores, shared by the jobs]
    #[arg(long, value_name = "N")]
    pub threads: Option<u32>,
    /// List the runs and how far they are; train nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl SweepArgs {
    /// The arguments of `pretrain` that all runs have in common.
    pub fn of_each_run(&self) -> PretrainArgs {
        let Self { text, max_steps, threads, .. } = self;
        PretrainArgs {
            text: text.clone(),
            max_steps: *max_steps,
            threads: *threads,
            ..PretrainArgs::default()
        }
    }
}
