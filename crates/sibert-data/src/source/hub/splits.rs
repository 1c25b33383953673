//! Which split a file belongs to, by its name and its folders, as Python's `datasets` tells it.
//!
//! The first of these that holds of any file counts for all of them:
//!
//! ```text
//! data/SPLIT-00000-of-00004.parquet     SPLIT, whatever it is called
//! train/a.jsonl, my-train-v2/a.jsonl    a folder with the word
//! train.jsonl, corpus_train.jsonl       a file with the word
//! a.jsonl                               train
//! ```

/// Splits, and the words that stand for them between signs and digits.
const WORDS: [(&str, &[&str]); 3] = [
    ("train", &["train", "training"]),
    ("validation", &["validation", "valid", "dev", "val"]),
    ("test", &["test", "testing", "eval", "evaluation"]),
];

/// A file of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed<'a> {
    /// Its path.
    pub file: &'a str,
    /// Its split.
    pub split: &'a str,
    /// The folder that the splits lie in.
    pub part: &'a str,
}

/// The files below `folder` that are of a split, in their order.
pub(super) fn splits<'a>(files: &[&'a str], folder: &str) -> Vec<Placed<'a>> {
    let start = if folder.is_empty() { 0 } else { folder.len() + 1 };
    let rules = [sharded, by_folder, by_name];
    for rule in rules {
        let placed: Vec<Placed> = files.iter().filter_map(|file| rule(file, start)).collect();
        if !placed.is_empty() {
            return placed;
        }
    }
    files.iter().map(|file| Placed { file, split: WORDS[0].0, part: "" }).collect()
}

/// `data/SPLIT-00000-of-00004.parquet` below the folder whose name has `start` bytes.
fn sharded(file: &str, start: usize) -> Option<Placed<'_>> {
    let name = file.get(start..)?.strip_prefix("data/").filter(|name| !name.contains('/'))?;
    let (split, count) = name.split_once("-of-")?;
    let (split, number) = split.rsplit_once('-')?;
    let is_number = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = !split.is_empty() && is_number(number) && is_number(count.get(..5)?);
    fits.then_some(Placed { file, split, part: folder_of(file, file.len() - name.len()) })
}

/// The first folder with the word of a split.
fn by_folder(file: &str, start: usize) -> Option<Placed<'_>> {
    let mut at = start;
    for folder in file.get(start..)?.rsplit_once('/')?.0.split('/') {
        if let Some(split) = word(folder, true) {
            return Some(Placed { file, split, part: folder_of(file, at) });
        }
        at += folder.len() + 1;
    }
    None
}

fn by_name(file: &str, start: usize) -> Option<Placed<'_>> {
    let at = file.rfind('/').map_or(0, |at| at + 1).max(start);
    Some(Placed { file, split: word(file.get(at..)?, false)?, part: folder_of(file, at) })
}

/// The part before byte `at` of a path, without the slash.
fn folder_of(file: &str, at: usize) -> &str {
    file[..at].trim_end_matches('/')
}

/// The split whose word is in `name`, between signs, digits or its ends; a file's name goes on behind it.
fn word(name: &str, is_folder: bool) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let is_sign = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_' | b' ');
    let has = |word: &&str| {
        name.match_indices(word).any(|(at, _)| {
            let before = at.checked_sub(1).is_none_or(|at| is_sign(name.as_bytes()[at]));
            let behind = name.as_bytes().get(at + word.len()).map_or(is_folder, |byte| is_sign(*byte));
            before && behind
        })
    };
    WORDS.iter().find(|(_, words)| words.iter().any(has)).map(|(split, _)| *split)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(files: &[&'a str], folder: &str) -> Vec<(&'a str, &'a str, &'a str)> {
        splits(files, folder).into_iter().map(|Placed { file, split, part }| (file, split, part)).collect()
    }

    #[test]
    fn names_tell_splits_as_datasets_reads_them() {
        for (name, is_folder, split) in [
            ("train.csv", false, Some("train")),
            ("my_train_file.csv", false, Some("train")),
            ("train1.csv", false, Some("train")),
            ("Train.csv", false, Some("train")),
            ("c4-train.00000-of-01024.json.gz", false, Some("train")),
            ("validation-00000-of-00001.parquet", false, Some("validation")),
            ("dev.tsv", false, Some("validation")),
            ("x.eval.jsonl", false, Some("test")),
            ("training_set", true, Some("train")),
            ("test", true, Some("test")),
            ("test", false, None),
            ("trained.txt", false, None),
            ("constraint.txt", false, None),
            ("latest.jsonl", false, None),
            ("devices.jsonl", false, None),
        ] {
            assert_eq!(word(name, is_folder), split, "{name}");
        }
    }

    #[test]
    fn the_first_rule_that_holds_of_any_file_counts() {
        let shards =
            ["data/extra-00000-of-00001.parquet", "data/train-00000-of-00001.parquet", "train.jsonl"];
        assert_eq!(found(&shards, ""), [(shards[0], "extra", "data"), (shards[1], "train", "data")]);
        let folders = ["en/train/a.jsonl", "en/test/a.jsonl", "en/train.jsonl"];
        assert_eq!(found(&folders, ""), [(folders[0], "train", "en"), (folders[1], "test", "en")]);
        assert_eq!(found(&folders, "en"), found(&folders, ""));
        let names = ["en/a-train.jsonl", "en/a-dev.jsonl", "en/a.jsonl"];
        assert_eq!(found(&names, ""), [(names[0], "train", "en"), (names[1], "validation", "en")]);
        assert_eq!(found(&["a.txt", "b/c.txt"], ""), [("a.txt", "train", ""), ("b/c.txt", "train", "")]);
        assert_eq!(found(&["test/a.txt", "test/b.txt"], "test").len(), 2);
        assert_eq!(found(&["test/a.txt"], "test")[0].1, "train");
    }
}
