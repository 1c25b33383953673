//! The format of a file by its name, checked by its first bytes.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::open::unreadable;
use super::shown::shown;
use super::walk::leads_nowhere;
use super::{InputFile, Origin};

/// How the documents lie in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Plain text.
    Text,
    /// One JSON object a line.
    JsonLines,
    /// Rows of cells between commas, below their names.
    Csv,
    /// The same between tabs.
    Tsv,
    /// Apache Parquet.
    Parquet,
}

/// How a file is compressed as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    None,
    /// `.gz`, of one or several members.
    Gzip,
    /// `.zst`, of one or several frames.
    Zstd,
}

/// The extensions that are read, for messages.
pub(super) const KNOWN: &str =
    ".txt, .text, .jsonl, .ndjson, .json, .csv, .tsv or .parquet, or one of these with .gz or .zst";

/// The first bytes of files, the name of each format, and how to read such a file.
const BEGINNINGS: [(&[u8], &str, &str); 8] = [
    (b"\x1f\x8b", "gzip", "give its name the end .gz (after .txt, .jsonl or .parquet, whichever is inside)"),
    (
        b"\x28\xb5\x2f\xfd",
        "zstd",
        "give its name the end .zst (after .txt, .jsonl or .parquet, whichever is inside)",
    ),
    (b"PAR1", "parquet", "give its name the end .parquet"),
    (b"PARE", "encrypted parquet", "decrypt it first"),
    (b"BZh", "bzip2", "decompress it first, for instance: bunzip2"),
    (b"\xfd7zXZ\0", "xz", "decompress it first, for instance: unxz"),
    (b"PK\x03\x04", "zip", "unpack it first, for instance: unzip"),
    (b"7z\xbc\xaf\x27\x1c", "7z", "unpack it first"),
];

/// Format and compression by the extensions of `name`; no format if they are not known.
pub(super) fn of_name(name: &str) -> (Option<Format>, Compression) {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name).to_ascii_lowercase();
    let (stem, compression) = match (name.strip_suffix(".gz"), name.strip_suffix(".zst")) {
        (Some(stem), _) => (stem, Compression::Gzip),
        (_, Some(stem)) => (stem, Compression::Zstd),
        _ => (&name[..], Compression::None),
    };
    let format = match stem.rsplit_once('.').map(|(_, extension)| extension) {
        Some("txt" | "text") => Some(Format::Text),
        Some("jsonl" | "ndjson" | "json") => Some(Format::JsonLines),
        Some("csv") => Some(Format::Csv),
        Some("tsv") => Some(Format::Tsv),
        Some("parquet") => Some(Format::Parquet),
        _ => None,
    };
    (format, compression)
}

impl InputFile {
    /// The file at `path`, which the user knows as `name`; plain text if its name does not say what it is.
    pub(super) fn new(name: String, path: &Path) -> Self {
        let (format, compression) = of_name(&name);
        let format = format.unwrap_or(Format::Text);
        Self { name: shown(name), origin: Origin::File(path.to_owned()), format, compression }
    }

    /// Refuses a file that cannot be opened, or whose first bytes are not those that its name lets expect.
    pub(super) fn check(&self) -> Result<()> {
        let Origin::File(path) = &self.origin else { return Ok(()) };
        ensure!(
            !is_archive(&self.name),
            "{}: an archive, expected a file of text: unpack it first",
            self.name
        );
        let metadata = fs::metadata(path);
        if let Err(error) = &metadata {
            ensure!(!leads_nowhere(path, error), "{}: a link that leads nowhere, expected a file", self.name);
        }
        let metadata = metadata.with_context(|| unreadable(&self.name))?;
        ensure!(!metadata.is_dir(), "{}: a folder, expected a file", self.name);
        ensure!(
            metadata.is_file(),
            "{}: a pipe or device, which can be read only once: write it to a file first",
            self.name
        );
        let mut first = Vec::new();
        let file = File::open(path).with_context(|| unreadable(&self.name))?;
        file.take(8).read_to_end(&mut first).with_context(|| unreadable(&self.name))?;
        self.check_beginning(&first)
    }

    fn check_beginning(&self, first: &[u8]) -> Result<()> {
        let found = BEGINNINGS.iter().find(|(bytes, ..)| first.starts_with(bytes));
        let expected = match (self.compression, self.format) {
            (Compression::Gzip, _) => "gzip",
            (Compression::Zstd, _) => "zstd",
            (Compression::None, Format::Parquet) => "parquet",
            (Compression::None, _) => "text",
        };
        match found {
            Some((_, kind, _)) if *kind == expected => Ok(()),
            Some((_, kind, remedy)) => {
                bail!("{}: seems to be {kind}, its name says {expected}: {remedy}", self.name)
            }
            None if expected == "text" || is_skippable_frame(first) => Ok(()),
            None if first.is_empty() => {
                bail!("{}: the file is empty, expected {expected}: was it copied completely?", self.name)
            }
            None => bail!("{}: is not {expected}, as its name says: name it by what is in it", self.name),
        }
    }
}

fn is_archive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".tar", ".tar.gz", ".tgz", ".tar.zst"].iter().any(|end| name.ends_with(end))
}

/// A zstd file may begin with a frame of user data.
fn is_skippable_frame(first: &[u8]) -> bool {
    matches!(first, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}
