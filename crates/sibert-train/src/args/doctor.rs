//! `sibert doctor`.

use std::path::PathBuf;

use clap::Args;

use super::PretrainArgs;

/// Arguments of `sibert doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert doctor                                                 this machine
  sibert doctor configs/quickstart.toml                         and a run
  sibert doctor configs/recipe-mini-cpu.toml --source book.txt  on your own text
  sibert doctor --source book.txt --set batch_size=256          any arguments of pretrain

It prepares the text as pretrain does, in a temporary folder, trains a few steps, and says what the
whole run will need: memory, time, disk. It leaves nothing behind. The exit code is 1 if the run
cannot fit into the memory.")]
pub struct DoctorArgs {
    /// Config file of the run, as --config [default: only the machine, unless there are other arguments]
    #[arg(value_name = "CONFIG", conflicts_with = "config")]
    pub file: Option<PathBuf>,
    /// Train no steps: memory and faults only
    #[arg(long)]
    pub no_steps: bool,
    /// The run, as pretrain is told of it
    #[command(flatten)]
    pub run: PretrainArgs,
}

impl DoctorArgs {
    /// The arguments of the run that is asked about; none if it is the machine alone.
    pub fn asked(mut self) -> (Option<PretrainArgs>, bool) {
        if self.file.is_some() {
            self.run.text.config = self.file;
        }
        let text = &self.run.text;
        let about_run = text.config.is_some()
            || !text.source.is_empty()
            || text.shards.is_some()
            || !text.set.is_empty()
            || self.run.init.is_some()
            || self.run.out.is_some();
        (about_run.then_some(self.run), !self.no_steps)
    }
}
