//! The same corpus in every format and compression gives the same documents.

use proptest::prelude::*;

use super::table::{of_texts, text};
use super::*;

const FIXED: [&str; 8] = [
    "One sentence. And another.",
    "",
    "  indented, with a trailing blank \t",
    "naïve café, 日本語, 👩‍👩‍👧, \u{1f}\u{7f}\u{2028}",
    " \u{a0} ",
    r#"quotes " and \ back \n slashes"#,
    "\u{feff}mark",
    "last",
];

/// The texts as a file of each format, with its name and whether an empty text counts as skipped.
fn files(texts: &[&str]) -> [(&'static str, Vec<u8>, bool); 3] {
    let values: Vec<Option<&str>> = texts.iter().copied().map(Some).collect();
    let json: String =
        texts.iter().map(|text| format!("{}\n", serde_json::json!({"id": 1, "text": text}))).collect();
    let properties = ::parquet::file::properties::WriterProperties::default();
    [
        ("a.txt", texts.join("\n").into_bytes(), false),
        ("a.jsonl", json.into_bytes(), true),
        ("a.parquet", of_texts(&values, properties), true),
    ]
}

/// The document of each text.
fn expected(texts: &[&str]) -> Vec<String> {
    let ends = texts.iter().map(|text| text.trim_end()).filter(|text| !text.is_empty());
    ends.map(ToOwned::to_owned).collect()
}

fn check(texts: &[&str], formats: usize) {
    let expected = expected(texts);
    let empty = (texts.len() - expected.len()) as u64;
    for (name, bytes, counts) in files(texts).into_iter().rev().take(formats) {
        let packed = [
            (name.to_owned(), bytes.clone()),
            (format!("{name}.gz"), gzip(&bytes)),
            (format!("{name}.zst"), zstd(&bytes)),
        ];
        for (name, bytes) in packed {
            let (found, skipped) = read_bytes(&name, &bytes, &per_line()).unwrap();
            assert_eq!(found, expected, "{name}");
            assert_eq!(skipped, if counts { empty } else { 0 }, "{name}");
        }
    }
}

#[test]
fn formats_and_compressions_agree() {
    check(&FIXED, 3);
    check(&["\r inside \r and at the end \r"], 2);
    check(&[], 3);
    let many: Vec<String> = (0..3000).map(|i| format!("document {i} {}", "word ".repeat(i % 97))).collect();
    check(&many.iter().map(String::as_str).collect::<Vec<_>>(), 3);
}

#[test]
fn multi_member_files_are_read_to_the_end() {
    let (one, two) = (&b"one\ntw"[..], &b"o\nthree\n"[..]);
    let expected = ["one", "two", "three"];
    let gzip = [gzip(one), gzip(b""), gzip(two)].concat();
    assert_eq!(read_bytes("a.txt.gz", &gzip, &per_line()).unwrap().0, expected);
    let skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    let zstd = [skippable, zstd(one), zstd(b""), zstd(two)].concat();
    assert_eq!(read_bytes("a.txt.zst", &zstd, &per_line()).unwrap().0, expected);
}

#[test]
fn extensions_may_be_upper_case() {
    assert_eq!(read_bytes("A.TXT.GZ", &gzip(b"one"), &per_line()).unwrap().0, ["one"]);
    assert_eq!(read_bytes("A.JSON", b"{\"text\":\"one\"}", &per_line()).unwrap().0, ["one"]);
    assert_eq!(read_bytes("no extension", b"one", &per_line()).unwrap().0, ["one"]);
    assert_eq!(read_bytes("notes.gz", &gzip(b"one"), &per_line()).unwrap().0, ["one"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_survives_every_format(texts in prop::collection::vec("[^\n]{0,40}", 0..8)) {
        check(&texts.iter().map(String::as_str).collect::<Vec<_>>(), 2);
    }

    #[test]
    fn any_text_survives_as_lines(texts in prop::collection::vec("[^\n\r\u{feff}]{0,40}", 0..8)) {
        check(&texts.iter().map(String::as_str).collect::<Vec<_>>(), 3);
    }
}

#[test]
fn nulls_are_empty_documents() {
    let values = [Some("one"), None, Some("two")];
    let properties = ::parquet::file::properties::WriterProperties::default();
    let bytes = super::table::write("optional binary text;", &[&[text(&values)]], properties);
    let (texts, skipped) = read_bytes("a.parquet", &bytes, &Reading::default()).unwrap();
    assert_eq!((texts, skipped), (vec!["one".into(), "two".into()], 1));
}

#[test]
fn a_line_of_100_mb_is_one_document() {
    let text = "word ".repeat(20 << 20);
    let files = [
        ("a.txt", format!("{text}\nlast")),
        ("a.jsonl", format!("{{\"text\": \"{text}\"}}\n{{\"text\": \"last\"}}")),
    ];
    for (name, bytes) in files {
        let (documents, skipped) = read_bytes(name, bytes.as_bytes(), &per_line()).unwrap();
        let lengths: Vec<_> = documents.iter().map(String::len).collect();
        assert_eq!((lengths, skipped), (vec![(100 << 20) - 1, 4], 0), "{name}");
    }
}
