//! `pretrain --init`: training goes on with a model that there is.
#![allow(clippy::unwrap_used)]

mod support;

use support::{Folder, assert_has, refused, stderr, stdout};

/// The held-out loss at the end of a run.
fn held_out(folder: &Folder, run: &str) -> f64 {
    let summary: serde_json::Value =
        serde_json::from_str(&folder.text(&format!("{run}/summary.json"))).unwrap();
    summary["eval_loss"].as_f64().unwrap()
}

#[test]
fn a_run_begins_with_the_weights_the_sizes_and_the_tokenizer_of_its_model() {
    for (name, sets) in [
        ("bert", &["model.type=bert", "optimizer=adamw", "lr=1e-3"][..]),
        ("sibert", &["optimizer=spectral", "model.attention=normalized"][..]),
    ] {
        let folder = Folder::new();
        stdout(&folder.pretrain(&[&["--out", "first", "--set"], sets].concat()));
        // Steps that change nothing: what is left is what the model began with.
        let still =
            ["pretrain", "--init", "first", "--source", "text.txt", "--out", "second", "--max-steps", "2"];
        let sets = [
            "--lr",
            "1e-12",
            "--batch-size",
            "4",
            "--threads",
            "1",
            "--set",
            "documents=per_line",
            "held_out=0.2",
        ];
        let sets =
            [&sets[..], &["seq_len=16", "eval_every=2", "eval_sequences=4", "save_every=2", "log_every=1"]]
                .concat();
        let head = if name == "sibert" { &["head.lr=1e-12"][..] } else { &[] };
        let said = folder.sibert(&[&still[..], &sets, head].concat());
        assert_has(&stderr(&said), "continuing first: its weights, a fresh optimizer");
        let (before, after) = (held_out(&folder, "first"), held_out(&folder, "second"));
        assert!((after / before - 1.).abs() < 1e-4, "{name}: {before} before, {after} after");
        let key = |run: &str, key: &str| {
            let config: serde_json::Value =
                serde_json::from_str(&folder.text(&format!("{run}/last/config.json"))).unwrap();
            config[key].clone()
        };
        for name in ["model_type", "hidden_size", "vocab_size", "num_attention_heads", "attention"] {
            assert_eq!(key("first", name), key("second", name), "{name}");
        }
        assert_eq!(folder.text("first/last/tokenizer.json"), folder.text("second/last/tokenizer.json"));
        folder.sibert(&["pretrain", "--out", "second", "--resume", "--max-steps", "3"]);
        assert!(folder.exists("second/checkpoint-000003"), "it goes on from its own checkpoint");
    }
}

#[test]
fn what_would_make_another_model_is_refused() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&["--out", "first"]));
    let with =
        |more: &[&str]| {
            refused(&folder.sibert(
                &[&["pretrain", "--init", "first", "--source", "text.txt", "--out", "x"], more].concat(),
            ))
        };
    assert_has(
        &with(&["--set", "model.hidden_size=64"]),
        "model.hidden_size is that of init, first: leave it out",
    );
    folder.write("other.toml", "source = [\"text.txt\"]\n[model]\ntype = \"bert\"\n");
    assert_has(
        &with(&["--config", "other.toml"]),
        "model.type is \"bert\" in the config, but \"sibert\" in init, first: leave [model] out",
    );
    folder.write("preset.toml", "source = [\"text.txt\"]\n[model]\npreset = \"mini\"\n");
    assert_has(
        &with(&["--config", "preset.toml"]),
        "model.hidden_size is 256 in the config, but 16 in init, first",
    );
    assert_has(&with(&["--tokenizer", "first"]), "init, first, brings its own: leave it out");
    assert_has(
        &refused(&folder.sibert(&["pretrain", "--init", "none/", "--out", "x"])),
        "there is no folder `none/`",
    );
}

#[test]
fn epochs_are_passes_over_the_text() {
    let folder = Folder::new();
    let said =
        stderr(&folder.pretrain(&["--epochs", "2", "--batch-size", "13", "--set", "intrinsic_lr=auto"]));
    assert_has(&said, "2.0 epochs");
    assert!(!folder.text("run/config.toml").contains("epochs"), "the steps stand there");
}
