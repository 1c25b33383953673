//! `sibert sweep`: its runs are those of `pretrain`, and however it was stopped it ends in the same results.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use support::{Folder, Outcome, assert_has, interrupted, refused, stderr, stdout};

/// Sweeps over `small.toml` in the folder `sweep`, each run on one thread.
fn args<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["sweep", "small.toml", "--out", "sweep", "--threads", "1"], more].concat()
}

fn sweep(folder: &Folder, more: &[&str]) -> Output {
    folder.sibert(&args(more))
}

/// The run that `pretrain` makes of the same settings.
fn alone(folder: &Folder, out: &str, settings: &[&str]) -> Outcome {
    stdout(&folder.pretrain(&[&["--out", out, "--set"], settings].concat()));
    Outcome::of(folder, out)
}

/// Bytes and times of all files of the runs.
fn files(folder: &Folder, runs: &[&str]) -> BTreeMap<String, (SystemTime, Vec<u8>)> {
    let of_run = |run: &&str| fs::read_dir(folder.path(&format!("sweep/{run}"))).unwrap();
    let paths = runs.iter().flat_map(of_run).map(|entry| entry.unwrap().path());
    let whole = |path: &std::path::PathBuf| path.is_file();
    let read = |path: std::path::PathBuf| {
        let time = path.metadata().unwrap().modified().unwrap();
        (path.display().to_string(), (time, fs::read(&path).unwrap()))
    };
    paths.filter(whole).map(read).collect()
}

fn json(folder: &Folder, file: &str) -> Value {
    serde_json::from_str(&folder.text(file)).unwrap()
}

#[test]
fn each_combination_is_the_run_that_pretrain_makes_of_it() {
    let folder = Folder::new();
    let table = stdout(&sweep(&folder, &["--vary", "init_scale=0.5,2", "--seeds", "2", "--jobs", "2"]));
    for (scale, seed) in [("0.5", "0"), ("0.5", "1"), ("2", "0"), ("2", "1")] {
        let (run, settings) = (
            format!("sweep/init_scale={scale},seed={seed}"),
            [format!("init_scale={scale}"), format!("seed={seed}")],
        );
        let expected =
            alone(&folder, &format!("alone-{scale}-{seed}"), &settings.each_ref().map(String::as_str));
        Outcome::of(&folder, &run).assert_equals(&expected);
        let again = folder.sibert(&["pretrain", "--out", &run, "--resume"]);
        assert_has(&stderr(&again), "nothing left to train: 6 steps are done");
    }
    let [first, second] = [0, 1].map(|row| table.lines().nth(1 + row).unwrap());
    assert!(first.starts_with("0.5 ") && second.starts_with("2 ") && first.contains(" ± "), "{table}");
    let summary = json(&folder, "sweep/summary.json");
    assert_eq!(summary["runs"].as_array().unwrap().len(), 4);
    assert_eq!((&summary["groups"][1]["n"], &summary["runs"][3]["state"]), (&2.into(), &"finished".into()));
    assert_eq!(folder.text("sweep/summary.csv").lines().count(), 5);
    assert!(folder.exists("sweep/curves.svg") && folder.exists("sweep/curves.png"));
    assert!(folder.exists("sweep/data/manifest.json") && !folder.exists("sweep/init_scale=2,seed=0/data"));
    let curves = "sweep/init_scale=2,seed=0/curves.png"; // as if the disk had been full at the run's end
    fs::remove_file(folder.path(curves)).unwrap();
    stdout(&sweep(&folder, &["--vary", "init_scale=0.5,2", "--seeds", "2", "--jobs", "2"]));
    assert!(folder.exists(curves), "missing pictures of runs that are over are drawn");
}

