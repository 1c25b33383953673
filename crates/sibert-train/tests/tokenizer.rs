//! `sibert tokenizer train`, as a user meets it.
#![allow(clippy::unwrap_used)]

mod support;

use support::{Folder, assert_has, refused, stdout};

const TRAIN: [&str; 2] = ["tokenizer", "train"];

#[test]
fn a_learned_tokenizer_is_one_to_pretrain_with() {
    let folder = Folder::new();
    let text = "The cat sat on the mat.\nThe dog saw the cat.\n\n".repeat(40);
    folder.write("book.txt", &text);
    let learn = ["--source", "book.txt", "--vocab-size", "100", "--out", "learned"];
    let summary = stdout(&folder.sibert(&[&TRAIN[..], &learn].concat()));
    assert_has(&summary, "learned from 520 words, 8 distinct; 100.0 % of them are one piece");
    assert_has(&summary, "tokenizer.json, vocab.txt, tokenizer_config.json in learned");
    stdout(&folder.pretrain(&["--tokenizer", "learned/tokenizer.json"]));
    assert!(folder.bytes("run/last/tokenizer.json") == folder.bytes("learned/tokenizer.json"));
}

#[test]
fn text_without_a_word_gives_no_tokenizer() {
    let folder = Folder::new();
    folder.write("blank.txt", "\n  \n\n");
    folder.write("empty.jsonl", "{\"text\":\"\"}\n");
    let learn = ["--source", "blank.txt", "empty.jsonl", "--out", "learned"];
    let message = refused(&folder.sibert(&[&TRAIN[..], &learn].concat()));
    assert_has(&message, "blank.txt, empty.jsonl: no text found, only blank lines and empty texts");
    assert!(!folder.path("learned").exists());
}

#[cfg(unix)]
#[test]
fn what_is_no_text_is_passed_over_with_a_note() {
    let folder = Folder::new();
    for name in ["text/half", "text/shards"] {
        std::fs::create_dir_all(folder.path(name)).unwrap();
    }
    folder.write("text/book.txt", "the cat sat on the mat\n");
    folder.write("text/half/.progress.json", "{}");
    folder.write("text/half/tokenizer.json", "{}");
    folder.write("text/shards/manifest.json", "{}");
    folder.write("text/shards/shard-00000.safetensors", "");
    std::os::unix::fs::symlink("gone.txt", folder.path("text/dang.txt")).unwrap();
    for source in ["text", "text/**/*.*"] {
        let learned = folder.sibert(&[&TRAIN[..], &["--source", source, "--out", "learned"]].concat());
        assert_has(&stdout(&learned), "learned from 6 words");
        let notes = String::from_utf8_lossy(&learned.stderr).into_owned();
        assert_has(&notes, "passing over text/dang.txt: a link that leads nowhere\n");
        assert_has(&notes, "passing over text/half: prepared shards, not text\n");
        assert_has(&notes, "passing over text/shards: prepared shards, not text\n");
        assert_eq!(notes.matches("passing over").count(), 3, "{notes}");
    }
}

#[test]
fn help_and_mistakes_of_the_tokenizer_command_are_explained() {
    let folder = Folder::new();
    assert_has(&stdout(&folder.sibert(&[&TRAIN[..], &["--help"]].concat())), "Example");
    let missing = ["--source", "none.txt", "--out", "learned"];
    assert_has(&refused(&folder.sibert(&[&TRAIN[..], &missing].concat())), "none.txt");
    let split = folder.sibert(&[&TRAIN[..], &missing, &["--documents", "never"]].concat());
    assert_eq!(split.status.code(), Some(2));
    assert_has(&String::from_utf8_lossy(&split.stderr), "blank_line, per_file, per_line");
}

#[test]
fn lines_are_encoded_as_they_stand() {
    let folder = Folder::new();
    let words = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\n##s\n";
    folder.write("vocab.txt", words);
    folder.write("lines.txt", "Hello hellos\n\nx\n");
    let encode = |more: &[&str]| {
        stdout(
            &folder
                .sibert(&[&["tokenizer", "encode", "--tokenizer", "vocab.txt", "lines.txt"], more].concat()),
        )
    };
    assert_eq!(encode(&[]), "2 5 5 6 3\n2 3\n2 1 3\n");
    assert_eq!(encode(&["--tokens"]), "[CLS] hello hello ##s [SEP]\n[CLS] [SEP]\n[CLS] [UNK] [SEP]\n");
}
