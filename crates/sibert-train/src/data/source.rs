//! Plain text to documents: files and folders, read line by line.
//!
//! A folder is walked recursively in sorted order; of its files those named `.txt` or `.text` are read, hidden ones
//! are not. A file that is named itself is read whatever its name. Text is UTF-8, with or without a byte order
//! mark; lines end in `\n` or `\r\n`.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};

const EXTENSIONS: [&str; 2] = ["txt", "text"];
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A text whose sentences belong together; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The text, without blank lines at its ends.
    pub text: String,
}

/// What ends a document in a text file; the end of the file always does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentSplit {
    /// A blank line.
    #[default]
    BlankLine,
    /// The end of the file only.
    PerFile,
    /// Every line is a document.
    PerLine,
}

/// The documents of some files, read as they are asked for.
pub struct Documents {
    files: std::vec::IntoIter<PathBuf>,
    open: Option<TextFile>,
    split: DocumentSplit,
    found: usize,
    names: String,
    finished: bool,
}

/// The documents of the files and folders `paths`, in that order.
///
/// # Errors
/// At once if a path is missing or a folder holds no text file. While reading, if a file cannot be read or is not
/// UTF-8 (named by file and byte offset), or at the end if there was nothing but blank lines.
pub fn documents(paths: &[PathBuf], split: DocumentSplit) -> Result<Documents> {
    ensure!(!paths.is_empty(), "no text given: name a file or a folder of .txt files");
    let mut files = Vec::new();
    for path in paths {
        collect(path, &mut files)?;
    }
    let names = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    Ok(Documents { files: files.into_iter(), open: None, split, found: 0, names, finished: false })
}

/// Adds the file `path`, or the text files of the folder `path`, to `files`.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let metadata = fs::metadata(path).with_context(|| unreadable(path))?;
    if !metadata.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let before = files.len();
    walk(path, files, &mut BTreeSet::new())?;
    ensure!(
        files.len() > before,
        "{}: the folder holds no .txt or .text file; to read a file of another name, name the file itself",
        path.display()
    );
    Ok(())
}

/// Adds the text files below `folder`; `seen` keeps links from leading round in a circle.
fn walk(folder: &Path, files: &mut Vec<PathBuf>, seen: &mut BTreeSet<PathBuf>) -> Result<()> {
    let named = || unreadable(folder);
    if !seen.insert(folder.canonicalize().with_context(named)?) {
        return Ok(());
    }
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let mut paths: Vec<PathBuf> =
        entries.with_context(named)?.into_iter().map(|entry| entry.path()).collect();
    paths.sort_unstable();
    for path in paths.into_iter().filter(|path| !is_hidden(path)) {
        if path.is_dir() {
            walk(&path, files, seen)?;
        } else if is_text(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn unreadable(path: &Path) -> String {
    format!("cannot read text {}", path.display())
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn is_text(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

impl Documents {
    fn advance(&mut self) -> Result<Option<Document>> {
        loop {
            if self.open.is_none() {
                match self.files.next() {
                    Some(path) => self.open = Some(TextFile::open(path)?),
                    None if self.found == 0 => bail!("{}: no text found, only blank lines", self.names),
                    None => return Ok(None),
                }
            }
            let document = self.open.as_mut().map(|file| file.document(self.split)).transpose()?.flatten();
            match document {
                Some(document) => {
                    self.found += 1;
                    return Ok(Some(document));
                }
                None => self.open = None,
            }
        }
    }
}

impl Iterator for Documents {
    type Item = Result<Document>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        let next = self.advance().transpose();
        self.finished = !matches!(next, Some(Ok(_)));
        next
    }
}

/// An open text file that knows where it is, so that bad bytes can be named by their offset.
struct TextFile {
    path: PathBuf,
    reader: BufReader<File>,
    offset: usize,
}

impl TextFile {
    fn open(path: PathBuf) -> Result<Self> {
        let file = File::open(&path).with_context(|| unreadable(&path))?;
        Ok(Self { path, reader: BufReader::with_capacity(1 << 16, file), offset: 0 })
    }

    /// The next document of the file; `None` at its end.
    fn document(&mut self, split: DocumentSplit) -> Result<Option<Document>> {
        let mut text = String::new();
        while let Some(line) = self.line()? {
            let blank = line.trim().is_empty();
            if !(blank && text.is_empty()) {
                text.push_str(&line);
                text.push('\n');
            }
            let ends = match split {
                DocumentSplit::BlankLine => blank,
                DocumentSplit::PerFile => false,
                DocumentSplit::PerLine => true,
            };
            if ends && !text.is_empty() {
                break;
            }
        }
        text.truncate(text.trim_end().len());
        Ok((!text.is_empty()).then_some(Document { text }))
    }

    /// The next line without its end; `None` at the end of the file.
    fn line(&mut self) -> Result<Option<String>> {
        let mut bytes = Vec::new();
        self.reader.read_until(b'\n', &mut bytes).with_context(|| unreadable(&self.path))?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let start = self.offset;
        self.offset += bytes.len();
        let mut line = String::from_utf8(bytes).map_err(|error| self.not_utf8(start, &error))?;
        line.truncate(line.trim_end_matches(['\n', '\r']).len());
        if start == 0 && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Some(line))
    }

    fn not_utf8(&self, line_start: usize, error: &std::string::FromUtf8Error) -> anyhow::Error {
        let at = error.utf8_error().valid_up_to();
        let (path, offset, byte) = (self.path.display(), line_start + at, error.as_bytes()[at]);
        let encoding = match error.as_bytes() {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] if line_start == 0 => "UTF-16",
            _ => "LATIN1",
        };
        anyhow!(
            "{path}: byte offset {offset}: not UTF-8 (found 0x{byte:02x}): remove the byte, or convert the file, \
             for instance: iconv -f {encoding} -t UTF-8"
        )
    }
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
