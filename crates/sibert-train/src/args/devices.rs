//! `sibert devices`.

use clap::Args;

/// Arguments of `sibert devices`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert devices
  sibert devices --json

--device takes the names in the first column. A GPU is listed only if this program was built
for it (--features cuda or metal) and its driver is installed.")]
pub struct DevicesArgs {
    /// Print one line of JSON instead of a table
    #[arg(long)]
    pub json: bool,
}
