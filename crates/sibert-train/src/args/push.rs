//! `sibert push`.

use clap::Args;

/// Arguments of `sibert push`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert push runs/own org/name --dry-run              show the files and the card, send nothing
  sibert push runs/own org/name --private --license mit
  sibert push runs/own/best org/name --revision best   a checkpoint, to a branch of its own

The token is HF_TOKEN, or the one that `hf auth login` saved. After a stop, give the same command
again: files that the hub already has are not sent. HF_ENDPOINT names another hub.")]
pub struct PushArgs {
    /// A run, a checkpoint, a fine-tuned model, or another folder with a model
    #[arg(value_name = "MODEL")]
    pub model: String,
    /// The repository; it is made if it is not there
    #[arg(value_name = "ORG/NAME")]
    pub repo: String,
    /// The branch; it is made if it is not there [default: main]
    #[arg(long, value_name = "BRANCH")]
    pub revision: Option<String>,
    /// Make a new repository private
    #[arg(long)]
    pub private: bool,
    /// The licence of the weights for the model card, by the hub's name: apache-2.0, mit, cc-by-4.0, …
    #[arg(long, value_name = "ID")]
    pub license: Option<String>,
    /// The first line of the commit
    #[arg(long, value_name = "TEXT", default_value = "Push with sibert")]
    pub message: String,
    /// List the files and print the model card, and send nothing
    #[arg(long)]
    pub dry_run: bool,
}
