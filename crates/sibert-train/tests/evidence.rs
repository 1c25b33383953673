//! A run reports on itself: summary, diagnostics, warnings.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use support::{Folder, assert_has, refused, stderr, stdout};

fn json(folder: &Folder, name: &str) -> Value {
    serde_json::from_str(&folder.text(name)).unwrap()
}

fn reports(folder: &Folder, run: &str) -> Vec<Value> {
    let lines = folder.text(&format!("{run}/metrics.jsonl"));
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line.get("loss").is_some()).collect()
}

#[test]
fn a_finished_run_has_a_summary_and_one_that_goes_on_has_none() {
    let folder = Folder::new();
    let printed = stdout(&folder.pretrain(&[]));
    let summary = json(&folder, "run/summary.json");
    assert_eq!((&summary["step"], &summary["tokens"]), (&Value::from(6), &Value::from(6 * 4 * 16)));
    assert_has(&printed, &format!("{:.4}", summary["eval_loss"].as_f64().unwrap()));
    assert_has(&printed, &format!("{:.4}", summary["frequency_loss"].as_f64().unwrap()));
    assert_eq!(summary.get("diverged"), None);
    let last = reports(&folder, "run").pop().unwrap();
    let norm = summary["param_norm"].as_f64().unwrap() / last["param_norm"].as_f64().unwrap();
    assert!((norm - 1.).abs() < 1e-6, "{norm}");
    let message = refused(&folder.sibert(&[
        "pretrain",
        "--out",
        "run",
        "--resume",
        "--max-steps",
        "7",
        "--set",
        "eval_sequences=0",
    ]));
    assert_has(&message, "eval_sequences is 0");
    assert!(folder.exists("run/summary.json"), "a refused resume changed the run");
    folder.resume(&["--max-steps", "8"]);
    assert_eq!(json(&folder, "run/summary.json")["step"], 8);
}

#[test]
fn memory_of_each_optimizer_is_what_its_formula_keeps() {
    let folder = Folder::new();
    let memory = |name: &str, sets: &[&str]| {
        stdout(&folder.pretrain(&[&["--out", name, "--set"], sets].concat()));
        let summary = json(&folder, &format!("{name}/summary.json"));
        let bytes = |key: &str| summary["memory"][key].as_u64().unwrap();
        assert_eq!(bytes("parameters"), 4 * summary["parameters"].as_u64().unwrap());
        assert!(bytes("gradients") <= bytes("parameters") && bytes("gradients") > bytes("parameters") / 2);
        assert!(bytes("peak") > bytes("parameters"));
        (bytes("parameters"), bytes("optimizer_state"), bytes("encoder_optimizer_state"))
    };
    let (whole, head, encoder) = memory("sgd", &["optimizer=sgd", "clip=none"]);
    assert!(encoder == 0 && head > 0);
    let encoder_parameters = whole - head / 2;
    for (name, sets, copies) in [
        ("momentum", &["optimizer=sgd", "clip=none", "momentum=0.9"][..], 1),
        ("adamw", &["optimizer=adamw", "lr=1e-3"], 2),
        ("lamb", &["optimizer=lamb", "lr=1e-3"], 2),
    ] {
        assert_eq!(
            memory(name, sets),
            (whole, head + copies * encoder_parameters, copies * encoder_parameters)
        );
    }
}

