//! The recipe on whole runs: nothing kept, nothing that depends on a scale, and exact after any stop.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;

use support::tasks::{finetune, folder, with};
use support::{Folder, Outcome, assert_has, refused, stdout};

/// `small.toml` by the recipe.
const RECIPE: [&str; 5] = [
    "--set",
    "optimizer=spectral",
    "model.attention=normalized",
    "model.position_embedding_type=rotary",
    "log_every=1",
];

/// BERT with Muon.
const MUON: [&str; 4] = ["--set", "model.type=bert", "optimizer=muon", "log_every=1"];

fn lines(folder: &Folder, run: &str) -> Vec<Value> {
    let text = folder.text(&format!("{run}/metrics.jsonl"));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn losses(folder: &Folder, run: &str) -> Vec<f64> {
    lines(folder, run).iter().filter_map(|line| line["loss"].as_f64()).collect()
}

#[test]
fn powers_of_two_in_the_start_or_the_loss_leave_every_loss_of_a_run_as_it_is() {
    let folder = Folder::new();
    let run = |name: &str, set: &str| {
        stdout(&folder.pretrain(&[&RECIPE[..], &["max_steps=20", set, "--out", name]].concat()));
        losses(&folder, name)
    };
    let expected = run("plain", "init_scale=1");
    assert!(expected.len() == 20 && expected[19] < expected[0] - 0.05, "{expected:?}");
    for (name, set) in [
        ("small", "init_scale=0.0078125"),
        ("large", "init_scale=128"),
        ("quiet", "loss_scale=9.5367431640625e-7"),
        ("loud", "loss_scale=1048576"),
    ] {
        assert_eq!(run(name, set), expected, "{set}");
    }
}

#[test]
fn the_angle_of_a_step_is_the_rate_at_most_and_norms_stay() {
    let folder = Folder::new();
    let settings = ["max_steps=20", "schedule.kind=constant", "model.hidden_dropout_prob=0", "--out", "run"];
    stdout(&folder.pretrain(&[&RECIPE[..], &settings].concat()));
    let reports: Vec<_> = lines(&folder, "run").into_iter().filter(|line| line["angle"].is_f64()).collect();
    let norm = |report: &Value| report["param_norm"].as_f64().unwrap();
    for report in &reports {
        let angle = report["angle"].as_f64().unwrap();
        assert!(angle > 0.01 && angle < 0.052, "{angle}");
        assert!((norm(report) / norm(&reports[0]) - 1.).abs() < 1e-5);
        assert!(report["euler"].as_f64().unwrap() < 1e-3, "{report}");
    }
}

#[test]
fn nothing_is_kept_but_the_number_of_steps() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&RECIPE));
    let summary: Value = serde_json::from_str(&folder.text("run/summary.json")).unwrap();
    let bytes = summary.pointer("/memory/optimizer_state").unwrap().as_u64().unwrap();
    assert_eq!(bytes, 0);
}

#[test]
fn a_killed_run_goes_on_to_the_same_bytes_with_state_and_without() {
    for rule in [&RECIPE[..], &MUON] {
        let folder = Folder::new();
        let settings = [rule, &["max_steps=24", "eval_every=6", "save_every=6"]].concat();
        stdout(&folder.pretrain(&[&settings[..], &["--out", "whole"]].concat()));
        let start = [&["pretrain", "--config", "small.toml", "--threads", "1"], &settings[..]].concat();
        folder.killed(&start, |_| folder.exists("run/checkpoint-000006"));
        folder.resume(&[]);
        Outcome::of(&folder, "run").assert_equals(&Outcome::of(&folder, "whole"));
    }
}

#[test]
fn muon_learns_and_keeps_momentum_of_matrices_and_moments_of_the_rest() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&[&MUON[..], &["max_steps=40"]].concat()));
    let losses = losses(&folder, "run");
    assert!(losses[39] < losses[0] - 0.15, "{losses:?}");
    let state = candle_core::safetensors::load(
        folder.path("run/last/training_state/optimizer.safetensors"),
        &candle_core::Device::Cpu,
    );
    let names: Vec<String> = state.unwrap().into_keys().collect();
    let has = |part: &str| names.iter().any(|name| name.contains(part));
    assert!(has("encoder.momentum_buffer.bert.encoder.layer.0.attention.self.query.weight"), "{names:?}");
    assert!(has("head.exp_avg.bert.embeddings.word_embeddings.weight"), "{names:?}");
    assert!(!has("momentum_buffer.bert.embeddings"), "{names:?}");
}

#[test]
fn a_model_of_the_recipe_is_verified_asked_and_tuned_without_state() {
    let folder = folder("sibert");
    stdout(&folder.pretrain(&[&RECIPE[..], &["max_steps=4", "--out", "recipe"]].concat()));
    assert_has(&stdout(&folder.sibert(&["verify", "--model", "recipe"])), "scale");
    assert_has(
        &stdout(&folder.sibert(&["fill-mask", "--model", "recipe/last", "the cat lives near the [MASK]."])),
        "the",
    );
    let spectral = ["--epochs", "40", "--lr", "3e-2"];
    stdout(&folder.sibert(&with(&finetune("SST-2", "recipe", "glue", "sst2"), &spectral)));
    let card = folder.text("sst2/README.md");
    assert!(card.contains("spectral") && !card.contains("weight_decay"), "{card}");
    let report: Value = serde_json::from_str(&folder.text("sst2/finetune.json")).unwrap();
    assert_eq!(report["seeds"][0]["figures"]["accuracy"], 1.);
}

#[test]
fn a_bert_is_not_tuned_by_angles() {
    let folder = folder("bert");
    let message = refused(
        &folder.sibert(&with(&finetune("SST-2", "run", "glue", "sst2"), &["--optimizer", "spectral"])),
    );
    assert_has(&message, "--optimizer spectral turns encoders whose scale does not matter");
}
