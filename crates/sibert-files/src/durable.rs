//! Files that are whole or not there: hashed as they are written, on the disk before anything is renamed, and checked
//! against size and digest when they are read again. What could not be finished is removed: it would keep a full disk
//! full.

mod open;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use safetensors::tensor::{Metadata, TensorInfo, View};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use open::create;
pub use open::{append, unlinked};

/// Size in bytes and digest of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

/// A writer that counts and hashes what passes through it.
struct Hashing<W> {
    inner: W,
    sha256: Sha256,
    size: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buf)?;
        self.sha256.update(&buf[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Writes a file, flushes it to the disk and returns its size and digest.
///
/// # Errors
/// Names the file, and what to do when the disk is full.
pub fn text(path: &Path, contents: &str) -> Result<FileEntry> {
    file(path, |out| Ok(out.write_all(contents.as_bytes())?))
}

/// Writes a file beside its place and gives it its name when it is on the disk: a reader finds the old text or the new.
///
/// # Errors
/// Names the file, and what to do when the disk is full.
pub fn replace(path: &Path, contents: &str) -> Result<FileEntry> {
    replace_bytes(path, contents.as_bytes())
}

/// The same for a file that is not text.
///
/// # Errors
/// Names the file, and what to do when the disk is full.
pub fn replace_bytes(path: &Path, contents: &[u8]) -> Result<FileEntry> {
    let unfinished = unfinished(path);
    let entry = file_for(path, &unfinished, |out| Ok(out.write_all(contents)?))?;
    publish(&unfinished, path)?;
    Ok(entry)
}

/// The hidden name under which a file is written before it is published.
pub fn unfinished(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{}.tmp", name.trim_start_matches('.')))
}

/// Gives a finished file its name, durably; removes it if it cannot have it.
///
/// # Errors
/// Names the file.
pub fn publish(unfinished: &Path, path: &Path) -> Result<()> {
    fs::rename(unfinished, path)
        .inspect_err(|_| discard(unfinished))
        .with_context(|| format!("cannot write {}", path.display()))?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Removes what was written of a file, but no device; the error that led here is the one to report.
fn discard(path: &Path) {
    if path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
        _ = fs::remove_file(path);
    }
}

/// Writes tensors as safetensors, one at a time: the bytes depend on names and values only.
///
/// The layout is that of `safetensors::serialize` (by descending dtype, then name) with `format: pt`, which
/// transformers asks for.
///
/// # Errors
/// If a name occurs twice, or the file cannot be written.
pub fn tensors<V: View>(path: &Path, tensors: &[(String, V)]) -> Result<FileEntry> {
    let mut sorted: Vec<&(String, V)> = tensors.iter().collect();
    sorted.sort_by(|(a, left), (b, right)| View::dtype(right).cmp(&View::dtype(left)).then(a.cmp(b)));
    let header = header(&sorted)?;
    file(path, |out| {
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(header.as_bytes())?;
        for (_, tensor) in sorted {
            out.write_all(&tensor.data())?;
        }
        Ok(())
    })
}

fn header<V: View>(sorted: &[&(String, V)]) -> Result<String> {
    let mut infos: Vec<(String, TensorInfo)> = Vec::with_capacity(sorted.len());
    let mut offset = 0;
    for (name, tensor) in sorted {
        ensure!(infos.iter().all(|(seen, _)| seen != name), "two tensors are named {name}");
        let end = offset + View::data_len(tensor);
        let info = TensorInfo {
            dtype: View::dtype(tensor),
            shape: tensor.shape().to_vec(),
            data_offsets: (offset, end),
        };
        infos.push((name.clone(), info));
        offset = end;
    }
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let mut header = serde_json::to_string(&Metadata::new(Some(metadata), infos)?)?;
    let padding = header.len().next_multiple_of(8) - header.len();
    header.extend(std::iter::repeat_n(' ', padding));
    Ok(header)
}

fn file(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<FileEntry> {
    file_for(path, path, fill)
}

/// The same of a file that is to become `shown`.
fn file_for(shown: &Path, path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<FileEntry> {
    let created = create(path).map_err(anyhow::Error::from);
    let written = created.and_then(|file| write(file, fill).inspect_err(|_| discard(path)));
    written.map_err(|error| {
        let remedy = remedy(&error);
        error.context(format!("cannot write {}{remedy}", shown.display()))
    })
}

/// Fills a new file and closes it.
fn write(file: File, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<FileEntry> {
    let mut out = BufWriter::with_capacity(1 << 20, Hashing { inner: file, sha256: Sha256::new(), size: 0 });
    fill(&mut out)?;
    let Hashing { inner, sha256, size } = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    inner.sync_all()?;
    Ok(FileEntry { size, sha256: format!("{:x}", sha256.finalize()) })
}

fn remedy(error: &anyhow::Error) -> &'static str {
    match error.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            ": the disk is full, free some space or choose another --out; what was saved before is intact"
        }
        Some(io::ErrorKind::FileTooLarge) => {
            ": it is larger than the limit of file sizes (ulimit -f), raise that; what was saved before is intact"
        }
        _ => "",
    }
}

/// Checks one file of a folder.
///
/// # Errors
/// One sentence: the file, what was expected and what was found.
pub fn verify(folder: &Path, name: &str, expected: &FileEntry) -> Result<(), String> {
    let file = File::open(folder.join(name)).map_err(|error| unreadable(name, &error))?;
    let size = file.metadata().map_err(|error| unreadable(name, &error))?.len();
    if size != expected.size {
        let how = if size < expected.size { "truncated" } else { "too long" };
        return Err(format!("{name} is {how}: {size} bytes, expected {}", expected.size));
    }
    let found = digest(Sha256::new(), file).map_err(|error| unreadable(name, &error))?;
    if found != expected.sha256 {
        return Err(format!(
            "{name} is corrupted: sha256 {}…, expected {}…",
            shorten(&found),
            shorten(&expected.sha256)
        ));
    }
    Ok(())
}

/// Size and digest of a file as it is.
///
/// # Errors
/// Names the file that cannot be read.
pub fn entry(path: &Path) -> Result<FileEntry> {
    let read = File::open(path).and_then(|file| Ok((file.metadata()?.len(), digest(Sha256::new(), file)?)));
    let (size, sha256) = read.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(FileEntry { size, sha256 })
}

/// The digest of all that is left of a file, in hexadecimal, behind what `hasher` has seen.
///
/// # Errors
/// If it cannot be read.
pub fn digest(mut hasher: impl Digest, mut file: impl Read) -> io::Result<String> {
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            length => hasher.update(&buffer[..length]),
        }
    }
}

/// Why a file of a folder cannot be read, in one clause.
pub fn unreadable(name: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("{name} is missing"),
        _ => format!("{name} is unreadable: {error}"),
    }
}

/// The first digits of a digest, for messages.
pub fn shorten(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

/// Makes the names in a folder durable; folders can be flushed on unix only.
///
/// # Errors
/// If the folder cannot be opened or flushed.
pub fn sync_folder(path: &Path) -> Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    if cfg!(unix) {
        File::open(path)
            .and_then(|folder| folder.sync_all())
            .with_context(|| format!("cannot flush {} to the disk", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
