//! The archive that the site takes.

use std::ffi::OsStr;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use sibert_files::durable;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::FILES;

/// Packs the eleven files of a submission as `submission.zip` in the folder `out`.
///
/// The same files give the same bytes: they stand in a fixed order, without their times and rights.
///
/// # Errors
/// If one of the eleven is missing, there is another or one twice, or a file cannot be read or written.
pub fn archive(out: &Path, files: &[PathBuf]) -> Result<PathBuf> {
    let path = out.join("submission.zip");
    let bytes = zipped(&complete(files)?).with_context(|| format!("cannot write {}", path.display()))?;
    durable::replace_bytes(&path, &bytes)?;
    Ok(path)
}

/// The files in the order of the archive, each with its name there.
fn complete(files: &[PathBuf]) -> Result<Vec<(&'static str, &Path)>> {
    let is_named = |file: &Path, name: &str| file.file_name() == Some(OsStr::new(name));
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in FILES {
        match files.iter().find(|file| is_named(file, name)) {
            Some(file) => found.push((name, file.as_path())),
            None => missing.push(name),
        }
    }
    ensure!(
        missing.is_empty(),
        "a submission has {} files, missing: {}: make them all with sibert predict --task glue",
        FILES.len(),
        missing.join(", ")
    );
    let taken = |file: &&PathBuf| found.iter().any(|(_, path)| std::ptr::eq(*path, file.as_path()));
    let odd: Vec<String> =
        files.iter().filter(|file| !taken(file)).map(|file| file.display().to_string()).collect();
    ensure!(
        odd.is_empty(),
        "a submission has each of its {} files once, also found: {}",
        FILES.len(),
        odd.join(", ")
    );
    Ok(found)
}

fn zipped(files: &[(&str, &Path)]) -> Result<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, path) in files {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        zip.start_file(name, options)?;
        zip.write_all(&bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}