#[test]
fn a_variant_sets_several_keys_and_every_run_has_its_own_text_where_it_varies() {
    let folder = Folder::new();
    let adamw = "adamw: model.type=bert optimizer=adamw lr=1e-3 vocab_size=110";
    stdout(&sweep(&folder, &["--vary", "sisgd: clip=3", "--vary", adamw]));
    let expected = alone(&folder, "b", &["model.type=bert", "optimizer=adamw", "lr=1e-3", "vocab_size=110"]);
    Outcome::of(&folder, "sweep/adamw").assert_equals(&expected);
    Outcome::of(&folder, "sweep/sisgd").assert_equals(&alone(&folder, "a", &["clip=3"]));
    assert!(!folder.exists("sweep/data"));
    let settings = &json(&folder, "sweep/summary.json")["runs"][0]["settings"];
    assert_eq!((&settings["variant"], &settings["optimizer"]), (&"sisgd".into(), &"sisgd".into()));
}

#[test]
fn runs_that_are_over_are_not_touched_and_more_can_be_added() {
    let folder = Folder::new();
    let vary = |values| ["--vary", values];
    let first = stdout(&sweep(&folder, &vary("lr=1e-3,2e-3")));
    let runs = ["lr=1e-3", "lr=2e-3"];
    let before = files(&folder, &runs);
    let results =
        ["summary.csv", "summary.json", "sweep.json", "curves.svg"].map(|file| format!("sweep/{file}"));
    let reports: Vec<_> = results.iter().map(|file| folder.bytes(file)).collect();
    fs::rename(folder.path("text.txt"), folder.path("moved.txt")).unwrap();
    let again = sweep(&folder, &vary("lr=1e-3,2e-3"));
    assert_eq!((stdout(&again), stderr(&again)), (first, String::new()));
    assert!(results.iter().map(|file| folder.bytes(file)).eq(reports), "a report changed");
    assert!(files(&folder, &runs) == before, "a run that was over changed");
    let dry = stdout(&sweep(&folder, &[&vary("lr=1e-3,3e-3")[..], &["--dry-run"]].concat()));
    assert_eq!(dry, "finished  lr=1e-3\nnew       lr=3e-3\n2 runs in sweep, 1 of them to train\n");
    let more = stderr(&sweep(&folder, &vary("lr=1e-3,3e-3,2e-3")));
    assert_has(&more, "continuing with the text as it was");
    assert_has(&more, "training sweep/lr=3e-3/log.txt\nrun 3/3  lr=3e-3: held-out loss ");
    assert!(files(&folder, &runs) == before, "a run that was over changed");
    fs::rename(folder.path("moved.txt"), folder.path("text.txt")).unwrap();
    Outcome::of(&folder, "sweep/lr=3e-3").assert_equals(&alone(&folder, "a", &["lr=3e-3"]));
}

#[test]
fn a_config_says_what_it_varies_and_options_say_otherwise() {
    let folder = Folder::new();
    let table = "\n[sweep]\nvary = ['init_scale=0.5,2']\nseeds = 2\n";
    folder.write("swept.toml", support::SMALL.to_owned() + table);
    let dry = |more: &[&str]| stdout(&folder.sibert(&[&["sweep", "swept.toml", "--dry-run"], more].concat()));
    assert_has(&dry(&[]), "new  init_scale=2,seed=1\n4 runs in runs/swept-sweep, 4 of them to train\n");
    assert_eq!(
        dry(&["--vary", "lr=1", "--seeds", "1", "--out", "x"]),
        "new  lr=1\n1 runs in x, 1 of them to train\n"
    );
}

/// Settings of runs that take a while, and keep all of their checkpoints.
const LONG: [&str; 6] =
    ["max_steps=160", "batch_size=8", "log_every=3", "eval_every=20", "save_every=8", "keep_last=99"];
/// Two such runs at a time.
const TWO: [&str; 5] = ["--vary", "init_scale=0.5,2", "--jobs", "2", "--set"];
const RUNS: [&str; 2] = ["sweep/init_scale=0.5", "sweep/init_scale=2"];

/// The process that holds the lock of a run, if one does.
fn holder(folder: &Folder, run: &str) -> Option<String> {
    let path = folder.path(&format!("{run}/.lock"));
    let is_held = File::open(&path).ok()?.try_lock().is_err();
    is_held.then(|| fs::read_to_string(&path).unwrap().trim().to_owned())
}

