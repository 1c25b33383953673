//! The program as a new user meets it.
#![allow(clippy::unwrap_used)]

mod support;

use support::{Folder, assert_has, refused, stderr, stdout};

#[test]
fn help_and_version_are_printed() {
    let folder = Folder::new();
    assert_has(&stdout(&folder.sibert(&["--version"])), concat!("sibert ", env!("CARGO_PKG_VERSION")));
    for command in ["pretrain", "fill-mask", "verify", "plot", "bench"] {
        assert_has(&stdout(&folder.sibert(&[command, "--help"])), "Example");
    }
    for wrong in [&["pretrian"][..], &["pretrain", "--foo"], &["pretrain", "--device", "gpu"], &[]] {
        assert_eq!(folder.sibert(wrong).status.code(), Some(2));
    }
}

#[test]
fn slips_of_the_hand_get_a_hint() {
    let folder = Folder::new();
    let said = |args: &[&str]| {
        let output = folder.sibert(args);
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    assert_has(&said(&["pretrain", "text.txt"]), "tip: name the text with --source text.txt");
    let task = said(&["finetune", "--task", "mprc", "--model", "run"]);
    assert_has(&task, "unknown task (did you mean mrpc?), expected one of cola");
    assert!(!said(&["pretrain", "--foo"]).contains("--source"));
}

#[test]
fn shells_complete_the_options() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert_has(&stdout(&folder.sibert(&["completions", shell])), "init");
    }
}

#[test]
fn every_subcommand_has_a_manual_page() {
    let folder = Folder::new();
    let pages = stdout(&folder.sibert(&["man", "--out", "pages"]));
    let help = stdout(&folder.sibert(&["--help"]));
    let listed = help.split_once("Commands:\n").unwrap().1.split("\n\n").next().unwrap();
    let names = |line: &str| line.split_whitespace().next().map(str::to_string);
    for command in listed.lines().filter_map(names).filter(|name| name != "help") {
        let page = folder.text(&format!("pages/sibert-{command}.1"));
        assert_has(&page, &format!(".TH sibert-{command} 1 \"\" \"sibert {}\"", env!("CARGO_PKG_VERSION")));
        assert_has(
            &folder.text("pages/sibert.1"),
            &format!("\nsibert\\-{}(1)\n", command.replace('-', "\\-")),
        );
    }
    assert_has(&pages, "sibert-tokenizer-train.1\n");
    let sweep = folder.text("pages/sibert-sweep.1"); // commands keep their lines, other text is filled
    assert_has(&sweep, ".SH EXAMPLES\n.nf\nsibert sweep ");
    assert_has(&sweep, ".fi\n.SH NOTES\nEvery combination is a run of pretrain");
}

#[test]
fn a_run_on_the_built_in_corpus_with_pairs_ends_well_and_its_model_answers_and_verifies() {
    let folder = Folder::new();
    let size = [
        "model.num_hidden_layers=1",
        "model.hidden_size=16",
        "model.intermediate_size=32",
        "model.num_attention_heads=2",
    ];
    let run =
        ["sentences=200", "seq_len=32", "batch_size=4", "eval_every=2", "save_every=2", "eval_sequences=4"];
    let pairs = ["model.next_sentence_prediction=true", "packing=sentence_pairs"];
    let sets = [&size[..], &run, &pairs].concat();
    let printed = stdout(&folder.sibert(
        &[&["pretrain", "--out", "run", "--max-steps", "2", "--threads", "1", "--set"], &sets[..]].concat(),
    ));
    assert_has(&printed, "The capital of France is [MASK].  →  ");
    let asked = stdout(&folder.sibert(&["fill-mask", "--model", "run", "--json", "A dog has four [MASK]."]));
    let answer: serde_json::Value = serde_json::from_str(&asked).unwrap();
    assert_eq!(answer["masks"][0].as_array().unwrap().len(), 5);
    assert!(answer["masks"][0][0]["probability"].as_f64() >= answer["masks"][0][1]["probability"].as_f64());
    assert_has(&stdout(&folder.sibert(&["verify", "--model", "run"])), "the encoder is scale invariant");
}

