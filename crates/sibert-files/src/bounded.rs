//! Small files that are read whole, and never more of them than a small file has.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Most bytes of a configuration.
pub const CONFIG: u64 = 64 << 20;

/// The bytes of the file at `path`, of at most `most` bytes; the caller names it.
///
/// # Errors
/// If it cannot be read, or is longer, as a device without an end is.
pub fn bytes(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    ensure!(
        bytes.len() as u64 <= most,
        "longer than {} MiB, which no such file is: is it the right one?",
        most.div_ceil(1 << 20)
    );
    Ok(bytes)
}

/// The text of the file at `path`, of at most `most` bytes; the caller names it.
///
/// # Errors
/// As [`bytes`], and if it is not UTF-8.
pub fn text(path: &Path, most: u64) -> Result<String> {
    String::from_utf8(bytes(path, most)?).context("not UTF-8, expected text")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_without_an_end_is_refused_in_bounded_memory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "12345").unwrap();
        assert_eq!(text(file.path(), 5).unwrap(), "12345");
        let longer = "longer than 1 MiB, which no such file is: is it the right one?";
        assert_eq!(text(file.path(), 4).unwrap_err().to_string(), longer);
        std::fs::write(file.path(), b"a\xff").unwrap();
        assert_eq!(text(file.path(), 4).unwrap_err().to_string(), "not UTF-8, expected text");
        #[cfg(unix)]
        assert_eq!(text(Path::new("/dev/zero"), 100).unwrap_err().to_string(), longer);
    }
}