/// Waits until no run is in use; before, ends the processes where they are, if asked to.
fn settle(folder: &Folder, kill: bool) {
    for run in RUNS {
        while let Some(process) = holder(folder, run) {
            if kill && !process.is_empty() {
                let _ = Command::new("kill").args(["-KILL", &process]).status().unwrap();
            }
            sleep(Duration::from_millis(2));
        }
    }
}

/// Runs a sweep to its end, again if a process that its predecessor had just started got hold of a run first.
fn complete(folder: &Folder, more: &[&str]) {
    for _ in 0..20 {
        let output = sweep(folder, more);
        if output.status.success() {
            return;
        }
        let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text)).concat();
        assert_has(&said, "failed: sweep/init_scale=");
        assert_has(&said, "is in use by process ");
        settle(folder, false);
    }
    panic!("a run was in use 20 times");
}

#[test]
fn killed_sweep_run_again_gives_the_same_results() {
    let folder = Folder::new();
    let expected = ["init_scale=0.5", "init_scale=2"]
        .map(|scale| alone(&folder, &format!("alone-{scale}"), &[&LONG[..], &[scale]].concat()));
    let long = [&TWO[..], &LONG].concat();
    let (mut kills, mut halves) = (0, 0);
    for (file, children_too) in [
        ("data/.lock", false),
        ("data/tokenizer.json", false),
        ("sweep.json", false),
        ("init_scale=0.5/config.toml", true),
        ("init_scale=2/checkpoint-000008", true),
        ("init_scale=0.5/checkpoint-000040", true),
        ("init_scale=2/checkpoint-000080", false),
        ("init_scale=2/summary.json", true),
    ] {
        let file = folder.path(&format!("sweep/{file}"));
        kills += usize::from(folder.killed(&args(&long), |_| file.exists()));
        settle(&folder, children_too);
        let is_half = |run: &&&str| {
            folder.exists(&format!("{run}/last")) && !folder.exists(&format!("{run}/summary.json"))
        };
        halves += RUNS.iter().filter(is_half).count();
        complete(&folder, &long);
        for (run, expected) in RUNS.iter().zip(&expected) {
            Outcome::of(&folder, run).assert_equals(expected);
        }
        let csv = folder.text("sweep/summary.csv");
        assert_eq!(csv.matches(",finished,").count(), 2, "{csv}");
        fs::remove_dir_all(folder.path("sweep")).unwrap();
    }
    assert!(kills >= 4, "only {kills} of 8 kills came before the end of the sweep");
    assert!(halves >= 1, "no kill left a run half done");
}

#[test]
fn terminated_sweep_lets_its_runs_save_and_goes_on() {
    let folder = Folder::new();
    let long = [&TWO[..], &LONG, &["max_steps=2000", "save_every=1999", "--seeds", "2"]].concat();
    for (signal, number) in [("-TERM", 15), ("-INT", 2)] {
        let child = folder.start(&args(&long));
        while !folder.exists("sweep/init_scale=0.5,seed=1/metrics.jsonl") {
            sleep(Duration::from_millis(1));
        }
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let message = interrupted(&child.wait_with_output().unwrap(), number);
        assert_has(&message, "stopped with 0 of 4 runs over: the same command continues");
        let log = folder.text("sweep/init_scale=0.5,seed=1/log.txt");
        assert_has(&log, "stopped at step ");
        assert_eq!(holder(&folder, "sweep/init_scale=0.5,seed=1"), None);
        assert!(!folder.exists("sweep/init_scale=2,seed=0"), "a run began after the signal");
        assert_has(&folder.text("sweep/summary.csv"), "\"init_scale=0.5,seed=1\",half,");
        assert_has(&folder.text("sweep/summary.csv"), "\"init_scale=2,seed=1\",new,");
        assert_has(
            &stdout(&sweep(&folder, &[&long[..], &["--dry-run"]].concat())),
            "half  init_scale=0.5,seed=1\nnew ",
        );
        fs::remove_dir_all(folder.path("sweep")).unwrap();
    }
}

