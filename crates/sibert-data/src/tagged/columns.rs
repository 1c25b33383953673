//! A word a line, its label in the last column, as CoNLL's shared tasks have it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::Raw;
use crate::source::shown;
use crate::table::text_of;

/// The line between documents.
const DOCUMENT: &str = "-DOCSTART-";

/// The sentences of the file at `path`, whose words have a label each if `labelled`.
pub fn read(path: &Path, labelled: bool) -> Result<Vec<Raw>> {
    let name = shown(path.display());
    let bytes = fs::read(path).with_context(|| format!("cannot read {name}"))?;
    let (mut sentences, mut count): (Vec<Raw>, Option<usize>) = Default::default();
    let mut is_new = true;
    for (number, line) in (1..).zip(text_of(&name, &bytes)?.lines()) {
        let cells: Vec<&str> = line.split_whitespace().collect();
        if cells.is_empty() || cells[0] == DOCUMENT || is_new && is_comment(line) {
            is_new = true;
            continue;
        }
        let expected = *count.get_or_insert(cells.len());
        ensure!(
            cells.len() == expected,
            "{name}:{number}: {} column(s), expected {expected} as in the first line: a word, then its label",
            cells.len()
        );
        ensure!(
            !labelled || cells.len() > 1,
            "{name}:{number}: a word without a label, expected a label in the last column"
        );
        if is_new {
            let tags = labelled.then(Vec::new);
            sentences.push(Raw { place: format!("{name}:{number}"), words: Vec::new(), tags });
            is_new = false;
        }
        if let Some(sentence) = sentences.last_mut() {
            sentence.words.push(cells[0].to_owned());
            sentence.tags.iter_mut().for_each(|tags| tags.push(cells[cells.len() - 1].to_owned()));
        }
    }
    ensure!(!sentences.is_empty(), "{name}: no sentences: expected a word and its label a line");
    Ok(sentences)
}

/// `# text = …`, as CoNLL-U has it before a sentence.
fn is_comment(line: &str) -> bool {
    line.starts_with("# ") && line.contains(" = ")
}
