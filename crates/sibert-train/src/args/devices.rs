//! `sibert devices`.

use clap::Args;

/// Arguments of `sibert devices`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert devices
  sibert devices --json

The names in the first column are what --device takes. A GPU is there only if this program was
built with support for it (--features cuda or metal) and its driver is installed.")]
pub struct DevicesArgs {
    /// Print one line of JSON instead of a table
    #[arg(long)]
    pub json: bool,
}