#[test]
fn one_changed_digit_of_a_summary_is_found() {
    let folder = Folder::new();
    let vary = ["--vary", "lr=1e-3,2e-3"];
    let table = stdout(&sweep(&folder, &vary));
    let file = "sweep/lr=2e-3/summary.json";
    let summary = folder.text(file);
    let digit = summary.find("\"eval_loss\": ").unwrap() + "\"eval_loss\": ".len();
    let other = if &summary[digit..=digit] == "1" { "2" } else { "1" };
    folder.write(file, [&summary[..digit], other, &summary[digit + 1..]].concat());
    let error = refused(&sweep(&folder, &vary));
    assert_has(&error, &format!("error: {file} was changed after it was written: its sha256 is "));
    assert_has(&error, "delete it, and the run writes it again with --resume");
    fs::remove_file(folder.path(file)).unwrap();
    let again = stdout(&sweep(&folder, &vary));
    let losses = |table: &str| -> Vec<String> {
        table.lines().filter_map(|line| line.split_whitespace().nth(1).map(str::to_owned)).collect()
    };
    assert_eq!(losses(&again), losses(&table));
}

#[test]
fn a_killed_sweep_takes_its_runs_along() {
    let folder = Folder::new();
    let long = [&TWO[..], &LONG, &["max_steps=100000", "save_every=50000", "log_every=1"]].concat();
    let run = "sweep/init_scale=2";
    let killed = folder.killed(&args(&long), |_| folder.exists(&format!("{run}/metrics.jsonl")));
    assert!(killed);
    settle(&folder, false);
    assert_has(&folder.text(&format!("{run}/log.txt")), "stopped at step ");
    assert!(folder.exists(&format!("{run}/last/model.safetensors")));
}

#[test]
fn a_run_that_diverges_is_a_result_and_stops_no_other() {
    let folder = Folder::new();
    let wild = "wild: model.type=bert optimizer=sgd weight_decay=0 lr=1e30";
    let vary = ["--vary", wild, "--vary", "tame:"];
    let table = stdout(&sweep(&folder, &vary));
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[1].starts_with("wild ") && lines[1].contains("  diverged at step "), "{table}");
    assert!(lines[2].starts_with("tame ") && lines[2].contains(" 1.000 "), "{table}");
    let summary = json(&folder, "sweep/summary.json");
    assert_eq!(
        (&summary["runs"][0]["state"], &summary["runs"][1]["state"]),
        (&"diverged".into(), &"finished".into())
    );
    let before = files(&folder, &["wild", "tame"]);
    assert_eq!(stdout(&sweep(&folder, &vary)), table);
    assert!(files(&folder, &["wild", "tame"]) == before, "a run that was over changed");
}

#[test]
fn a_run_that_fails_is_told_and_tried_again() {
    let folder = Folder::new();
    let vary = ["--vary", "given: tokenizer=words.json", "--vary", "learned:"];
    let failed = sweep(&folder, &vary);
    assert_has(
        &refused(&failed),
        "1 of 2 runs failed, see log.txt in their folders: the same command tries them again",
    );
    let table = String::from_utf8(failed.stdout).unwrap();
    assert!(table.lines().nth(1).unwrap().contains("  failed: ") && table.contains("words.json"), "{table}");
    assert_has(&folder.text("sweep/summary.csv"), "learned,finished,,");
    fs::copy(folder.path("sweep/learned/data/tokenizer.json"), folder.path("words.json")).unwrap();
    let table = stdout(&sweep(&folder, &vary));
    assert!(!table.contains("failed"), "{table}");
    let models = ["given", "learned"].map(|run| folder.bytes(&format!("sweep/{run}/last/model.safetensors")));
    assert!(models[0] == models[1], "the same words gave another model");
}

