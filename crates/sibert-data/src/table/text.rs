//! The text of a file, or where it is none.

use anyhow::{Result, bail};

/// The text of a file's bytes, without a byte order mark.
///
/// # Errors
/// Names file, line and byte that is not UTF-8, and the mend.
pub fn text_of<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Err(error) = std::str::from_utf8(bytes) else { return Ok(std::str::from_utf8(bytes)?) };
    let before = &bytes[..error.valid_up_to()];
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let (number, at) = (before.iter().filter(|byte| **byte == b'\n').count() + 1, before.len() - start);
    let found = bytes[before.len()];
    let encoding = if number == 1 && at == 0 && found >= 0xfe { "UTF-16" } else { "LATIN1" };
    bail!(
        "{name}:{number}: not UTF-8 (found 0x{found:02x} at byte {at} of the line): get the file again, or convert it, for \
         instance: iconv -f {encoding} -t UTF-8"
    )
}
