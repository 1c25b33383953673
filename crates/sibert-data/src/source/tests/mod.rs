//! Promises of reading sources, on small files.

#![allow(clippy::unwrap_used)]

mod damage;
mod find;
mod formats;
mod json;
mod parquet;
mod rows;
mod table;
mod text;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::TempDir;

use super::{DocumentSplit, InputFile, Origin, Reading, Source, built_in};

/// The sources of specs none of which is on the hub.
fn resolve(specs: &[String]) -> Result<Vec<Source>> {
    super::resolve(specs, &|| panic!("the hub is not to be asked"), &|_| {})
}

/// A folder of files, gone after the test.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn spec(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn per_line() -> Reading {
    Reading { documents: DocumentSplit::PerLine, ..Reading::default() }
}

/// The documents of what `spec` names, and how many were skipped.
fn read_spec(spec: &str, reading: &Reading) -> Result<(Vec<String>, u64)> {
    let (mut texts, mut skipped) = (Vec::new(), 0);
    for file in resolve(&[spec.to_owned()])?.iter().flat_map(|source| &source.files) {
        let mut documents = file.documents(reading)?;
        for document in documents.by_ref() {
            texts.push(document?.text);
        }
        skipped += documents.left_out().empty;
    }
    Ok((texts, skipped))
}

fn read(path: &Path, reading: &Reading) -> Result<Vec<String>> {
    Ok(read_spec(&spec(path), reading)?.0)
}

/// The documents in a file called `name` with these bytes.
fn read_bytes(name: &str, bytes: &[u8], reading: &Reading) -> Result<(Vec<String>, u64)> {
    read_spec(&spec(&folder(&[(name, bytes)]).path().join(name)), reading)
}

/// How a file called `name` with these bytes is refused; `@` stands for its path.
fn refusal(name: &str, bytes: &[u8], reading: &Reading) -> String {
    let folder = folder(&[(name, bytes)]);
    let path = folder.path().join(name);
    let message = error(&path, reading);
    assert!(message.contains(&spec(&path)), "{message}");
    assert!(!message.contains('\n'), "{message}");
    message.replace(&spec(&path), "@")
}

fn error(path: &Path, reading: &Reading) -> String {
    format!("{:#}", read(path, reading).unwrap_err())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(bytes, 1).unwrap()
}

#[track_caller]
fn assert_starts(message: &str, start: &str) {
    assert!(message.starts_with(start), "found {message}\nexpected {start}");
}

#[test]
fn documents_can_be_read_in_another_thread() {
    fn is_send<T: Send>(_: &T) {}
    let file = &built_in(1, 10).files[0];
    is_send(&file.documents(&Reading::default()).unwrap());
}

#[test]
fn built_in_corpus_is_a_source_of_one_file() {
    let source = built_in(3, 200);
    assert_eq!(source.files.len(), 1);
    let documents = source.files[0].documents(&Reading::default()).unwrap();
    let texts: Vec<String> = documents.map(|document| document.unwrap().text).collect();
    let expected: Vec<String> =
        crate::builtin::documents(3, 200).into_iter().map(|document| document.text).collect();
    assert_eq!(texts, expected);
    let digest = |source: super::Source| source.files[0].sha256().unwrap();
    assert_eq!(digest(built_in(3, 200)), digest(source));
    assert_ne!(digest(built_in(3, 200)), digest(built_in(4, 200)));
}

#[test]
fn digest_is_that_of_the_bytes_on_the_disk() {
    let folder = folder(&[("a.txt", b"abc"), ("b.txt.gz", &gzip(b"abc"))]);
    let sources = resolve(&[spec(folder.path())]).unwrap();
    // FIPS 180-2, appendix B.1.
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(sources[0].files[0].sha256().unwrap(), abc);
    assert_ne!(sources[0].files[1].sha256().unwrap(), abc);
}

#[test]
fn an_error_ends_the_iterator() {
    let folder = folder(&[("a.txt", b"one\n\n\xff\n\ntwo")]);
    let sources = resolve(&[spec(folder.path())]).unwrap();
    let mut documents = sources[0].files[0].documents(&Reading::default()).unwrap();
    assert!(documents.next().unwrap().is_ok());
    assert!(documents.next().unwrap().is_err());
    assert!(documents.next().is_none());
}

#[test]
fn reading_is_named_in_snake_case() {
    let reading = Reading { documents: DocumentSplit::PerLine, ..Reading::default() };
    let json = serde_json::to_string(&reading).unwrap();
    assert_eq!(json, r#"{"documents":"per_line","field":"text","column":"text"}"#);
    assert_eq!(serde_json::from_str::<Reading>(&json).unwrap(), reading);
}

fn path_of(file: &InputFile) -> &PathBuf {
    match &file.origin {
        Origin::File(path) => path,
        Origin::BuiltIn { .. } => panic!("not on the disk"),
    }
}