#[test]
fn a_run_whose_process_is_killed_is_told_and_goes_on() {
    let folder = Folder::new();
    let child = folder.start(&args(&["--vary", "lr=1e-3", "--set", "max_steps=3000", "save_every=100"]));
    while !folder.exists("sweep/lr=1e-3/last") {
        sleep(Duration::from_millis(1));
    }
    let process = holder(&folder, "sweep/lr=1e-3").unwrap();
    assert!(Command::new("kill").args(["-KILL", &process]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let csv = folder.text("sweep/summary.csv");
    assert_has(&csv, "lr=1e-3,failed,\"its process ended with signal: 9 (SIGKILL), its last words: ");
    let dry = ["--vary", "lr=1e-3", "--dry-run", "--set", "max_steps=3000", "save_every=100"];
    assert_has(&stdout(&sweep(&folder, &dry)), "half  lr=1e-3\n");
}

#[test]
fn what_another_process_trains_is_left_alone() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("sweep/lr=1e-3")).unwrap();
    let hold = |name: &str| {
        let file = File::create(folder.path(&format!("sweep/{name}.lock"))).unwrap();
        file.lock().unwrap();
        file
    };
    let held = hold("lr=1e-3/");
    let vary = ["--vary", "lr=1e-3,2e-3"];
    let output = sweep(&folder, &vary);
    assert_has(&refused(&output), "1 of 2 runs failed");
    assert_has(&String::from_utf8(output.stdout).unwrap(), "failed: sweep/lr=1e-3 is in use by process ");
    assert!(folder.exists("sweep/lr=2e-3/summary.json") && !folder.exists("sweep/lr=1e-3/config.toml"));
    drop(held);
    let _held = hold("");
    assert_has(&refused(&sweep(&folder, &vary)), "sweep is in use by process ");
    assert!(!folder.exists("sweep/lr=1e-3/config.toml"));
}

#[test]
fn a_folder_with_other_runs_is_refused() {
    let folder = Folder::new();
    let vary = ["--vary", "init_scale=1,2"];
    stdout(&sweep(&folder, &vary));
    folder.write("other.txt", "Another text.\nOf two documents.\n");
    let with = |more: &[&str]| refused(&sweep(&folder, &[&vary[..], more].concat()));
    for (more, message) in [
        (
            &["--max-steps", "7"][..],
            "sweep/init_scale=1 holds a run with other settings (max_steps 6 → 7): choose another --out",
        ),
        (&["--set", "clip=3"], "other settings (clip 2.0 → 3.0): choose another --out"),
        (
            &["--source", "other.txt"],
            "sweep holds runs on another text (source [\"text.txt\"] → [\"other.txt\"]): choose",
        ),
    ] {
        assert_has(&with(more), message);
    }
    stdout(&folder.pretrain(&[]));
    let into_a_run = folder.sibert(&["sweep", "small.toml", "--out", "run", "--seeds", "2"]);
    assert_has(&refused(&into_a_run), "run holds a run, no sweep: choose another --out");
}

#[test]
fn mistakes_are_refused_before_anything_starts() {
    let folder = Folder::new();
    for (more, message) in [
        (&[][..], "error: nothing varies: name values with --vary KEY=V1,V2,… or seeds with --seeds N"),
        (
            &["--vary", "learning_rate=1"],
            "--vary learning_rate=1: unknown key learning_rate, did you mean lr?",
        ),
        (
            &["--vary", "lr=1,-1"],
            "error: lr=-1 cannot be trained\n  caused by: lr is -1, expected a finite number above 0",
        ),
        (&["--vary", "lr=1,2", "--set", "lr=3"], "lr varies and is set for all runs by --set lr=3"),
        (&["--vary", "out=a,b"], "out cannot vary, every run has a folder of its own"),
        (&["--vary", "lr=1", "--set", "lrr=3"], "error: --set lrr=3: unknown key lrr"),
        #[cfg(not(feature = "cuda"))]
        (
            &["--vary", "device=cpu,cuda:0"],
            "error: device=cuda_0\n  caused by: this build has no CUDA support",
        ),
    ] {
        assert_has(&refused(&sweep(&folder, more)), message);
    }
    let missing = folder.sibert(&["sweep", "none.toml", "--vary", "lr=1,2"]);
    assert_has(&refused(&missing), "error: cannot read config none.toml");
    let dry = stdout(&sweep(&folder, &["--vary", "lr=1,2", "--dry-run"]));
    assert_has(&dry, "new  lr=1\nnew  lr=2\n");
    assert!(!folder.exists("sweep"), "a refusal or a dry run left a folder");
}
