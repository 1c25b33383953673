//! `sibert completions`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;

/// Arguments of `sibert completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sibert completions bash > ~/.local/share/bash-completion/completions/sibert
  sibert completions zsh  > ~/.zfunc/_sibert
  sibert completions fish > ~/.config/fish/completions/sibert.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

impl CompletionsArgs {
    /// The script that the shell reads.
    pub fn script(&self) -> String {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "sibert", &mut script);
        String::from_utf8_lossy(&script).into_owned()
    }
}
