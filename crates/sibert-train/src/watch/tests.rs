//! What a frame shows is what the files say.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use ratatui::crossterm::event::KeyEvent;
use serde_json::json;

use super::*;
use crate::config::RunConfig;

/// A folder of pretraining with so many reports, ten steps apart.
fn pretraining(folder: &Path, reports: usize) {
    fs::create_dir_all(folder).unwrap();
    let config = RunConfig { max_steps: 1000, ..RunConfig::default() };
    fs::write(folder.join("config.toml"), config.to_toml().unwrap()).unwrap();
    let line = |i: usize| {
        json!({
            "step": 10 * i, "epoch": 0.25 * i as f64, "loss": 8. - i as f64, "masked_accuracy": 0.125, "lr": 8e-4,
            "grad_norm": 0.5, "param_norm": 40. + i as f64, "clip_rate": 0.5, "clip_factor": 0.75, "angle": 0.01,
            "equilibrium_norm": 37.25, "tokens": 4096 * i,
            "timing": { "tokens_per_second": 12_345., "elapsed_seconds": 3. * i as f64, "loader_wait": 0.,
                        "peak_bytes": 120 << 20 },
        })
        .to_string()
            + "\n"
    };
    let evaluation =
        json!({ "step": 10 * reports, "eval_loss": 4.321, "eval_accuracy": 0.0625 }).to_string() + "\n";
    fs::write(folder.join("metrics.jsonl"), (1..=reports).map(line).collect::<String>() + &evaluation)
        .unwrap();
}

/// A folder of fine-tuning with a report and an evaluation of each seed.
fn tuning(folder: &Path, seeds: u64) {
    for seed in 0..seeds {
        let of_seed = folder.join(format!("seed-{seed}"));
        fs::create_dir_all(&of_seed).unwrap();
        let lines = [
            json!({ "step": 10, "epoch": 0.5, "loss": 0.6875, "lr": 1e-4, "grad_norm": 1.5, "param_norm": 9.,
                    "timing": { "samples_per_second": 64., "seconds": 5. } }),
            json!({ "step": 20, "epoch": 1., "loss": 0.5, "lr": 5e-5, "grad_norm": 1.25, "param_norm": 9.,
                    "timing": { "samples_per_second": 64., "seconds": 10. } }),
            json!({ "step": 20, "epoch": 1., "figures": { "accuracy": 0.8125, "f1": 0.875 } }),
        ];
        fs::write(of_seed.join("metrics.jsonl"), lines.map(|line| line.to_string() + "\n").concat()).unwrap();
    }
    fs::write(folder.join("settings.json"), r#"{ "epochs": 3 }"#).unwrap();
}

/// The frame of some runs as text.
fn frame(folders: &[&Path], width: u16, height: u16) -> String {
    let mut runs: Vec<Watched> = folders.iter().map(|folder| Watched::new(folder)).collect();
    runs.iter_mut().for_each(Watched::look);
    text(&drawn(&runs, width, height).unwrap())
}

fn assert_shows(frame: &str, parts: &[&str]) {
    for part in parts {
        assert!(frame.contains(part), "expected {part:?} in\n{frame}");
    }
}

#[test]
fn the_numbers_of_a_pretraining_are_those_of_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("own");
    pretraining(&run, 4);
    let shown = frame(&[&run], 100, 40);
    assert_shows(
        &shown,
        &[
            "own",
            "step 40/1000  4 %",
            "epoch 1.00  12.3k tokens/s  4m48s left  peak 120 MiB  clipped 50.0 %",
            "loss 4.000",
            "held-out 4.321",
            "||x|| 44.00",
            "equilibrium 37.25",
            "gradient norm 0.5000",
            "angle of a step 0.01000",
            "learning rate 8.00e-4",
            "q quits",
        ],
    );
    assert!(!shown.contains('\u{1b}'), "escape codes");
}

#[test]
fn the_numbers_of_a_fine_tuning_are_those_of_its_newest_seed() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("mrpc");
    tuning(&run, 1);
    let expected = [
        "seed 0",
        "step 20/60  33 %",
        "64 samples/s  20s left",
        "loss 0.5000",
        "accuracy 0.8125",
        "f1 0.8750",
        "learning rate 5.00e-5",
    ];
    assert_shows(&frame(&[&run], 100, 40), &expected);
}

#[test]
fn another_seed_begins_its_curves_anew() {
    let dir = tempfile::tempdir().unwrap();
    tuning(dir.path(), 1);
    let mut run = Watched::new(dir.path());
    run.look();
    assert_eq!((run.seed, run.points("/loss").len()), (Some(0), 2));
    tuning(dir.path(), 2);
    let old = fs::File::options().append(true).open(dir.path().join("seed-0/metrics.jsonl")).unwrap();
    old.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    run.look();
    assert_eq!((run.seed, run.points("/loss").len()), (Some(1), 2));
}

