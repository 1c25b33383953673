//! A task of one's own: a file that names columns, labels and files, from `finetune` over `evaluate` to `predict`.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;

use support::tasks::{QUICK, with};
use support::{Folder, assert_has, refused, stderr, stdout};

const TASK: &str = r#"
name = "places"
question = "what kind of place is it?"
labels = ["town", "water", "green"]

[columns]
text = "sentence"
label = "kind"

[files]
train = "train.csv"
validation = "dev.jsonl"
test = "test.tsv"

[defaults]
max_seq_len = 16
"#;

const KINDS: [(&str, &str); 5] =
    [("house", "town"), ("river", "water"), ("garden", "green"), ("forest", "green"), ("city", "town")];

fn row(i: usize) -> (String, &'static str) {
    let animal = ["cat", "dog", "horse", "bird", "fish", "mouse"][(i * 7) % 6];
    let (place, kind) = KINDS[(i * 3) % 5];
    (format!("The {animal}, say, lives near the {place}."), kind)
}

/// A folder with a model `run`, and with the task and its files in `own`.
fn folder() -> Folder {
    let folder = Folder::new();
    stdout(&folder.pretrain(&["--set", "max_steps=2", "eval_every=2"]));
    std::fs::create_dir(folder.path("own")).unwrap();
    let csv = |(text, kind): (String, &str)| format!("\"{text}\",{kind}\n");
    let json =
        |(text, kind): (String, &str)| serde_json::json!({"kind": kind, "sentence": text}).to_string() + "\n";
    let tsv = |(text, _): (String, &str)| text + "\n";
    folder.write("own/places.toml", TASK);
    folder
        .write("own/train.csv", format!("sentence,kind\n{}", (0..90).map(row).map(csv).collect::<String>()));
    folder.write("own/dev.jsonl", (0..30).map(row).map(json).collect::<String>());
    folder.write("own/test.tsv", format!("sentence\n{}", (0..10).map(row).map(tsv).collect::<String>()));
    folder
}

fn finetune<'a>(options: &[&'a str]) -> Vec<&'a str> {
    let args = ["finetune", "--task", "own/places.toml", "--model", "run", "--out", "places"];
    [&args[..], &QUICK, options].concat()
}

#[test]
fn a_task_of_three_classes_needs_a_file_and_no_code() {
    let folder = folder();
    let learned = with(&finetune(&[]), &["--epochs", "40", "--lr", "3e-2"]);
    assert_has(&stdout(&folder.sibert(&learned)), "places");
    let config: Value = serde_json::from_str(&folder.text("places/config.json")).unwrap();
    assert_eq!(config["id2label"], serde_json::json!({"0": "town", "1": "water", "2": "green"}));
    assert_eq!(config["task"]["columns"]["label"], serde_json::json!(["kind"]));
    assert_has(&folder.text("places/README.md"), "what kind of place is it?");

    // The model knows its task; its data is beside the file, or where --data-dir says.
    let figures = stdout(&folder.sibert(&["evaluate", "--model", "places", "--data-dir", "own"]));
    let figures: Value = serde_json::from_str(&figures).unwrap();
    assert_eq!(figures["task"], "places");
    assert!(
        figures["figures"]["accuracy"].as_f64().unwrap() > 0.7,
        "two of five places are towns: {figures}"
    );
    let lost = refused(&folder.sibert(&["evaluate", "--model", "places"]));
    assert_has(&lost, "places: its own file is not at hand: name the folder of its data with --data-dir");

    let predict = ["predict", "--task", "own/places.toml", "--model", "places", "--out", "out"];
    stdout(&folder.sibert(&predict));
    let predictions = folder.text("out/places.tsv");
    let mut lines = predictions.lines();
    assert_eq!(lines.next(), Some("index\tprediction"));
    let is_right = |(i, line): (usize, &str)| line == format!("{i}\t{}", row(i).1);
    assert!(lines.enumerate().map(is_right).filter(|right| *right).count() > 7, "{predictions}");
}

#[test]
fn a_run_of_one_s_own_task_goes_on_and_notices_another_task() {
    let folder = folder();
    stdout(&folder.sibert(&finetune(&[])));
    let again = stderr(&folder.sibert(&finetune(&["--seeds", "2", "--resume"])));
    assert_has(&again, "seed 0: done before");
    folder.write("own/places.toml", TASK.replace("\"town\", \"water\"", "\"water\", \"town\""));
    assert_has(&refused(&folder.sibert(&finetune(&["--resume"]))), "other settings: task");
}

#[test]
fn what_is_wrong_is_named_by_file_and_line() {
    let folder = folder();
    let refused = |name: &str, text: &str| {
        let whole = folder.text(name);
        folder.write(name, text);
        let said = refused(&folder.sibert(&finetune(&[])));
        folder.write(name, whole);
        std::fs::remove_dir_all(folder.path("places")).ok();
        said
    };
    let said = refused("own/train.csv", "sentence,kind\nA house.,town\n\n\"A river,\nwide.\",sea\n");
    assert_has(&said, "own/train.csv:4: unknown label, expected one of town, water, green, found `sea`");
    let said = refused("own/train.csv", "sentence,kind\n\"A house.,town\nA river.,water\n");
    assert_has(&said, "own/train.csv:2: the table ends within the double quotes");
    let said = refused("own/train.csv", "sentence,kind\nA river, wide.,water\n");
    assert_has(&said, "own/train.csv:2: 3 column(s), expected 2 (comma separated)");
    let said = refused("own/train.csv", "text,kind\nA river.,water\n");
    assert_has(&said, "own/train.csv:1: expected the columns sentence, kind, found 2 column(s): text, kind");
    let said = refused("own/dev.jsonl", "{\"sentence\": \"A river.\", \"kind\": 1}\n");
    assert_has(&said, "own/dev.jsonl:1: unknown label, expected one of town, water, green, found 1");
    let said = refused("own/dev.jsonl", "{\"sentence\": 3, \"kind\": \"town\"}\n");
    assert_has(&said, "own/dev.jsonl:1: sentence: expected a text, found 3");
}

#[test]
fn numbers_may_be_what_is_asked_for() {
    let folder = folder();
    let task = TASK
        .replace("labels = [\"town\", \"water\", \"green\"]", "score = {}")
        .replace("dev.jsonl", "train.csv");
    folder.write("own/places.toml", task);
    let rows: String = (0..40).map(|i| format!("\"{}\",{}\n", row(i).0, i as f64 - 20.5)).collect();
    folder.write("own/train.csv", format!("sentence,kind\n{rows}"));
    assert_has(&stdout(&folder.sibert(&finetune(&[]))), "pearson");
    stdout(&folder.sibert(&["predict", "--task", "own/places.toml", "--model", "places", "--out", "out"]));
    assert_eq!(folder.text("out/places.tsv").lines().count(), 11);
}
