//! Plain text: what ends a document, and what is refused.

use super::*;

#[test]
fn documents_are_split_as_asked() {
    let folder = folder(&[("a.txt", b"\n\none\ntwo\n\n \nthree\n")]);
    let read = |documents| read(folder.path(), &Reading { documents, ..Reading::default() }).unwrap();
    assert_eq!(read(DocumentSplit::BlankLine), ["one\ntwo", "three"]);
    assert_eq!(read(DocumentSplit::PerFile), ["one\ntwo\n\n \nthree"]);
    assert_eq!(read(DocumentSplit::PerLine), ["one", "two", "three"]);
}

#[test]
fn byte_order_marks_and_windows_line_ends_are_dropped() {
    let bytes = "\u{feff}one\r\ntwo\r\n\r\nthree".as_bytes();
    assert_eq!(read_bytes("a.txt", bytes, &Reading::default()).unwrap().0, ["one\ntwo", "three"]);
}

#[test]
fn indentation_is_kept() {
    let texts = read_bytes("a.txt", b"\n \n  one \n two \t\n", &Reading::default()).unwrap().0;
    assert_eq!(texts, ["  one \n two"]);
}

#[test]
fn bad_bytes_are_named_by_file_and_offset() {
    let reading = Reading::default();
    let text = b"first line\nsecond \xe9 line\n";
    let expected = "@: byte offset 18: not UTF-8 (found 0xe9): remove the byte, or convert the file, for instance: \
                    iconv -f LATIN1 -t UTF-8";
    assert_eq!(refusal("bad.txt", text, &reading), expected);
    assert_eq!(refusal("bad.txt.gz", &gzip(text), &reading), expected);
    assert_eq!(refusal("bad.txt.zst", &zstd(text), &reading), expected);
}

#[test]
fn utf16_is_recognised() {
    let message = refusal("wide.txt", b"\xff\xfeh\0i\0\n\0", &Reading::default());
    assert_starts(&message, "@: byte offset 0: not UTF-8 (found 0xff)");
    assert!(message.contains("iconv -f UTF-16"), "{message}");
}

#[test]
fn a_file_of_blank_lines_has_no_documents() {
    assert_eq!(read_bytes("blank.txt", b" \n\n\t\n", &Reading::default()).unwrap(), (vec![], 0));
    assert_eq!(read_bytes("empty.txt", b"", &per_line()).unwrap(), (vec![], 0));
}
