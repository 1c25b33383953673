//! A run that was stopped, however, and resumed is the run that never stopped.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use candle_core::{Device, Tensor};

use support::{Folder, Outcome, assert_has, flip, interrupted, refused, stderr, stdout, truncate};

/// 48 steps of two micro-batches, with reports, evaluations and checkpoints at different steps.
const LONG: [&str; 8] = [
    "--set",
    "max_steps=48",
    "batch_size=8",
    "accumulation_steps=2",
    "log_every=3",
    "eval_every=5",
    "save_every=4",
    "keep_last=3",
];

/// The uninterrupted run with these settings, in the folder `whole`.
fn whole(folder: &Folder, args: &[&str]) -> Outcome {
    stdout(&folder.pretrain(&[args, &["--out", "whole"]].concat()));
    Outcome::of(folder, "whole")
}

/// When to end a process.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// As soon as this file is there.
    At(&'static str),
    /// As soon as a checkpoint is being written, which has no name yet.
    Saving,
    /// So many milliseconds after the start.
    After(u64),
}

impl Moment {
    fn has_come(self, folder: &Folder, since_start: Duration) -> bool {
        match self {
            Self::At(file) => folder.exists(file),
            Self::Saving => !unfinished(folder).is_empty(),
            Self::After(milliseconds) => since_start >= Duration::from_millis(milliseconds),
        }
    }
}

/// Checkpoints of the run in `run` that are being written, or were when it was killed.
fn unfinished(folder: &Folder) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.path("run")).into_iter().flatten().flatten();
    let is_hidden = |path: &PathBuf| path.to_string_lossy().contains("/.checkpoint-");
    entries.map(|entry| entry.path()).filter(is_hidden).collect()
}

/// Starts or resumes the run in `run` and ends it by SIGKILL at that moment; false if it came to its end before.
fn killed(folder: &Folder, settings: &[&str], moment: Moment) -> bool {
    // An unfinished checkpoint of an earlier process would be taken for one of this process.
    if matches!(moment, Moment::Saving) {
        unfinished(folder).iter().for_each(|path| fs::remove_dir_all(path).unwrap());
    }

    let fresh = [&["pretrain", "--config", "small.toml", "--threads", "1"], settings].concat();
    let resumed = ["pretrain", "--out", "run", "--resume"];
    let args = if folder.exists("run/config.toml") { &resumed[..] } else { &fresh };
    folder.killed(args, |since| moment.has_come(folder, since))
}

#[test]
fn killed_run_resumed_equals_uninterrupted_run() {
    let folder = Folder::new();
    let expected = whole(&folder, &LONG);
    let (mut kills, mut torn) = (0, 0);
    for seed in 0..3_u64 {
        let after = |i: u64| Moment::After(20 + (seed * 7919 + i * 104_729) % 61);
        let moments = [
            Moment::At("run/config.toml"),
            Moment::Saving,
            after(1),
            Moment::At("run/checkpoint-000004"),
            after(2),
            Moment::Saving,
            after(3),
            after(4),
        ];
        for moment in moments {
            kills += usize::from(killed(&folder, &LONG, moment));
            torn += unfinished(&folder).len();
        }
        folder.resume(&[]);
        Outcome::of(&folder, "run").assert_equals(&expected);
        fs::remove_dir_all(folder.path("run")).unwrap();
    }
    assert!(kills >= 12, "only {kills} of 24 kills came before the end of the run");
    assert!(torn > 0, "no kill came while a checkpoint was being written");
}

#[test]
fn terminated_run_saves_and_exits_with_the_code_of_its_signal() {
    let folder = Folder::new();
    let settings = [&LONG[..], &["max_steps=60", "save_every=50"]].concat();
    let expected = whole(&folder, &settings);
    for (signal, number) in [("-TERM", 15), ("-INT", 2)] {
        let args = [&["pretrain", "--config", "small.toml", "--threads", "1"], &settings[..]].concat();
        let child = folder.start(&args);
        while !folder.exists("run/metrics.jsonl") {
            sleep(Duration::from_micros(200));
        }
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let message = interrupted(&child.wait_with_output().unwrap(), number);
        assert_has(&message, "stopped at step ");
        let step = message.split("saved run/checkpoint-").nth(1).unwrap()[..6].parse::<usize>().unwrap();
        assert!((3..50).contains(&step), "stopped at step {step}");
        assert!(folder.exists(&format!("run/checkpoint-{step:06}/model.safetensors")));
        assert_has(&folder.resume(&[]), &format!("resuming from run/checkpoint-{step:06}"));
        Outcome::of(&folder, "run").assert_equals(&expected);
        fs::remove_dir_all(folder.path("run")).unwrap();
    }
}

