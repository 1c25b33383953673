//! JSON that carries its own digest: a figure of which one digit has changed is found when it is read again.
//!
//! ```text
//! {
//!   "loss": 1.5,
//!   "sha256": "0123…"     of all that stands before the comma
//! }
//! ```

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::durable;

/// The text before the digest.
const SEAL: &str = ",\n  \"sha256\": \"";
/// The text behind the digest.
const END: &str = "\"\n}\n";

/// Writes an object with at least one member, whole or not at all, and its digest as the last member.
///
/// # Errors
/// If it is not such an object; or names the file that cannot be written.
pub fn write(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    let body = text.strip_suffix("\n}").context("only an object with members can carry its digest")?;
    durable::replace(path, &format!("{body}{SEAL}{}{END}", digest(body)))?;
    Ok(())
}

/// Reads what [`write()`] wrote. A file without a digest, as earlier versions wrote them, is read too; `unchecked` gets a
/// sentence that says so.
///
/// # Errors
/// Names the file if it cannot be read or understood, or has changed; then `mend` says what to do.
pub fn read<T: DeserializeOwned>(path: &Path, mend: &str, unchecked: impl FnOnce(String)) -> Result<T> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let body = body(&text).map_err(|why| anyhow!("{shown} {why}: {mend}"))?;
    if body.is_none() {
        unchecked(format!("{shown} has no sha256: it is read unchecked"));
    }
    let text = body.map_or(text.clone(), |body| format!("{body}\n}}"));
    serde_json::from_str(&text).with_context(|| format!("{shown}: {mend}"))
}

/// The text before the digest, if there is one and it is right.
fn body(text: &str) -> Result<Option<&str>, String> {
    let Some((body, rest)) = text.rsplit_once(SEAL) else { return Ok(None) };
    let expected = digest(body);
    match rest.strip_suffix(END) {
        Some(found) if found == expected => Ok(Some(body)),
        found => Err(format!(
            "was changed after it was written: its sha256 is {}…, that of its text {}…",
            durable::shorten(found.unwrap_or(rest.trim_end())),
            durable::shorten(&expected)
        )),
    }
}

fn digest(text: &str) -> String {
    format!("{:x}", Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Figures {
        name: String,
        loss: f64,
    }

    fn figures() -> Figures {
        Figures { name: "\"sha256\": \"".into(), loss: 0.1 + 0.2 }
    }

    #[test]
    fn what_was_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        write(&path, &figures()).unwrap();
        assert_eq!(read::<Figures>(&path, "", |_| {}).unwrap(), figures());
        let value: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(value["sha256"].as_str().unwrap().len(), 64);
        assert!(write(&path, &[1]).is_err() && write(&path, &serde_json::json!({})).is_err());
    }

    #[test]
    fn one_changed_digit_is_named_with_its_mend() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        write(&path, &figures()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen("0.3", "0.2", 1)).unwrap();
        let error = read::<Figures>(&path, "make it again", |_| {}).unwrap_err().to_string();
        assert!(error.contains("x.json was changed after it was written: its sha256 is "), "{error}");
        assert!(error.ends_with("…: make it again"), "{error}");
    }

    #[test]
    fn no_flipped_bit_changes_what_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        write(&path, &figures()).unwrap();
        let bytes = fs::read(&path).unwrap();
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, flipped).unwrap();
            if let Ok(found) = read::<Figures>(&path, "", |_| {}) {
                assert_eq!(found, figures(), "bit {bit}");
            }
        }
    }

    #[test]
    fn a_file_of_an_earlier_version_is_read_with_a_note() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        fs::write(&path, r#"{"name": "a", "loss": 1.5}"#).unwrap();
        let mut said = String::new();
        assert_eq!(read::<Figures>(&path, "", |note| said = note).unwrap().loss, 1.5);
        assert!(said.ends_with("x.json has no sha256: it is read unchecked"), "{said}");
    }
}
