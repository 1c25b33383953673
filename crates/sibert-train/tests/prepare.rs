//! `sibert prepare`: killed and run again it ends in the files of a preparation that was never stopped.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use support::{Folder, assert_has, flip, refused, stderr, stdout};

/// Many small shards of documents of one line.
const PREPARE: [&str; 13] = [
    "prepare",
    "--source",
    "text.txt",
    "more",
    "--documents",
    "per_line",
    "--shard-tokens",
    "2000",
    "--vocab-size",
    "150",
    "--threads",
    "2",
    "--sentences",
];

/// A folder with `text.txt`, and 30 files in `more`.
fn corpus() -> Folder {
    let folder = Folder::new();
    fs::create_dir(folder.path("more")).unwrap();
    let animals = ["cat", "dog", "horse", "bird", "fish", "mouse"];
    for file in 0..30 {
        let line = |number: usize| {
            let animal = animals[(file + number) % animals.len()];
            format!("The {animal} number {number} of file {file} sleeps. It dreams of {}.\n", number * file)
        };
        folder.write(&format!("more/{file:02}.txt"), (0..60).map(line).collect::<String>());
    }
    folder
}

fn args<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&PREPARE[..], &["--out", out], more].concat()
}

/// All files of a folder, hidden ones too.
fn files(folder: &Folder, out: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder.path(out)).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

fn assert_equal(folder: &Folder, out: &str, expected: &BTreeMap<String, Vec<u8>>) {
    let found = files(folder, out);
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    expected.iter().for_each(|(name, bytes)| assert!(found[name] == *bytes, "{name} differs"));
}

#[test]
fn killed_preparation_run_again_ends_in_the_same_files() {
    let folder = corpus();
    stdout(&folder.sibert(&args("whole", &[])));
    let expected = files(&folder, "whole");
    assert!(expected.len() > 8, "{:?}", expected.keys());
    let mut kills = 0;
    for seed in 0..3_u64 {
        let at = |file: &'static str| folder.path(&format!("out/{file}"));
        for (file, after) in [
            (".progress.json", 0),
            ("shard-00000.safetensors", seed),
            (".shard-00002.safetensors.tmp", 0),
            ("shard-00003.safetensors", 1 + seed),
            (".progress.json.tmp", 0),
            ("manifest.json", 0),
        ] {
            let (file, after) = (at(file), Duration::from_millis(after));
            let seen = std::cell::Cell::new(None);
            kills += usize::from(folder.killed(&args("out", &[]), |now| {
                if seen.get().is_none() && file.exists() {
                    seen.set(Some(now));
                }
                seen.get().is_some_and(|since| now >= since + after)
            }));
        }
        stdout(&folder.sibert(&args("out", &[])));
        assert_equal(&folder, "out", &expected);
        fs::remove_dir_all(folder.path("out")).unwrap();
    }
    assert!(kills >= 6, "only {kills} of 18 kills came before the end");
}

#[test]
fn what_was_made_is_printed_and_made_once() {
    let folder = corpus();
    let table = stdout(&folder.sibert(&args("out", &["--weights", "1", "2.5"])));
    for part in ["source ", "documents", "text.txt ", "more ", " 2.5 ", "held out of it ", "vocabulary 150"] {
        assert_has(&table, part);
    }
    let before = files(&folder, "out");
    let again = folder.sibert(&args("out", &["--weights", "1", "2.5"]));
    assert_has(&stderr(&again), "out is prepared already: nothing to do");
    assert_equal(&folder, "out", &before);
    let unweighted = stderr(&folder.sibert(&args("out", &[])));
    assert_has(&unweighted, "out is prepared already: weights 1, 2.5 -> none");
    let weighted = stderr(&folder.sibert(&args("out", &["--weights", "1", "2.5"])));
    assert_has(&weighted, "out is prepared already: weights none -> 1, 2.5");
    assert_equal(&folder, "out", &before);
    flip(&folder.path("out/shard-00001.safetensors"));
    let message = stderr(&folder.sibert(&args("out", &["--weights", "1", "2.5"])));
    assert_has(&message, "shard-00001.safetensors is corrupted: sha256 ");
    assert_equal(&folder, "out", &before);
    folder.write("more/07.txt", "another text\n");
    let message = refused(&folder.sibert(&args("out", &[])));
    assert_has(&message, "out was prepared otherwise: source file more/07.txt changed: sha256 ");
    assert_has(&message, "--force");
    stdout(&folder.sibert(&args("out", &["--force"])));
}

#[test]
fn a_file_that_cannot_grow_is_named_and_what_was_made_stays() {
    let folder = corpus();
    stdout(&folder.sibert(&args("whole", &[])));
    let expected = files(&folder, "whole");
    // Blocks of 512 bytes or 1024: enough for the tokenizer, too little for the first shard of any source.
    let limited = |blocks: &str| {
        let script = format!("ulimit -f {blocks}; exec \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_sibert")]).args(args("out", &["--force"]));
        command.current_dir(folder.path("")).output().unwrap()
    };
    let message = refused(&limited("6"));
    assert_has(&message, "cannot write out/.");
    assert_has(&message, "larger than the limit of file sizes (ulimit -f)");
    let left = files(&folder, "out");
    assert!(left.keys().all(|name| !name.ends_with(".tmp")), "{:?}", left.keys());
    stdout(&folder.sibert(&args("out", &[])));
    assert_equal(&folder, "out", &expected);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let folder = corpus();
    let message = refused(&folder.sibert(&args("text.txt/out", &[])));
    assert_has(&message, "cannot create the folder text.txt/out: choose another --out");
    let message = refused(&folder.sibert(&args("more", &[])));
    assert_has(&message, "more holds other files, such as 00.txt: choose another --out");
}

#[test]
fn shards_inside_their_source_are_no_source() {
    let folder = corpus();
    let prepare = |out: &'static str| {
        let more =
            ["--source", ".", "--shard-tokens", "2000", "--vocab-size", "150", "--documents", "per_line"];
        [&["prepare", "--out", out], &more[..]].concat()
    };
    stdout(&folder.sibert(&prepare("shards")));
    let expected = files(&folder, "shards");
    let again = folder.sibert(&prepare("shards"));
    assert_has(&stderr(&again), "shards is prepared already: nothing to do");
    assert_equal(&folder, "shards", &expected);
    let [first, manifest] =
        ["shard-00001.safetensors", "manifest.json"].map(|file| folder.path("shards").join(file));
    let stopped_halfway = (0..20).any(|_| {
        fs::remove_dir_all(folder.path("shards")).unwrap();
        folder.killed(&prepare("shards"), |_| first.exists()) && !manifest.exists()
    });
    assert!(stopped_halfway, "20 kills all came after the end");
    let going_on = stderr(&folder.sibert(&prepare("shards")));
    assert_has(&going_on, "shards: continuing, with ");
    assert_equal(&folder, "shards", &expected);
}
