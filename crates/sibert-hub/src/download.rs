//! One file from the hub into the cache: announced, transferred, checked, and only then named.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ureq::Body;
use ureq::http::Response;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG};

use super::cache::{RepoFolder, hub_repo};
use super::client::Client;
use super::digest::{Announced, clean_etag};
use super::failure::{Failure, Setback, Subject};
use super::reference::{RepoRef, url_path};
use super::tree::Tree;
use crate::event::Event;

/// A file of a commit on its way into the cache.
pub struct Download<'a> {
    client: &'a Client,
    folder: &'a RepoFolder,
    subject: Subject<'a>,
    pointer: PathBuf,
    /// The commit's listing of the file, where there is one.
    listed: Option<Announced>,
    /// The name that the user knows.
    name: String,
    url: String,
}

impl<'a> Download<'a> {
    /// The file `path` of `commit`, which the revision of `repo` stands for.
    pub fn new(
        client: &'a Client,
        folder: &'a RepoFolder,
        repo: &'a RepoRef,
        commit: &str,
        path: &'a str,
    ) -> Self {
        let endpoint = &client.settings().endpoint;
        let url = format!("{endpoint}/{}/resolve/{commit}/{}", hub_repo(repo).url(), url_path(path));
        let (subject, pointer) = (Subject { repo, path: Some(path) }, folder.pointer(commit, path));
        let listed = Tree::cached(folder, commit).and_then(|tree| tree.announced(path));
        Self { client, folder, subject, pointer, listed, name: format!("{repo}/{path}"), url }
    }

    /// Brings the file into the cache.
    ///
    /// # Errors
    /// If the hub refuses or cannot be reached, what arrives twice is not what was announced, or the cache cannot be
    /// written.
    pub fn run(&self) -> Result<()> {
        let announced = self.announced()?;
        let blob = self.folder.blob(&announced.etag);
        let waiting =
            || self.client.note(format!("{}: waiting for another process that downloads it", self.name));
        let lock = self.folder.lock(&announced.etag, waiting)?;
        if !(blob.exists() && self.difference(&blob, &announced)?.is_none()) {
            // Whoever holds the lock may go on with what another one left behind.
            let own = if lock.is_some() { String::new() } else { format!(".{}", std::process::id()) };
            let partial = self.folder.blob(&format!("{}{own}.incomplete", announced.etag));
            self.transfer_checked(&partial, &announced)?;
            fs::rename(&partial, &blob).map_err(|error| self.folder.unwritable(&error))?;
        }
        self.folder.point(&self.pointer, &blob)
    }

    /// How a file differs from what was announced, or from what the listing says.
    fn difference(&self, file: &Path, announced: &Announced) -> Result<Option<String>> {
        let found = announced.difference(file)?;
        let listed = self.listed.as_ref().filter(|listed| found.is_none() && listed.etag != announced.etag);
        let differs =
            |listed: &Announced| Ok(listed.difference(file)?.map(|how| format!("the listing says: {how}")));
        listed.map_or(Ok(found), differs)
    }

    /// Asks the hub what the file is.
    fn announced(&self) -> Result<Announced> {
        let answer = self.client.head(&self.url, self.subject)?;
        let header = |name: &str| answer.headers().get(name)?.to_str().ok();
        let etag = header("x-linked-etag").or_else(|| header(ETAG.as_str())).and_then(clean_etag);
        let etag = etag.with_context(|| {
            format!(
                "{}: the answer has no ETag, as a Hugging Face hub sends it: look at HF_ENDPOINT",
                self.url
            )
        })?;
        let own_size = header(CONTENT_LENGTH.as_str()).filter(|_| answer.status().is_success());
        let size = header("x-linked-size").or(own_size).and_then(|size| size.parse().ok());
        Ok(Announced { etag: etag.to_owned(), size })
    }

    /// Transfers to `partial`, a second time if the first does not give what was announced.
    fn transfer_checked(&self, partial: &Path, announced: &Announced) -> Result<()> {
        self.client.tell(Event::Downloading { name: &self.name, size: announced.size });
        for is_last in [false, true] {
            self.client.persist(|| self.transfer(partial, announced))?;
            let Some(difference) = self.difference(partial, announced)? else { return Ok(()) };
            fs::remove_file(partial).map_err(|error| self.folder.unwritable(&error))?;
            if is_last {
                bail!("{}: {difference}: the hub or something on the way changes the file", self.url);
            }
            self.client.note(format!("{}: {difference}: downloading it once more", self.name));
        }
        Ok(())
    }

