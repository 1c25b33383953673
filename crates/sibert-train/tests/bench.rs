//! `sibert bench`: what it prints, and what it refuses. Nothing here depends on how long a step takes.
#![allow(clippy::unwrap_used)]

mod support;

use std::process::Output;

use serde_json::Value;
use support::{Folder, assert_has, refused, stderr, stdout};

/// A model of a few thousand parameters, two steps after one.
const TINY: [[&str; 2]; 7] = [
    ["--batch", "4"],
    ["--seq", "8"],
    ["--hidden", "16"],
    ["--layers", "2"],
    ["--vocab", "50"],
    ["--steps", "2"],
    ["--warmup", "1"],
];

/// Runs a tiny bench, with these options in place of its own.
fn bench(args: &[&str]) -> Output {
    let others = TINY.into_iter().filter(|[option, _]| !args.contains(option));
    Folder::new().sibert(&[&["bench"], args, &others.flatten().collect::<Vec<_>>()].concat())
}

fn json(args: &[&str]) -> Value {
    let line = stdout(&bench(&[&["--json"], args].concat()));
    assert_eq!(line.lines().count(), 1, "{line}");
    serde_json::from_str(&line).unwrap()
}

#[test]
fn json_has_the_sizes_and_the_measurements() {
    for arch in ["sibert", "bert"] {
        for inference in [false, true] {
            let mode: &[&str] = if inference { &["--inference"] } else { &[] };
            let found = json(&[&["--arch", arch, "--threads", "1", "--micro-batch", "2"], mode].concat());
            for (key, expected) in [
                ("batch", 4),
                ("micro_batch", 2),
                ("seq", 8),
                ("hidden", 16),
                ("layers", 2),
                ("heads", 1),
                ("vocab", 50),
                ("steps", 2),
                ("threads", 1),
            ] {
                assert_eq!(found[key], expected, "{key}");
            }
            assert_eq!((&found["arch"], &found["inference"]), (&arch.into(), &inference.into()));
            assert_eq!((&found["precision"], &found["bf16"]), (&"f32".into(), &false.into()));
            assert!(found["parameters"].as_u64().unwrap() > 1000);
            for key in ["tokens_per_second", "ms_per_step", "ms_median", "ms_min"] {
                assert!(found[key].as_f64().unwrap() > 0., "{key}");
            }
            assert!(!cfg!(unix) || found["peak_mib"].as_u64().unwrap() > 0);
        }
    }
}

#[test]
fn table_says_what_was_timed() {
    let table = stdout(&bench(&["--threads", "1", "--heads", "4"]));
    for part in [
        "sibert, 2 layers of 16, 4 heads each, vocabulary 50",
        "2 training steps, f32, cpu",
        "4 sequences of 8 tokens, 4 at a time",
        "ms/step      mean ",
    ] {
        assert_has(&table, part);
    }
    assert_has(&stdout(&bench(&["--inference"])), "2 forward passes of the encoder, f32, cpu");
}

#[test]
fn one_masked_token_is_enough() {
    json(&["--batch", "1", "--seq", "1", "--vocab", "1", "--warmup", "0"]);
}

#[test]
fn sizes_that_make_no_bench_are_refused() {
    for (args, message) in [
        (&["--hidden", "200"][..], "hidden 200 is not a multiple of heads 3: give --heads"),
        (&["--heads", "3"], "hidden 16 is not a multiple of heads 3"),
        (&["--micro-batch", "3"], "batch 4 is not a multiple of micro-batch 3"),
        (&["--batch", "4294967295", "--seq", "2"], "batch 4294967295 of 2 tokens is too large"),
        (&["--vocab", "4294967296"], "vocab is 4294967296, expected at most 4294967295"),
        #[cfg(not(feature = "cuda"))]
        (&["--device", "cuda"], "this build has no CUDA support: build with --features cuda"),
    ] {
        assert_has(&refused(&bench(args)), message);
    }
}

#[test]
fn options_that_mean_nothing_are_refused() {
    let folder = Folder::new();
    for (option, value, message) in [
        ("--batch", "0", "expected at least 1"),
        ("--steps", "0", "expected at least 1"),
        ("--seq", "many", "expected a whole number"),
        ("--threads", "0", "0 is not in 1..=1024"),
        ("--arch", "gpt", "[possible values: sibert, bert]"),
        ("--precision", "f16", "expected f32, bf16 or bf16x3"),
    ] {
        let output = folder.sibert(&["bench", option, value]);
        assert_eq!(output.status.code(), Some(2), "{option} {value}");
        assert_has(&String::from_utf8_lossy(&output.stderr), message);
    }
}

#[test]
fn bf16_runs_on_every_processor_and_says_how() {
    for (precision, bf16) in [("bf16", true), ("bf16x3", false)] {
        let found = json(&["--precision", precision]);
        assert_eq!((&found["precision"], &found["bf16"]), (&precision.into(), &bf16.into()));
        assert_has(found["products"].as_str().unwrap(), ": this processor");
    }
    assert!(json(&[])["products"].is_null());
    assert_has(&stdout(&bench(&["--precision", "bf16"])), "products     ");
}

#[test]
fn a_profile_names_operations_and_optimizers() {
    let table = stdout(&bench(&["--profile"]));
    for row in ["| linear |", "| attention |", "| cross_entropy |", "| optimizers |", "| **step** |"] {
        assert_has(&table, row);
    }
}

#[test]
fn more_threads_than_cores_are_noted() {
    let threads = std::thread::available_parallelism().unwrap().get() + 1;
    let output = bench(&["--json", "--threads", &threads.to_string()]);
    assert_has(&stderr(&output), &format!("threads {threads} are more than the"));
    let found: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(found["threads"], threads);
}