#[test]
fn a_run_that_was_resumed_is_shown_without_the_steps_it_lost() {
    let dir = tempfile::tempdir().unwrap();
    pretraining(dir.path(), 6);
    let mut run = Watched::new(dir.path());
    run.look();
    assert_eq!(run.step(), 60.);
    pretraining(dir.path(), 3);
    run.look();
    assert_eq!((run.step(), run.points("/loss").len()), (30., 3));
}

#[test]
fn a_folder_that_is_not_there_yet_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("later");
    let mut run = Watched::new(&folder);
    run.look();
    assert_eq!(run.status.words(), "not there yet");
    drawn(std::slice::from_ref(&run), 80, 24).unwrap();
    fs::create_dir(&folder).unwrap();
    run.look();
    assert_eq!(run.status.words(), "no report yet");
    pretraining(&folder, 2);
    run.look();
    assert_eq!((run.step(), run.steps()), (20., Some(1000.)));
}

#[test]
fn the_status_is_that_of_the_process_and_of_the_end() {
    let dir = tempfile::tempdir().unwrap();
    pretraining(dir.path(), 2);
    let words = || {
        let mut run = Watched::new(dir.path());
        run.look();
        run.status.words()
    };
    assert_eq!(words(), "stopped; continue with --resume");
    let lock = sibert_files::FolderLock::acquire(dir.path()).unwrap();
    assert_eq!(words(), "running");
    drop(lock);
    let summary = r#"{"step":20,"tokens":1,"diverged":"loss NaN","eval_sequences":0,"clipped_steps":0,"spikes":0,"param_norm":1,
        "parameters":1,"memory":{"parameters":1,"gradients":1,"optimizer_state":0,"encoder_optimizer_state":0},
        "timing":{"elapsed_seconds":1,"tokens_per_second":1}}"#;
    fs::write(dir.path().join("summary.json"), summary).unwrap();
    assert_eq!(words(), "diverged: loss NaN");
    fs::write(dir.path().join("summary.json"), summary.replace(r#""loss NaN""#, "null")).unwrap();
    assert_eq!(words(), "finished");
}

#[test]
fn warnings_are_those_of_pretrain() {
    let dir = tempfile::tempdir().unwrap();
    pretraining(dir.path(), 4);
    let metrics = dir.path().join("metrics.jsonl");
    let report = |step: usize| {
        json!({
            "step": step, "loss": 1., "masked_accuracy": 0., "lr": 8e-4, "grad_norm": 1., "param_norm": 1., "clip_rate": 0.,
            "clip_factor": 1., "angle": 0.01, "euler": 0.5, "tokens": 1,
            "timing": { "tokens_per_second": 1., "elapsed_seconds": 1., "loader_wait": 0. },
        })
        .to_string()
            + "\n"
    };
    fs::write(&metrics, (1..=5).map(report).collect::<String>()).unwrap();
    let shown = frame(&[dir.path()], 100, 40);
    assert_shows(&shown, &["warning: at step 5 gradient and parameters are not orthogonal"]);
}

#[test]
fn every_size_of_terminal_and_any_numbers_are_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let [one, two, empty] = ["one", "two", "empty"].map(|name| dir.path().join(name));
    pretraining(&one, 5);
    tuning(&two, 1);
    fs::create_dir(&empty).unwrap();
    let line = |step: usize, value: &str| {
        format!("{{\"step\":{step},\"loss\":{value},\"lr\":{value},\"angle\":null}}\n")
    };
    for values in [["1e-320", "1e308"], ["1e308", "-1e308"], ["0", "0"], ["1e308", "1e308"]] {
        fs::write(empty.join("metrics.jsonl"), line(1, values[0]) + &line(1, values[1])).unwrap();
        for (width, height) in [(1, 1), (5, 40), (20, 9), (80, 24), (300, 90)] {
            frame(&[&one, &two, &empty], width, height);
        }
    }
}

#[test]
fn q_and_escape_and_control_c_quit_and_nothing_else() {
    let press = |code, modifiers| Event::Key(KeyEvent::new(code, modifiers));
    let (none, control) = (KeyModifiers::NONE, KeyModifiers::CONTROL);
    assert!(is_quit(&press(KeyCode::Char('q'), none)) && is_quit(&press(KeyCode::Esc, none)));
    assert!(is_quit(&press(KeyCode::Char('c'), control)));
    assert!(!is_quit(&press(KeyCode::Char('c'), none)) && !is_quit(&Event::Resize(80, 24)));
}
