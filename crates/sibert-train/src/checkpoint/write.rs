//! Files that are hashed as they are written and reach the disk before anything is renamed.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::{Device, Tensor};
use safetensors::tensor::{Metadata, TensorInfo, View};
use sha2::{Digest, Sha256};

use super::manifest::FileEntry;

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

/// Writes tensors as safetensors, one at a time: the bytes depend on names and values only.
///
/// The layout is that of `safetensors::serialize` (by descending dtype, then name) with `format: pt`, which
/// transformers asks for.
///
/// # Errors
/// If a name occurs twice, a tensor cannot be copied to the CPU, or the file cannot be written.
pub fn tensors(path: &Path, tensors: &[(String, Tensor)]) -> Result<FileEntry> {
    let mut sorted: Vec<&(String, Tensor)> = tensors.iter().collect();
    sorted.sort_by(|(a, left), (b, right)| View::dtype(right).cmp(&View::dtype(left)).then(a.cmp(b)));
    let header = header(&sorted)?;
    file(path, |out| {
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(header.as_bytes())?;
        for (_, tensor) in sorted {
            out.write_all(&View::data(&tensor.to_device(&Device::Cpu)?))?;
        }
        Ok(())
    })
}

fn header(sorted: &[&(String, Tensor)]) -> Result<String> {
    let mut infos: Vec<(String, TensorInfo)> = Vec::with_capacity(sorted.len());
    let mut offset = 0;
    for (name, tensor) in sorted {
        ensure!(infos.iter().all(|(seen, _)| seen != name), "two tensors are named {name}");
        let end = offset + View::data_len(tensor);
        let info = TensorInfo {
            dtype: View::dtype(tensor),
            shape: tensor.dims().to_vec(),
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
    let write = || -> Result<FileEntry> {
        let mut out = BufWriter::with_capacity(
            1 << 20,
            Hashing { inner: File::create(path)?, sha256: Sha256::new(), size: 0 },
        );
        fill(&mut out)?;
        let Hashing { inner, sha256, size } = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        inner.sync_all()?;
        Ok(FileEntry { size, sha256: format!("{:x}", sha256.finalize()) })
    };
    write().map_err(|error| {
        let remedy = remedy(&error);
        error.context(format!("cannot write {}{remedy}", path.display()))
    })
}

fn remedy(error: &anyhow::Error) -> &'static str {
    match error.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            ": the disk is full, free some space or choose another --out; earlier checkpoints are intact"
        }
        _ => "",
    }
}

/// Makes the names in a folder durable; folders can be flushed on unix only.
///
/// # Errors
/// If the folder cannot be opened or flushed.
pub fn sync_folder(path: &Path) -> Result<()> {
    if cfg!(unix) {
        File::open(path)
            .and_then(|folder| folder.sync_all())
            .with_context(|| format!("cannot flush {} to the disk", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use candle_core::DType;

    fn samples() -> Vec<(String, Tensor)> {
        let f32s = Tensor::new(&[[1f32, -2.5], [3., 4.]], &Device::Cpu).unwrap();
        vec![
            ("b.weight".into(), f32s.t().unwrap()),
            ("a.weight".into(), f32s.clone()),
            ("step".into(), Tensor::new(7i64, &Device::Cpu).unwrap()),
            ("half".into(), f32s.to_dtype(DType::BF16).unwrap()),
            ("empty".into(), Tensor::zeros((0, 3), DType::F32, &Device::Cpu).unwrap()),
        ]
    }

    #[test]
    fn bytes_equal_those_of_the_safetensors_crate() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.safetensors");
        let entry = tensors(&path, &samples()).unwrap();
        let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        let expected = safetensors::serialize(samples(), Some(format)).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes, expected);
        assert_eq!(
            entry,
            FileEntry { size: bytes.len() as u64, sha256: format!("{:x}", Sha256::digest(&bytes)) }
        );
    }

    #[test]
    fn order_of_the_tensors_does_not_change_the_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let mut reversed = samples();
        reversed.reverse();
        let forward = tensors(&dir.path().join("a"), &samples()).unwrap();
        assert_eq!(forward, tensors(&dir.path().join("b"), &reversed).unwrap());
    }

    #[test]
    fn a_name_that_occurs_twice_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let twice = [samples(), samples()].concat();
        let error = tensors(&dir.path().join("a"), &twice).unwrap_err();
        assert!(error.to_string().contains("two tensors are named"), "{error:#}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_named_with_its_remedy() {
        let error = text(Path::new("/dev/full"), "x").unwrap_err();
        assert!(error.to_string().starts_with("cannot write /dev/full: the disk is full"), "{error:#}");
    }
}
