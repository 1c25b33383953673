//! `sibert sweep`.

use std::path::PathBuf;

use clap::Args;

use super::{PretrainArgs, TextArgs, at_least_one};

/// Arguments of `sibert sweep`.
#[derive(Debug, Args)]
#[command(mut_arg("config", |config| config.long(None::<&str>).required(true).value_name("CONFIG").help(
    "Config file of all runs, as for pretrain --config"
)))]
#[command(after_help = "\
Examples:
  sibert sweep configs/quickstart.toml --vary init_scale=0.01,1,100 --seeds 3
  sibert sweep tiny.toml --vary lr=0.03,0.1,0.3 --vary clip=2,none --jobs 2
  sibert sweep tiny.toml --vary 'schedule.milestones=[0.6, 0.9],[0.5]' --dry-run
  sibert sweep configs/paper/figure-1-cpu.toml             the grid in the config's table [sweep]
  sibert sweep tiny.toml --vary 'sisgd: optimizer=sisgd clip=2' \\
                         --vary 'adamw: model.type=bert optimizer=adamw lr=1e-3'

Every combination is a run of pretrain in its own folder, such as OUT/lr=0.1,clip=2. Settings that
belong together are a variant, NAME: KEY=VALUE …; all variants together are one axis. All
combinations are checked before the first one starts. The text is prepared once, in OUT/data,
unless a varied key changes it.

At the end it prints a table and writes OUT/summary.csv, summary.json, curves.svg and curves.png.
After a stop, the same command trains the runs that are missing, with the same results, and tries
the failed ones again; you can also add values and seeds. Ctrl-C and SIGTERM let each run save a checkpoint first. The exit
code is 1 if a run failed; a run that diverged is a result.")]
pub struct SweepArgs {
    /// The text to train on, and the settings
    #[command(flatten)]
    pub text: TextArgs,
    /// Values of a config key, KEY=V1,V2,…, or a variant, "NAME: KEY=VALUE KEY=VALUE"; may be repeated
    /// [default: the config's sweep.vary]
    #[arg(long, value_name = "KEY=VALUES")]
    pub vary: Vec<String>,
    /// Train each combination with N seeds, starting at the config's [default: the config's sweep.seeds, or 1]
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
    /// CPU threads of each run [default: the cores, divided among the jobs]
    #[arg(long, value_name = "N")]
    pub threads: Option<u32>,
    /// List the runs and their progress; train nothing
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
