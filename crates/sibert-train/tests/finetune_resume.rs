//! A fine-tuning run that goes on is the one that was begun, and nothing that it left has changed unseen.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use support::tasks::{finetune, folder, with};
use support::{Folder, assert_has, flip, refused, stderr, stdout};

/// Two seeds of one epoch each.
const SHORT: [&str; 4] = ["--seeds", "2", "--epochs", "1"];

fn short<'a>(out: &'a str, options: &[&'a str]) -> Vec<&'a str> {
    [&with(&finetune("wnli", "run", "glue", out), &SHORT)[..], options].concat()
}

fn evaluate(model: &str) -> [&str; 5] {
    ["evaluate", "--model", model, "--data-dir", "glue"]
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    fs::read_dir(folder).unwrap().flat_map(|entry| below(entry.unwrap().path())).collect()
}

fn hidden(folder: &Path) -> Vec<PathBuf> {
    let mut files = files(folder);
    files.retain(|path| {
        path.file_name().unwrap().to_string_lossy().starts_with('.') && !path.ends_with(".lock")
    });
    files
}

/// Replaces one digit of a file by another.
fn change_digit(folder: &Folder, file: &str, before: &str) {
    let text = folder.text(file);
    let place = text.find(before).unwrap() + before.len();
    let digit = place + text[place..].find(|c: char| c.is_ascii_digit()).unwrap();
    let other = if &text[digit..=digit] == "1" { "0" } else { "1" };
    folder.write(file, [&text[..digit], other, &text[digit + 1..]].concat());
}

#[test]
fn other_data_or_another_model_is_named_when_a_run_goes_on() {
    let folder = folder("sibert");
    let args = short("wnli", &[]);
    let resumed = [&args[..], &["--resume"]].concat();
    stdout(&folder.sibert(&args));
    let train = folder.text("glue/WNLI/train.tsv");
    let dev = folder.text("glue/WNLI/dev.tsv");
    for (file, text) in [("train", &train), ("dev", &dev)] {
        let file = format!("glue/WNLI/{file}.tsv");
        folder.write(&file, text.replacen("\t1\n", "\t0\n", 1));
        let error = refused(&folder.sibert(&resumed));
        assert_has(&error, "error: the data in glue changed after the run began: restore the original");
        folder.write(&file, text);
    }
    stdout(&folder.sibert(&resumed));
    stdout(&folder.pretrain(&["--resume", "--max-steps", "3"]));
    assert_has(&refused(&folder.sibert(&resumed)), "error: the model run changed after the run began");
}

#[test]
fn a_resume_with_fewer_seeds_keeps_those_that_are_done() {
    let folder = folder("sibert");
    stdout(&folder.sibert(&short("wnli", &[])));
    let [report, card] = ["wnli/finetune.json", "wnli/README.md"].map(|file| folder.bytes(file));
    stdout(&folder.sibert(&with(&short("wnli", &["--resume"]), &["--seeds", "1"])));
    assert!(folder.bytes("wnli/finetune.json") == report, "{}", folder.text("wnli/finetune.json"));
    assert!(folder.bytes("wnli/README.md") == card);
}

#[test]
fn a_resume_leaves_the_same_bytes_and_no_temporary_files() {
    let folder = folder("sibert");
    stdout(&folder.sibert(&short("wnli", &[])));
    let contents = |folder: &Folder| -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = files(&folder.path("wnli"));
        files.sort();
        files.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    };
    let expected = contents(&folder);
    fs::create_dir_all(folder.path("wnli/seed-0/.checkpoint-000004.del/training_state")).unwrap();
    for name in ["wnli/seed-0/.best.tmp", "wnli/seed-0/model/.config.json.tmp", "wnli/.model.safetensors.tmp"]
    {
        folder.write(name, "of a killed run");
    }
    stdout(&folder.sibert(&short("wnli", &["--resume"])));
    let hidden = hidden(&folder.path("wnli"));
    assert!(hidden.iter().all(|path| path.ends_with("model/.config.json.tmp")), "{hidden:?}");
    fs::remove_file(folder.path("wnli/seed-0/model/.config.json.tmp")).unwrap();
    assert!(contents(&folder) == expected, "a file changed");
}

#[test]
fn a_damaged_model_is_refused_and_a_deleted_manifest_named() {
    let folder = folder("bert");
    stdout(&folder.sibert(&short("wnli", &[])));
    let expected = stdout(&folder.sibert(&evaluate("wnli")));
    for model in ["wnli", "wnli/seed-1/model"] {
        for file in ["model.safetensors", "config.json", "tokenizer.json", "manifest.json"] {
            let path = folder.path(&format!("{model}/{file}"));
            let bytes = fs::read(&path).unwrap();
            flip(&path);
            let error = refused(&folder.sibert(&evaluate(model)));
            let named = if file == "manifest.json" { "" } else { file }; // or the file of which it lies
            assert_has(&error, &format!("error: {model}: {named}"));
            assert_has(&error, "make it again, or delete its manifest.json to read it as it is");
            fs::write(&path, bytes).unwrap();
        }
        fs::remove_file(folder.path(&format!("{model}/manifest.json"))).unwrap();
        let said = stderr(&folder.sibert(&evaluate(model)));
        assert_has(&said, &format!("{model}: manifest.json is missing: the model is read unchecked"));
    }
    assert_eq!(stdout(&folder.sibert(&evaluate("wnli"))), expected);
    fs::remove_file(folder.path("run/last/training_state/manifest.json")).unwrap();
    let error = refused(&folder.sibert(&finetune("wnli", "run/last", "glue", "other")));
    assert_has(
        &error,
        "run/last: training_state/manifest.json is missing: take another checkpoint, or delete",
    );
}

#[test]
fn one_changed_digit_of_a_result_is_found() {
    let folder = folder("sibert");
    stdout(&folder.sibert(&short("wnli", &[])));
    for (file, before) in [("result.json", "\"accuracy\": "), ("outcomes.json", "\"classes\": [")] {
        let file = format!("wnli/seed-1/{file}");
        let text = folder.text(&file);
        serde_json::from_str::<Value>(&text).unwrap();
        change_digit(&folder, &file, before);
        let error = refused(&folder.sibert(&short("wnli", &["--resume"])));
        assert_has(&error, &format!("error: {file} was changed after it was written: its sha256 is "));
        assert_has(&error, "delete wnli/seed-1 to train the seed again with --resume");
        folder.write(&file, text);
    }
    let expected = folder.bytes("wnli/seed-1/model/model.safetensors");
    fs::remove_dir_all(folder.path("wnli/seed-1")).unwrap();
    stdout(&folder.sibert(&short("wnli", &["--resume"])));
    assert!(folder.bytes("wnli/seed-1/model/model.safetensors") == expected);
}

#[test]
fn a_folder_that_holds_something_else_is_refused() {
    let folder = folder("sibert");
    stdout(&folder.sibert(&short("wnli", &[])));
    let into_a_run = refused(&folder.sibert(&short("run", &[])));
    assert_has(&into_a_run, "output folder run holds a run of pretraining: name another with --out");
    let into_a_model = refused(&folder.sibert(&short("run/last", &[])));
    assert_has(&into_a_model, "output folder run/last holds a model: name another with --out");
    fs::remove_file(folder.path("wnli/settings.json")).unwrap();
    let lost = refused(&folder.sibert(&short("wnli", &["--resume"])));
    assert_has(
        &lost,
        "output folder wnli holds a run of fine-tuning, but not its settings.json: name another",
    );
}
