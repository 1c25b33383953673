//! Promises of words with labels.
#![allow(clippy::unwrap_used)]

use std::fs;

use super::*;
use crate::own::Own;

/// The task and the training set of a file, or the message of the error, which begins after the folder.
fn read_text(name: &str, text: &str) -> Result<(Task, Vec<Sentence>), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    let (texts, labels) = (vec!["tokens".to_owned()], vec!["tags".to_owned()]);
    let own = Own {
        name: "own".into(),
        train: "t".into(),
        validation: Some("d".into()),
        texts,
        labels,
        ..Own::default()
    };
    let read = || {
        let task = own.task(std::slice::from_ref(&path))?;
        Ok((task, read_file(task, Split::Train, &path)?))
    };
    read().map_err(|error: anyhow::Error| {
        format!("{error:#}").replace(&format!("{}/", folder.path().display()), "")
    })
}

fn sentence(words: &[&str], tags: &[u32]) -> Sentence {
    Sentence { words: words.iter().map(|word| (*word).to_owned()).collect(), tags: Some(tags.to_vec()) }
}

#[test]
fn columns_and_lists_give_the_same_sentences() {
    let expected = [sentence(&["Ada", "Byron", "#", "."], &[1, 2, 0, 0]), sentence(&["Rome"], &[3])];
    let columns =
        "-DOCSTART- -X- O\n\n# id = 1\nAda NNP B-PER\nByron NNP I-PER\n# SYM O\n. . O\n\n\nRome NNP B-LOC\n";
    let json = "{\"tokens\": [\"Ada\", \"Byron\", \"#\", \".\"], \"tags\": [\"B-PER\", \"I-PER\", \"O\", \"O\"]}\n\
                {\"tokens\": [\"Rome\"], \"tags\": [\"B-LOC\"]}\n";
    for (name, text) in [("a.conll", columns), ("a.jsonl", json)] {
        let (task, sentences) = read_text(name, text).unwrap();
        assert_eq!(task.class_names(), ["O", "B-LOC", "B-PER", "I-PER"]);
        let order = [0, 2, 3, 1]; // `expected` counts by appearance
        let expected = expected.clone().map(|sentence| Sentence {
            tags: sentence.tags.map(|tags| tags.iter().map(|tag| order[*tag as usize]).collect()),
            ..sentence
        });
        assert_eq!(sentences, expected, "{name}");
    }
}

#[test]
fn what_is_wrong_is_named_by_file_and_line() {
    let refused = |name: &str, text: &str| read_text(name, text).unwrap_err();
    assert_eq!(
        refused("a.conll", "Ada B-PER\nByron\n"),
        "a.conll:2: 1 column(s), expected 2 as in the first line: a word, then its label"
    );
    assert!(refused("a.conll", "Ada\n").starts_with("a.conll:1: a word without a label"));
    assert!(refused("a.conll", "Ada O\n").contains("all words have the label O"));
    assert_eq!(
        refused("a.jsonl", "{\"tokens\": [\"a\", \"b\"], \"tags\": [\"O\"]}\n"),
        "a.jsonl:1: 2 words and 1 labels, expected as many"
    );
}
