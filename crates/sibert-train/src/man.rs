//! `sibert man`: a manual page for the program, and one for each subcommand.

use std::fs;

use anyhow::{Context, Result};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::args::{Cli, ManArgs};
use crate::console::result;

/// Writes the pages.
///
/// # Errors
/// If the folder cannot be written.
pub fn run(args: &ManArgs) -> Result<()> {
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    for command in with_subcommands(&program) {
        let (name, page) = page(command)?;
        let path = args.out.join(name);
        fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
        result(path.display())?;
    }
    Ok(())
}

/// A command, and all below it.
fn with_subcommands(command: &Command) -> Vec<&Command> {
    let below = command.get_subcommands().flat_map(with_subcommands);
    std::iter::once(command).chain(below).collect()
}

/// The file's name and its text. It has no date, so that it is the same whenever it is made.
fn page(command: &Command) -> Result<(String, Vec<u8>)> {
    let no_date = "\"\""; // an argument without letters would be left out
    let man = Man::new(command.clone().after_help(None))
        .date(no_date)
        .source(concat!("sibert ", env!("CARGO_PKG_VERSION")))
        .manual("SIBERT");
    let mut page = Vec::new();
    man.render(&mut page)?;
    if let Some(text) = command.get_after_help() {
        page.extend_from_slice(after_options(&text.to_string()).render().as_bytes());
    }
    Ok((man.get_filename(), page))
}

/// What `--help` prints after the options: examples keep their lines, other paragraphs are filled.
fn after_options(text: &str) -> Roff {
    let mut roff = Roff::new();
    let mut under_notes = false;
    for paragraph in text.split("\n\n") {
        if let Some(("Example" | "Examples", commands)) = paragraph.split_once(":\n") {
            roff.control("SH", ["EXAMPLES"]).control("nf", []);
            for line in commands.lines() {
                roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
            }
            roff.control("fi", []);
            continue;
        }
        if under_notes {
            roff.control("PP", []);
        } else {
            roff.control("SH", ["NOTES"]);
            under_notes = true;
        }
        for line in paragraph.lines() {
            roff.text([roman(line)]);
        }
    }
    roff
}