#[test]
fn flipped_byte_or_truncation_falls_back_to_the_checkpoint_before() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&LONG));
    let expected = Outcome::of(&folder, "run");
    let last = |file: &str| folder.path(&format!("run/checkpoint-000048/{file}"));
    let damages: [(&str, Damage, &str); 4] = [
        ("model.safetensors", flip, "corrupted"),
        ("model.safetensors", truncate, "truncated"),
        ("training_state/optimizer.safetensors", flip, "corrupted"),
        ("training_state/state.json", truncate, "truncated"),
    ];
    for (file, damage, word) in damages {
        damage(&last(file));
        let message = folder.resume(&[]);
        assert_has(&message, &format!("skipped run/checkpoint-000048: {file} is {word}"));
        assert_has(&message, "resuming from run/checkpoint-000044");
        Outcome::of(&folder, "run").assert_equals(&expected);
    }
}

/// A function that damages a file.
type Damage = fn(&Path);

/// The largest difference between two models, relative to the largest entry of its tensor.
fn difference(a: &HashMap<String, Tensor>, b: &HashMap<String, Tensor>) -> (f32, String) {
    let largest = |tensor: &Tensor| tensor.abs().unwrap().flatten_all().unwrap().max(0).unwrap();
    let number = |tensor: Tensor| tensor.to_scalar::<f32>().unwrap();
    let of = |name: &String| {
        let error = number(largest(&(&a[name] - &b[name]).unwrap()));
        (error / number(largest(&a[name])).max(1e-6), name.clone())
    };
    a.keys().map(of).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
}

#[test]
fn four_micro_batches_equal_one_batch() {
    for architecture in ["model.type=sibert", "model.type=bert"] {
        let folder = Folder::new();
        let settings = ["--set", "max_steps=3", "batch_size=32", architecture];
        let [one, four] = ["accumulation_steps=1", "accumulation_steps=4"].map(|accumulation| {
            let out = accumulation;
            stdout(&folder.pretrain(&[&["--out", out], &settings[..], &[accumulation]].concat()));
            let file = folder.path(&format!("{out}/last/model.safetensors"));
            candle_core::safetensors::load(file, &Device::Cpu).unwrap()
        });
        let (error, name) = difference(&one, &four);
        assert!(error > 0. && error < 1e-5, "{architecture}: {name} differs by {error:e}");
    }
}

#[test]
fn resume_with_another_architecture_is_refused() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&[]));
    let settings = folder.text("run/config.toml");
    for (set, key, found, wanted) in [
        ("model.hidden_size=32", "hidden_size", "16", "32"),
        ("model.num_hidden_layers=1", "num_hidden_layers", "2", "1"),
        ("model.type=bert", "model_type", "sibert", "bert"),
    ] {
        let message = refused(&folder.pretrain(&["--resume", "--set", set]));
        let difference =
            format!("checkpoint-000006: {key} is {found}, this run's configuration says {wanted}");
        assert_has(&message, &difference);
        assert_eq!(folder.text("run/config.toml"), settings, "config.toml was overwritten");
    }
    let message = refused(&folder.pretrain(&["--resume", "--set", "optimizer=adamw"]));
    assert_has(&message, "checkpoint-000006: the optimizer is not the one it was saved with");
    folder.resume(&[]);
}

#[test]
fn non_finite_loss_stops_the_run_naming_step_and_tensor() {
    let folder = Folder::new();
    let settings = ["--set", "model.type=bert", "optimizer=sgd", "weight_decay=0"];
    stdout(&folder.pretrain(&settings));
    let model = folder.bytes("run/last/model.safetensors");
    let explode = [&settings[..], &["--resume", "--max-steps", "12", "--set", "lr=1e30"]].concat();
    let message = refused(&folder.pretrain(&explode));
    assert_has(&message, "training stopped at step 8; the last checkpoint, run/checkpoint-000006, is intact");
    assert_has(&message, "the gradient of `bert.embeddings.word_embeddings.weight` is not finite");
    assert!(model == folder.bytes("run/last/model.safetensors"), "the last checkpoint was touched");
    folder.resume(&["--set", "lr=1e-3"]);
}

#[test]
fn equal_threads_give_equal_results() {
    let folder = Folder::new();
    for out in ["a", "b"] {
        stdout(&folder.sibert(&["pretrain", "--config", "small.toml", "--threads", "2", "--out", out]));
    }
    Outcome::of(&folder, "a").assert_equals(&Outcome::of(&folder, "b"));
}

#[test]
fn every_optimizer_resumes_exactly() {
    for settings in [
        ["model.type=bert", "optimizer=adamw"],
        ["model.type=bert", "optimizer=lamb"],
        ["model.type=bert", "optimizer=sgd"],
        ["model.type=sibert", "optimizer=lamb"],
        ["model.type=sibert", "head.optimizer=adamw"],
    ] {
        let folder = Folder::new();
        let steps = ["--set", "max_steps=10", "save_every=5"];
        stdout(&folder.pretrain(&[&steps[..], &settings].concat()));
        let expected = Outcome::of(&folder, "run");
        fs::remove_dir_all(folder.path("run/checkpoint-000010")).unwrap();
        assert_has(&folder.resume(&[]), "resuming from run/checkpoint-000005");
        Outcome::of(&folder, "run").assert_equals(&expected);
    }
}