    /// One try; goes on where `partial` ends.
    fn transfer(&self, partial: &Path, announced: &Announced) -> Result<(), Setback> {
        let unwritable = |error| Setback::Lasting(self.folder.unwritable(&error));
        let (mut file, mut start) = self.open(partial, announced).map_err(unwritable)?;
        if announced.size == Some(start) {
            return Ok(());
        }
        let mut answer = self.client.get_once(&self.url, self.subject, start);
        if start > 0 && !answer.as_ref().is_ok_and(|answer| continues(answer, start)) {
            let again = answer.as_ref().is_err_and(is_no_range);
            if answer.is_ok() || again {
                file.set_len(0).and_then(|()| file.rewind()).map_err(unwritable)?;
                start = 0;
            }
            if again {
                answer = self.client.get_once(&self.url, self.subject, start);
            }
        }
        let body = answer?.into_body().into_reader();
        let tell = |done| self.client.tell(Event::Transferred { done: start + done, size: announced.size });
        // A byte too many tells that the body is longer than it should be; the rest of it is not waited for.
        let most = announced.size.map_or(u64::MAX, |size| size - start + 1);
        let copied = copy(body.take(most), &mut file, tell);
        self.client.tell(Event::Ended);
        let (got, end) = copied.map_err(unwritable)?;
        self.whole(start, got, end, announced)
    }

    /// Opens `partial` at its end; what cannot be gone on from is dropped.
    fn open(&self, partial: &Path, announced: &Announced) -> std::io::Result<(File, u64)> {
        if let Some(folder) = partial.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(partial)?;
        let mut start = file.seek(SeekFrom::End(0))?;
        if start > 0 && (!announced.has_digest() || announced.size.is_none_or(|size| start > size)) {
            file.set_len(0)?;
            start = file.seek(SeekFrom::Start(0))?;
        }
        Ok((file, start))
    }

    /// Whether the body came to its end.
    fn whole(
        &self,
        start: u64,
        got: u64,
        end: std::io::Result<()>,
        announced: &Announced,
    ) -> Result<(), Setback> {
        let total = start + got;
        let of = announced.size.map_or(String::new(), |size| format!(" of {size}"));
        let why = match end {
            Err(error) => format!("{}: cut short after {total}{of} bytes: {error}", self.name),
            Ok(()) if announced.size.is_some_and(|size| total < size) => {
                format!("{}: cut short after {total}{of} bytes", self.name)
            }
            Ok(()) => return Ok(()),
        };
        Err(Setback::Passing { why, wait: None, progress: start > 0 && got > 0 })
    }
}

/// Whether the hub has nothing behind the byte from which on it was asked.
fn is_no_range(setback: &Setback) -> bool {
    matches!(setback, Setback::Lasting(error) if matches!(error.downcast_ref(), Some(Failure::Range(_))))
}

/// Whether an answer begins at byte `start`.
fn continues(answer: &Response<Body>, start: u64) -> bool {
    let range = answer.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let first = range.and_then(|range| range.trim().strip_prefix("bytes ")?.split_once('-'));
    answer.status().as_u16() == 206 && first.is_some_and(|(first, _)| first.parse() == Ok(start))
}

/// Copies until `body` ends or fails: the bytes copied and how it ended; `tell` gets the bytes copied so far.
///
/// # Errors
/// If `file` cannot be written.
fn copy(
    mut body: impl Read,
    file: &mut impl Write,
    tell: impl Fn(u64),
) -> std::io::Result<(u64, std::io::Result<()>)> {
    let mut buffer = vec![0; 1 << 17];
    let mut copied = 0;
    loop {
        match body.read(&mut buffer) {
            Ok(0) => return Ok((copied, Ok(()))),
            Ok(length) => {
                file.write_all(&buffer[..length])?;
                copied += length as u64;
                tell(copied);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Ok((copied, Err(error))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io;

    use super::*;
    use crate::reference::parse;

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_named_with_the_way_out() {
        let error = copy(&b"bytes"[..], &mut Full, |_| {}).unwrap_err();
        let repo = parse("hf://datasets/o/n").unwrap().0;
        let said = RepoFolder::new(Path::new("/somewhere/hub"), &repo, true).unwritable(&error).to_string();
        assert!(said.starts_with("cannot write to /somewhere/hub/datasets--o--n: "), "{said}");
        assert!(said.contains("free some space") && said.contains("HF_HOME"), "{said}");
    }
}
