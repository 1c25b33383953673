//! `sibert man`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `sibert man`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert man --out ~/.local/share/man/man1    then: man sibert-pretrain
  sibert man --out pages && man -l pages/sibert.1")]
pub struct ManArgs {
    /// Folder for the pages: sibert.1, and one for each subcommand
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}
