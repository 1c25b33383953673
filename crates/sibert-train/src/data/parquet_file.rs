//! What every reader of Parquet needs: whether a file is one, and what the library says of a damaged one.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};

use super::source::shown;

/// How a Parquet file begins.
const MAGIC: &[u8] = b"PAR1";
/// Longest message of the library that is passed on, in letters.
const LONGEST: usize = 200;

/// Whether a file is Parquet, by its first bytes.
///
/// # Errors
/// If it cannot be read; names it.
pub fn is_parquet(path: &Path) -> Result<bool> {
    let mut first = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut first));
    read.with_context(|| format!("cannot read {}", shown(path.display())))?;
    Ok(first == MAGIC)
}

/// A message of the library on one line, and not a long one.
pub fn brief(error: &anyhow::Error) -> String {
    let line = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_the_library_become_one_short_line() {
        assert_eq!(brief(&anyhow::anyhow!("a\n  b")), "a b");
        assert_eq!(brief(&anyhow::anyhow!("é".repeat(500))), "é".repeat(LONGEST) + "…");
    }
}