#[test]
fn reports_have_the_quantities_of_the_theory_for_sgd_on_sibert_alone() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&["--max-steps", "120", "--set", "lr=0.5", "weight_decay=0.1", "log_every=20"]));
    let last = reports(&folder, "run").pop().unwrap();
    let number = |key: &str| last[key].as_f64().unwrap_or_else(|| panic!("no {key} in {last}"));
    assert!(number("euler") < 1e-4);
    // The rate has been divided by a hundred by now.
    assert!((number("equilibrium_angle") - (2f64 * 0.5 * 0.1 / 100.).sqrt()).abs() < 1e-12);
    assert!(number("equilibrium_norm") > 0. && number("max_gradient_ratio") > 0. && number("spikes") >= 0.);
    let groups = last["group_norms"].as_object().unwrap();
    let squares =
        groups.iter().filter(|(group, _)| *group != "head").map(|(_, norm)| norm.as_f64().unwrap().powi(2));
    assert!((squares.sum::<f64>().sqrt() / number("param_norm") - 1.).abs() < 1e-5, "{groups:?}");

    stdout(&folder.pretrain(&["--out", "adam", "--set", "optimizer=adamw", "lr=1e-3"]));
    stdout(&folder.pretrain(&["--out", "bert", "--set", "model.type=bert", "optimizer=sgd", "clip=none"]));
    for run in ["adam", "bert"] {
        let last = reports(&folder, run).pop().unwrap();
        assert!(last.get("equilibrium_norm").is_none() && last.get("euler").is_none(), "{last}");
        assert_eq!(last["group_norms"].as_object().unwrap().len(), 6);
    }
}

#[test]
fn a_run_that_diverges_says_so_in_its_summary_and_keeps_its_checkpoints() {
    let folder = Folder::new();
    let sets = ["model.type=bert", "optimizer=sgd", "clip=none", "weight_decay=0", "save_every=1"];
    let failed = folder.pretrain(&[&["--max-steps", "40", "--set", "lr=1e6"], &sets[..]].concat());
    let message = refused(&failed);
    assert_has(&message, "training stopped at step");
    let summary = json(&folder, "run/summary.json");
    let reason = summary["diverged"].as_str().unwrap();
    assert!(reason.starts_with("training stopped at step") && reason.lines().count() == 1, "{reason}");
    assert!(summary["eval_loss"].is_null() && summary["step"].as_u64().unwrap() >= 1);
    assert!(folder.exists("run/checkpoint-000001/model.safetensors"));
}

#[test]
fn a_run_that_cannot_learn_is_told_which_setting_to_change() {
    let folder = Folder::new();
    let warnings = |name: &str, sets: &[&str]| {
        let more = ["log_every=1", "eval_every=10", "schedule.kind=constant"];
        let output =
            folder.pretrain(&[&["--max-steps", "40", "--out", name, "--set"], &more[..], sets].concat());
        let said = stderr(&output);
        let of =
            |part: &str| said.lines().filter(|line| line.contains("warning") && line.contains(part)).count();
        ["forgets", "hardly learns", "word frequencies"].map(of)
    };
    assert_eq!(warnings("far", &["lr=30", "weight_decay=3e-3", "clip=none"])[0], 1);
    let unbounded = ["lr=3", "weight_decay=1e-5", "clip=none", "log_every=1", "schedule.kind=constant"];
    let run = ["--max-steps", "40", "--out", "unbounded", "--set"];
    assert_has(
        &stderr(&folder.pretrain(&[&run[..], &unbounded].concat())),
        "which forgets as fast as it learns: lower lr (now 3), or set clip = 2",
    );
    assert_eq!(warnings("near", &["lr=1e-6", "weight_decay=1"])[1], 1);
    assert_eq!(warnings("clipped", &["lr=1e3", "weight_decay=1e-8"])[..2], [0, 0]);
    let healthy = warnings("healthy", &["lr=0.05", "weight_decay=0.01", "clip=none"]);
    assert_eq!(healthy[..2], [0, 0]);
    assert_eq!(healthy[2], 0, "40 steps are too few to tell");
    let longer =
        ["--max-steps", "240", "--out", "longer", "--set", "lr=1e-6", "weight_decay=1", "eval_every=120"];
    let said = stderr(&folder.pretrain(&[&longer[..], &["head.lr=1e-6"]].concat()));
    assert_eq!(
        said.matches("is that of word frequencies").count() + said.matches("is above that of word").count(),
        1
    );
}
