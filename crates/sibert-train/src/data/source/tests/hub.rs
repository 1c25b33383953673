//! Which files of a repository an address means.

#![allow(clippy::unwrap_used)]

use super::*;

fn all() -> Vec<String> {
    let names = [
        ".gitattributes",
        "README.txt",
        "dataset_infos.json",
        "en/test-00000.parquet",
        "en/train-00000.parquet",
        "en/train-00001.parquet",
        "en/.cache/x.parquet",
        "english/a.jsonl.zst",
        "notes.md",
        "raw/a.bin",
    ];
    names.map(String::from).into()
}

fn selected(path: &str) -> Vec<String> {
    select(&all(), path).unwrap().into_iter().map(String::from).collect()
}

#[test]
fn addresses_mean_repositories_folders_files_or_globs() {
    let parquet = ["en/test-00000.parquet", "en/train-00000.parquet", "en/train-00001.parquet"];
    assert_eq!(selected(""), [&parquet[..], &["english/a.jsonl.zst"]].concat());
    assert_eq!(selected("en"), parquet);
    assert_eq!(selected("en/train-*.parquet"), parquet[1..]);
    assert_eq!(selected("**/train-*"), parquet[1..]);
    assert_eq!(selected("*/a.*"), ["english/a.jsonl.zst"]);
    assert_eq!(selected("notes.md"), ["notes.md"]);
    assert_eq!(selected("en/.cache"), ["en/.cache/x.parquet"]);
}

#[test]
fn what_means_no_file_is_refused() {
    let refused = |path: &str| select(&all(), path).unwrap_err().to_string();
    let has = "en/test-00000.parquet, en/train-00000.parquet, en/train-00001.parquet, english/a.jsonl.zst";
    for path in ["none", "*.none", "en/*.json"] {
        assert_eq!(refused(path), format!("no file matches {path}; the repository has {has}"));
    }
    for (path, found) in [("raw", "raw/a.bin"), ("README*", "README.txt"), ("**/*.bin", "raw/a.bin")] {
        let expected = format!("no file to read in {found}, expected .txt, .text");
        assert!(refused(path).starts_with(&expected), "{}", refused(path));
    }
    let many: Vec<String> = (0..7).map(|i| format!("{i}.parquet")).collect();
    assert_eq!(
        select(&many, "*.json").unwrap_err().to_string(),
        "no file matches *.json; the repository has 0.parquet, 1.parquet, 2.parquet, 3.parquet (and 3 more)"
    );
    assert_eq!(select(&many[..0], "").unwrap_err().to_string(), "the repository has no files");
    assert!(select(&all(), "[").unwrap_err().to_string().starts_with("[: not a pattern"));
}
