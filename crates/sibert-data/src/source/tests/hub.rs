//! Which files of a repository an address means.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::source::hub::card;

const PLAIN: [&str; 12] = [
    ".gitattributes",
    "LICENSE.txt",
    "README.txt",
    "dataset_infos.json",
    "en/test-00000.parquet",
    "en/train-00000.parquet",
    "en/train-00001.parquet",
    "en/.cache/x.parquet",
    "english/a.jsonl.zst",
    "notes.md",
    "raw/a.bin",
    "requirements.txt",
];

fn found<'a>(all: &[&'a str], path: &str, split: Option<&str>, card: &str) -> Result<Found<'a>> {
    let wanted = Wanted { repo: "hf://datasets/o/n", path, split };
    select(all, &wanted, || card::configs(card))
}

fn selected(path: &str) -> Vec<&str> {
    found(&PLAIN, path, None, "").unwrap().files
}

fn refused(all: &[&str], path: &str, split: Option<&str>, card: &str) -> String {
    found(all, path, split, card).unwrap_err().to_string()
}

#[test]
fn addresses_mean_the_training_split_of_folders_and_what_files_and_globs_name() {
    let train = ["en/train-00000.parquet", "en/train-00001.parquet"];
    assert_eq!(selected(""), train);
    assert_eq!(selected("en"), train);
    assert_eq!(selected("en/*.parquet"), ["en/test-00000.parquet", train[0], train[1]]);
    assert_eq!(selected("**/train-*"), train);
    assert_eq!(selected("*/a.*"), ["english/a.jsonl.zst"]);
    assert_eq!(selected("english"), ["english/a.jsonl.zst"]);
    assert_eq!(selected("notes.md"), ["notes.md"]);
    assert_eq!(selected("LICENSE.txt"), ["LICENSE.txt"]);
    assert_eq!(selected("en/.cache"), ["en/.cache/x.parquet"]);
}

#[test]
fn another_split_is_named_behind_a_hash() {
    let files = |path, split| found(&PLAIN, path, Some(split), "").unwrap().files;
    assert_eq!(files("", "test"), ["en/test-00000.parquet"]);
    assert_eq!(files("en/*", "test"), ["en/test-00000.parquet"]);
    assert_eq!(files("en", "train+test").len(), 3);
    assert_eq!(files("en", "all").len(), 3);
    assert_eq!(
        refused(&PLAIN, "en", Some("validation"), ""),
        "no split validation, found test, train: name one behind #, as in hf://datasets/o/n/en#test"
    );
    assert_eq!(
        refused(&["test.txt"], "", None, ""),
        "no split train, found test: name one behind #, as in hf://datasets/o/n#test"
    );
    assert!(refused(&PLAIN, "notes.md", Some("test"), "").contains("leave out #test"));
    assert_eq!(found(&["a#b", "a"], "a", Some("b"), "").unwrap().files, ["a#b"]);
}

#[test]
fn papers_of_a_repository_are_no_text() {
    let all =
        ["LICENSE.txt", "LICENSE-MIT.txt", "a.txt", "citation.txt", "license_texts.txt", "requirements.txt"];
    assert_eq!(found(&all, "", None, "").unwrap().files, ["a.txt", "license_texts.txt"]);
}

#[test]
fn one_of_several_configurations_is_asked_for_by_name() {
    let all = ["de/train.parquet", "en/test.parquet", "en/train.parquet", "fr/test.parquet"];
    assert_eq!(
        refused(&all, "", None, ""),
        "2 configurations, expected one of them by its name: hf://datasets/o/n/de, hf://datasets/o/n/en; all of them \
         are hf://datasets/o/n/**/*train*"
    );
    assert_eq!(found(&all, "en", None, "").unwrap().files, ["en/train.parquet"]);
    assert_eq!(found(&all, "**/*train*", None, "").unwrap().files, ["de/train.parquet", "en/train.parquet"]);
}

const CARD: &str = "---\nconfigs:\n- config_name: cola\n  data_files:\n  - split: train\n    path: c/train-*\n  \
                    - split: test\n    path: c/test-*\n- config_name: mnli\n  data_files:\n  - split: train\n    \
                    path: m/part*\n---\n";

#[test]
fn configurations_of_the_card_are_names_of_paths() {
    let all = ["README.md", "c/test-0.parquet", "c/train-0.parquet", "m/part-0.csv", "m/part-1.parquet"];
    assert_eq!(
        refused(&all, "", None, CARD),
        "2 configurations, expected one of them by its name: hf://datasets/o/n/cola, hf://datasets/o/n/mnli"
    );
    let files = |path, split, card| found(&all, path, split, card).unwrap().files;
    assert_eq!(files("cola", None, CARD), ["c/train-0.parquet"]);
    assert_eq!(files("cola", Some("test"), CARD), ["c/test-0.parquet"]);
    assert_eq!(files("c", None, CARD), ["c/train-0.parquet"]);
    let default = CARD.replace("mnli\n", "mnli\n  default: true\n");
    assert_eq!(files("", None, &default), ["m/part-1.parquet"]);
    assert_eq!(found(&all, "mnli", None, CARD).unwrap().others, ["m/part-0.csv"]);
    assert!(refused(&all, "mnli", Some("test"), CARD).starts_with("no split test, found train: name one"));
    let below = CARD.replace("m/part*", "c/**");
    assert_eq!(files("mnli", None, &below), ["c/test-0.parquet", "c/train-0.parquet"]);
    let gone = CARD.replace("m/part*", "m/x*");
    assert_eq!(
        refused(&all, "mnli", None, &gone),
        "the configuration mnli names m/x*, which no file to read matches"
    );
    let folder = "---\nconfigs:\n- config_name: only\n  data_dir: c\n---";
    assert_eq!(files("", None, folder), ["c/train-0.parquet"]);
}

#[test]
fn what_means_no_file_is_refused() {
    let refused = |path: &str| refused(&PLAIN, path, None, "");
    let has = "en/test-00000.parquet, en/train-00000.parquet, en/train-00001.parquet, english/a.jsonl.zst";
    for path in ["none", "*.none", "en/*.json"] {
        assert_eq!(refused(path), format!("no file matches {path}; the repository has {has}"));
    }
    for (path, found) in [("raw", "raw/a.bin"), ("README*", "README.txt"), ("**/*.bin", "raw/a.bin")] {
        let expected = format!("no file to read in {found}, expected .txt, .text");
        assert!(refused(path).starts_with(&expected), "{}", refused(path));
    }
    let many: Vec<String> = (0..7).map(|i| format!("{i}.parquet")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(
        super::tests::refused(&many, "*.json", None, ""),
        "no file matches *.json; the repository has 0.parquet, 1.parquet, 2.parquet, 3.parquet (and 3 more)"
    );
    assert_eq!(super::tests::refused(&[], "", None, ""), "the repository has no files");
    assert!(refused("[").starts_with("[: not a pattern"));
}