#[test]
fn run_leaves_a_model_that_answers_and_verifies() {
    let folder = Folder::new();
    let summary = stdout(&folder.pretrain(&[]));
    assert_has(&summary, "after 6 steps");
    assert_has(&summary, "always guessing \"the\"");
    for file in [
        "config.toml",
        "metrics.jsonl",
        "curves.svg",
        "curves.png",
        "last/model.safetensors",
        "best/tokenizer.json",
    ] {
        assert!(!folder.bytes(&format!("run/{file}")).is_empty(), "{file} is empty");
    }
    let sentences = ["The [MASK] lives.", "A [MASK] [MASK]."];
    let ask = ["fill-mask", "--model", "run/last", "--top-k", "3"];
    let guesses = stdout(&folder.sibert(&[&ask[..], &sentences].concat()));
    assert_eq!((guesses.lines().count(), guesses.matches(" · ").count()), (2, 6), "{guesses}");
    assert_has(&stdout(&folder.sibert(&["verify", "--model", "run"])), "checks passed");
    stdout(&folder.sibert(&["plot", "run", "--out", "new/drawn"]));
    assert!(!folder.bytes("new/drawn.svg").is_empty() && !folder.bytes("new/drawn.png").is_empty());
}

#[test]
fn saved_settings_are_the_same_run() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&["--set", "head.lr=1e-3", "schedule.factor=0.5"]));
    stdout(&folder.sibert(&["pretrain", "--config", "run/config.toml", "--out", "again"]));
    assert!(folder.bytes("run/last/model.safetensors") == folder.bytes("again/last/model.safetensors"));
}

#[test]
fn verify_fails_on_a_model_that_is_not_scale_invariant() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&["--set", "model.type=bert", "optimizer=adamw"]));
    let failed = refused(&folder.sibert(&["verify", "--model", "run/last"]));
    assert_has(&failed, "checks failed: the encoder is not scale invariant");
    stdout(&folder.sibert(&["fill-mask", "--model", "run/last", "The [MASK] lives."]));
}

#[cfg(unix)]
#[test]
fn reader_that_leaves_does_not_stop_a_run() {
    let folder = Folder::new();
    let mut child = folder.start(&["pretrain", "--config", "small.toml", "--threads", "1"]);
    drop(child.stderr.take());
    assert!(child.wait().unwrap().success());
    assert!(folder.exists("run/checkpoint-000006/model.safetensors"));
}

#[test]
fn resume_tells_what_changed_and_what_is_left() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&[]));
    let before = folder.text("run/summary.json");
    let finished = folder.resume(&[]);
    assert_has(&finished, "nothing left to train: 6 steps are done; --max-steps N continues");
    assert!(!finished.contains("settings changed"), "{finished}");
    let memory = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["memory"].clone();
    assert_eq!(
        memory(&folder.text("run/summary.json")),
        memory(&before),
        "no step was made, and nothing is forgotten"
    );
    let fewer = refused(&folder.pretrain(&["--resume", "--max-steps", "3"]));
    assert_has(&fewer, "max_steps is 3, but 6 steps are done: name more to go on");
    assert_has(&folder.text("run/config.toml"), "max_steps = 6");
    let longer = folder.resume(&["--max-steps", "8", "--seed", "3", "--set", "lr=1e-3"]);
    assert_has(
        &longer,
        "settings changed since checkpoint-000006: lr 0.0008 → 0.001, max_steps 6 → 8, seed 0 → 3\n",
    );
    assert_has(&folder.text("run/config.toml"), "max_steps = 8");
    assert!(!longer.contains("text has changed"), "{longer}");
    folder.write("text.txt", folder.text("text.txt").replace("horse", "goat"));
    assert_has(
        &folder.resume(&[]),
        "the text has changed since the run began: it continues with the text as it was",
    );
}

#[test]
fn text_that_is_smaller_than_a_sequence_is_enough() {
    let folder = Folder::new();
    folder.write("tiny.txt", "a b a b\na b a\n");
    stdout(&folder.pretrain(&["--source", "tiny.txt"]));
}

#[test]
fn unknown_words_are_counted() {
    let folder = Folder::new();
    let letters: String = ('\u{4e00}'..'\u{4f00}').map(|letter| format!("{letter} the cat\n")).collect();
    folder.write("letters.txt", letters);
    let message = stderr(&folder.pretrain(&["--source", "letters.txt", "--set", "vocab_size=300"]));
    assert_has(&message, "% of these tokens are [UNK], words that the vocabulary cannot spell");
}

#[test]
fn tokenizer_of_another_run_is_used() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&[]));
    stdout(&folder.pretrain(&["--tokenizer", "run/last/tokenizer.json", "--out", "again"]));
    assert_eq!(folder.text("run/last/tokenizer.json"), folder.text("again/last/tokenizer.json"));
}