#[test]
fn what_a_killed_save_left_undone_is_done_when_the_run_goes_on() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&LONG));
    let best = fs::read_link(folder.path("run/best")).unwrap();
    let svg = folder.bytes("run/curves.svg");
    for link in ["best", "last"] {
        fs::remove_file(folder.path(&format!("run/{link}"))).unwrap();
        std::os::unix::fs::symlink("checkpoint-000040", folder.path(&format!("run/{link}"))).unwrap();
    }
    fs::create_dir_all(folder.path("run/.checkpoint-000036.del/training_state")).unwrap();
    fs::remove_file(folder.path("run/curves.svg")).unwrap();
    assert_has(&folder.resume(&[]), "nothing left to train: 48 steps are done");
    assert_eq!(fs::read_link(folder.path("run/best")).unwrap(), best);
    assert_eq!(fs::read_link(folder.path("run/last")).unwrap(), Path::new("checkpoint-000048"));
    assert!(unfinished(&folder).is_empty() && folder.bytes("run/curves.svg") == svg);
}

#[test]
fn a_checkpoint_that_cannot_be_deleted_is_worth_a_line() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&[]));
    folder.write("run/.checkpoint-000003.del", "in the way");
    let said = folder.resume(&["--max-steps", "12", "--set", "keep_last=1"]);
    assert_has(&said, "cannot delete run/checkpoint-000003: ");
    assert_eq!(said.matches("cannot delete ").count(), 1, "{said}");
    assert!(folder.exists("run/checkpoint-000012/model.safetensors"));
}

#[test]
fn curves_that_cannot_be_drawn_do_not_end_a_run() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("run/curves.svg/taken")).unwrap();
    let said = stderr(&folder.pretrain(&[]));
    assert_has(&said, "the curves are not drawn: cannot write run/curves.svg: ");
    assert!(folder.exists("run/checkpoint-000006/model.safetensors") && folder.exists("run/summary.json"));
    assert!(!folder.exists("run/.curves.svg.tmp"));
}

#[test]
fn a_damaged_line_of_metrics_costs_no_other() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&LONG));
    let expected = folder.bytes("run/last/model.safetensors");
    let mut lines: Vec<String> =
        folder.text("run/metrics.jsonl").lines().map(|line| line.to_owned() + "\n").collect();
    let damaged = [&lines[..1].concat(), &lines[1][..20], "\n", &lines[2..].concat(), "{\"step\":"].concat();
    folder.write("run/metrics.jsonl", &damaged);
    fs::remove_dir_all(folder.path("run/checkpoint-000048")).unwrap();
    let said = folder.resume(&[]);
    assert_has(
        &said,
        "run/metrics.jsonl: damaged and left out: line 2; run/metrics.jsonl.damaged has the file as it was",
    );
    assert_eq!(folder.text("run/metrics.jsonl.damaged"), damaged);
    lines.remove(1);
    let steps = |text: String| text.lines().map(|line| line[..12].to_owned()).collect::<Vec<_>>();
    assert_eq!(steps(folder.text("run/metrics.jsonl")), steps(lines.concat()));
    assert!(folder.bytes("run/last/model.safetensors") == expected);
}

#[test]
fn a_folder_that_holds_a_run_or_a_model_is_not_new() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&[]));
    fs::remove_file(folder.path("run/metrics.jsonl")).unwrap();
    let again = "already holds a run: continue it with --resume, or name another with --out";
    assert_has(&refused(&folder.pretrain(&[])), again);
    let model = folder.bytes("run/last/model.safetensors");
    let into = refused(&folder.pretrain(&["--out", "run/checkpoint-000006"]));
    assert_has(&into, "output folder run/checkpoint-000006 holds a model: name another with --out");
    assert!(folder.bytes("run/last/model.safetensors") == model);
    folder.resume(&[]);
}

#[test]
fn a_damaged_checkpoint_answers_nothing() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&[]));
    let fill =
        |model: &str| folder.sibert(&["fill-mask", "--model", model, "The [MASK] lives near the river."]);
    let verify = |model: &str| folder.sibert(&["verify", "--model", model]);
    stdout(&fill("run/last"));
    flip(&folder.path("run/last/model.safetensors"));
    for refusal in [refused(&fill("run/last")), refused(&verify("run/last"))] {
        assert_has(&refusal, "error: run/last: model.safetensors is corrupted: sha256 ");
    }
    assert_has(&stderr(&fill("run")), "skipped run/checkpoint-000006: model.safetensors is corrupted");
    fs::remove_file(folder.path("run/last/training_state/manifest.json")).unwrap();
    assert_has(
        &refused(&fill("run/last")),
        "run/last: training_state/manifest.json is missing: take another",
    );
}
