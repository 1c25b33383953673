//! What the text reader promises, on small files.

#![allow(clippy::unwrap_used)]

use super::*;

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn read(path: &Path, split: DocumentSplit) -> Result<Vec<String>> {
    documents(&[path.to_owned()], split)?.map(|document| Ok(document?.text)).collect()
}

fn error(path: &Path) -> String {
    format!("{:#}", read(path, DocumentSplit::BlankLine).unwrap_err())
}

#[test]
fn documents_are_split_as_asked() {
    let folder = folder(&[("a.txt", b"\n\none\ntwo\n\n \nthree\n")]);
    let read = |split| read(folder.path(), split).unwrap();
    assert_eq!(read(DocumentSplit::BlankLine), ["one\ntwo", "three"]);
    assert_eq!(read(DocumentSplit::PerFile), ["one\ntwo\n\n \nthree"]);
    assert_eq!(read(DocumentSplit::PerLine), ["one", "two", "three"]);
}

#[test]
fn split_is_named_in_snake_case() {
    let split: DocumentSplit = serde_json::from_str("\"per_line\"").unwrap();
    assert_eq!(split, DocumentSplit::PerLine);
    assert_eq!(serde_json::to_string(&DocumentSplit::default()).unwrap(), "\"blank_line\"");
}

#[test]
fn byte_order_marks_and_windows_line_ends_are_dropped() {
    let folder = folder(&[("a.txt", "\u{feff}one\r\ntwo\r\n\r\nthree".as_bytes())]);
    assert_eq!(read(folder.path(), DocumentSplit::BlankLine).unwrap(), ["one\ntwo", "three"]);
}

#[test]
fn folders_are_walked_in_order_and_hidden_files_skipped() {
    let folder = folder(&[
        ("b.text", b"b"),
        ("a/z.TXT", b"a"),
        ("c.txt", b"c"),
        (".hidden.txt", b"hidden"),
        (".git/x.txt", b"hidden"),
        ("d.bin", b"\xff"),
        ("README", b"readme"),
    ]);
    assert_eq!(read(folder.path(), DocumentSplit::BlankLine).unwrap(), ["a", "b", "c"]);
    assert_eq!(read(&folder.path().join("README"), DocumentSplit::BlankLine).unwrap(), ["readme"]);
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_end() {
    let folder = folder(&[("a.txt", b"a")]);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
    assert_eq!(read(folder.path(), DocumentSplit::BlankLine).unwrap(), ["a"]);
}

#[test]
fn bad_bytes_are_named_by_file_and_offset() {
    let folder = folder(&[("bad.txt", b"first line\nsecond \xe9 line\n")]);
    let path = folder.path().join("bad.txt");
    let message = error(&path);
    assert!(
        message.starts_with(&format!("{}: byte offset 18: not UTF-8 (found 0xe9)", path.display())),
        "{message}"
    );
    assert!(message.contains("iconv -f LATIN1"), "{message}");
}

#[test]
fn utf16_is_recognised() {
    let folder = folder(&[("wide.txt", b"\xff\xfeh\0i\0\n\0")]);
    let message = error(folder.path());
    assert!(message.contains("byte offset 0: not UTF-8 (found 0xff)"), "{message}");
    assert!(message.contains("iconv -f UTF-16"), "{message}");
}

#[test]
fn missing_and_empty_inputs_are_named() {
    let folder = folder(&[("blank.txt", b" \n\n\t\n"), ("empty/x.bin", b"x")]);
    let missing = folder.path().join("missing.txt");
    assert!(error(&missing).starts_with(&format!("cannot read text {}: No such file", missing.display())));
    let blank = folder.path().join("blank.txt");
    assert_eq!(error(&blank), format!("{}: no text found, only blank lines", blank.display()));
    assert!(error(&folder.path().join("empty")).contains("holds no .txt or .text file"));
    assert!(documents(&[], DocumentSplit::BlankLine).is_err());
}

#[test]
fn an_error_ends_the_iterator() {
    let folder = folder(&[("a.txt", b"one\n\n\xff\n"), ("b.txt", b"two")]);
    let mut documents = documents(&[folder.path().to_owned()], DocumentSplit::BlankLine).unwrap();
    assert!(documents.next().unwrap().is_ok());
    assert!(documents.next().unwrap().is_err());
    assert!(documents.next().is_none());
}
