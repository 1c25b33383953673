//! The bytes of a file as they were before compression.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Seek, Write};
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use flate2::bufread::MultiGzDecoder;

use super::shown::shown;
use super::{Compression, InputFile};

/// Bytes read from the disk, and decompressed, at a time.
const BUFFER: usize = 1 << 17;

/// Largest window a zstd file may have, 2 GiB: what `zstd --long=31` writes.
const ZSTD_WINDOW_BITS: u32 = 31;

/// The message that a file cannot be read.
pub(super) fn unreadable(name: impl std::fmt::Display) -> String {
    format!("cannot read text {}", shown(name))
}

/// The decompressed bytes of `file`, which is at `path`.
pub(super) fn decompressed(file: &InputFile, path: &Path) -> Result<Box<dyn BufRead + Send>> {
    let named = || unreadable(&file.name);
    let raw = BufReader::with_capacity(BUFFER, File::open(path).with_context(named)?);
    Ok(match file.compression {
        Compression::None => Box::new(raw),
        Compression::Gzip => Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(raw))),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(raw).with_context(named)?;
            decoder.window_log_max(ZSTD_WINDOW_BITS).with_context(named)?;
            Box::new(BufReader::with_capacity(BUFFER, decoder))
        }
    })
}

/// `file` as one that can be read at any place: itself, or a temporary one with what was compressed.
pub(super) fn seekable(file: &InputFile, path: &Path) -> Result<File> {
    if file.compression == Compression::None {
        return File::open(path).with_context(|| unreadable(&file.name));
    }
    let mut from = decompressed(file, path)?;
    let place = || format!("cannot decompress {} into {}", file.name, std::env::temp_dir().display());
    let mut into = tempfile::tempfile().with_context(place)?;
    let mut written = 0;
    loop {
        let bytes = from.fill_buf().map_err(|error| broken(&file.name, file.compression, written, error))?;
        if bytes.is_empty() {
            break;
        }
        into.write_all(bytes).with_context(place)?;
        let read = bytes.len();
        from.consume(read);
        written += read as u64;
    }
    into.rewind().with_context(place)?;
    Ok(into)
}

/// Says that `file` cannot be read after `offset` decompressed bytes.
pub(super) fn broken(name: &str, compression: Compression, offset: u64, error: io::Error) -> anyhow::Error {
    let (kind, check) = match compression {
        Compression::None => return anyhow::Error::from(error).context(unreadable(name)),
        Compression::Gzip => ("gzip", "gzip -t"),
        Compression::Zstd => ("zstd", "zstd -t"),
    };
    if error.kind() == ErrorKind::UnexpectedEof {
        return anyhow!(
            "{name}: ends in the middle: its {kind} data stops after {offset} decompressed bytes: was it copied \
             completely?"
        );
    }
    anyhow!(
        "{name}: damaged {kind} data after {offset} decompressed bytes ({error}): fetch it again, {check} tells \
         whether it is complete"
    )
}
