//! The event files of runs: every number of `metrics.jsonl` once, however often the run was stopped.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::PathBuf;

use prost::Message;
use serde_json::Value;

use support::tasks;
use support::{Folder, stdout};

/// As much of an event as has scalars in it.
#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    number: Option<f32>,
}

/// Step, tag and value of a scalar.
type Entry = (i64, String, f32);

/// The one event file of a run that has events.
fn event_file(folder: &Folder, run: &str) -> PathBuf {
    let entries = fs::read_dir(folder.path(run)).unwrap().map(|entry| entry.unwrap());
    let full = entries.filter(|entry| entry.metadata().unwrap().len() > 0).map(|entry| entry.path());
    let mut files: Vec<PathBuf> = full.filter(|path| path.to_string_lossy().contains("tfevents")).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

/// The scalars of a run's event file, and the tags of all else.
fn events(folder: &Folder, run: &str) -> (Vec<Entry>, Vec<String>) {
    let bytes = fs::read(event_file(folder, run)).unwrap();
    let (mut rest, mut scalars, mut others) = (&bytes[..], Vec::new(), Vec::new());
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        let event = Event::decode(&rest[12..12 + length]).unwrap();
        for value in event.summary.into_iter().flat_map(|summary| summary.values) {
            match value.number {
                Some(number) => scalars.push((event.step, value.tag, number)),
                None => others.push(value.tag),
            }
        }
        rest = &rest[12 + length + 4..];
    }
    (scalars, others)
}

/// The numbers of `metrics.jsonl` by the tags that they are to have.
fn expected(folder: &Folder, run: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    for line in folder.text(&format!("{run}/metrics.jsonl")).lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let judged = line.get("eval_loss").is_some() || line.get("figures").is_some();
        let group = if judged { "eval" } else { "train" };
        let mut add = |tag: String, value: &Value| {
            entries.extend(value.as_f64().map(|number| (line["step"].as_i64().unwrap(), tag, number as f32)));
        };
        for (key, value) in line.as_object().unwrap().iter().filter(|(key, _)| *key != "step") {
            let name = match key.as_str() {
                "lr" => "learning_rate",
                "head_lr" => "head_learning_rate",
                key => key.trim_start_matches("eval_"),
            };
            match value {
                Value::Object(inner) if key == "group_norms" => {
                    inner.iter().for_each(|(name, value)| add(format!("group_norms/{name}"), value));
                }
                Value::Object(inner) => {
                    inner.iter().for_each(|(name, value)| add(format!("{group}/{name}"), value));
                }
                value => add(format!("{group}/{name}"), value),
            }
        }
    }
    entries
}

#[test]
fn every_number_of_a_pretraining_is_an_event_with_settings_and_curves() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&[]));
    let (scalars, others) = events(&folder, "run");
    assert_eq!(scalars, expected(&folder, "run"));
    assert!(scalars.iter().any(|(step, tag, _)| (*step, tag.as_str()) == (6, "train/learning_rate")));
    assert_eq!(others, ["args/text_summary", "model_config/text_summary", "curves"]);
}

#[cfg(unix)]
#[test]
fn a_run_killed_at_any_moment_and_resumed_has_no_step_twice() {
    let folder = Folder::new();
    let settings = ["--set", "max_steps=40", "log_every=1", "eval_every=5", "save_every=4"];
    let fresh = [&["pretrain", "--config", "small.toml", "--threads", "1"][..], &settings].concat();
    let mut kills = 0;
    for step in [3, 9, 14, 22, 31] {
        let args = if kills == 0 { &fresh[..] } else { &["pretrain", "--out", "run", "--resume"] };
        let reported = format!("{{\"step\":{step},");
        let has_come =
            |_| folder.exists("run/metrics.jsonl") && folder.text("run/metrics.jsonl").contains(&reported);
        kills += usize::from(folder.killed(args, has_come));
        // A kill in the middle of a write leaves a torn record.
        let file = event_file(&folder, "run");
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() - 5]).unwrap();
    }
    assert!(kills >= 3, "only {kills} of 5 kills came before the end of the run");
    folder.resume(&[]);
    let (scalars, others) = events(&folder, "run");
    assert_eq!(scalars, expected(&folder, "run"));
    assert_eq!(others.iter().filter(|tag| *tag == "curves").count(), 1);
}

#[test]
fn a_resume_that_goes_nowhere_leaves_the_scalars_as_they_are() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&[]));
    let before = events(&folder, "run");
    folder.resume(&[]);
    assert_eq!(events(&folder, "run"), before);
}

#[test]
fn a_run_without_events_leaves_none_and_gets_them_when_it_goes_on_with_them() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&["--no-tensorboard"]));
    let names = fs::read_dir(folder.path("run")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().contains("tfevents")));
    folder.resume(&["--set", "tensorboard=true", "max_steps=8"]);
    assert_eq!(events(&folder, "run").0, expected(&folder, "run"));
}

#[test]
fn every_number_of_a_fine_tuning_is_an_event_of_its_seed() {
    let folder = tasks::folder("sibert");
    let args = tasks::finetune("wnli", "run", "glue", "wnli");
    stdout(&folder.sibert(&tasks::with(&args, &["--seeds", "2", "--epochs", "2"])));
    for seed in ["wnli/seed-0", "wnli/seed-1"] {
        let (scalars, others) = events(&folder, seed);
        assert_eq!(scalars, expected(&folder, seed));
        assert!(scalars.iter().any(|(_, tag, _)| tag == "eval/accuracy"));
        assert_eq!(others, ["args/text_summary", "model_config/text_summary", "curves"]);
    }
}
