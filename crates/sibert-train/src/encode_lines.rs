//! `sibert tokenizer encode`: what a tokenizer makes of a text.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use sibert_data::contained::contained;
use tokenizers::Tokenizer;

use crate::args::EncodeArgs;
use crate::console::result;
use crate::named_tokenizer;

/// Prints a line for each line of the files.
///
/// # Errors
/// If the tokenizer or a file cannot be read, or a line is not UTF-8; names file and line.
pub fn run(args: &EncodeArgs) -> Result<()> {
    let tokenizer = named_tokenizer::load(&args.tokenizer)?;
    args.files.iter().try_for_each(|file| encode(file, &tokenizer, args.tokens))
}

fn encode(file: &Path, tokenizer: &Tokenizer, tokens: bool) -> Result<()> {
    let name = file.display();
    let text = BufReader::new(File::open(file).with_context(|| format!("cannot read {name}"))?);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.with_context(|| format!("{name}:{number}"))?;
        let encoding = contained(|| tokenizer.encode(line, true).map_err(|error| anyhow!(error)));
        let encoding = encoding.with_context(|| format!("{name}:{number}: the tokenizer fails"))?;
        let shown: Vec<String> = match tokens {
            true => encoding.get_tokens().to_vec(),
            false => encoding.get_ids().iter().map(u32::to_string).collect(),
        };
        result(shown.join(" "))?;
    }
    Ok(())
}
