//! Products in bfloat16, whatever the processor: runs through the emulated tiles.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;

use support::{Folder, Outcome, assert_has, refused, stderr, stdout};

/// Runs on one thread or two, in the sums of `sums`.
fn pretrain(folder: &Folder, sums: &str, args: &[&str]) -> String {
    let args = [&["pretrain", "--config", "small.toml", "--precision", "bf16"], args].concat();
    let output = folder.sibert_with(&[("SIBERT_BF16", sums)], &args);
    stdout(&output);
    stderr(&output)
}

fn resume(folder: &Folder, sums: &str) -> String {
    fs::remove_dir_all(folder.path("run/checkpoint-000006")).unwrap();
    let args = ["pretrain", "--out", "run", "--resume", "--threads", "2"];
    stderr(&folder.sibert_with(&[("SIBERT_BF16", sums)], &args))
}

#[test]
fn a_run_in_tiles_resumed_on_two_threads_equals_the_uninterrupted_run_on_one() {
    let folder = Folder::new();
    pretrain(&folder, "tiles", &["--threads", "1", "--out", "whole"]);
    pretrain(&folder, "tiles", &["--threads", "1"]);
    let said = resume(&folder, "tiles");
    assert!(!said.contains("SIBERT_BF16"), "{said}");
    Outcome::of(&folder, "run").assert_equals(&Outcome::of(&folder, "whole"));
}

#[test]
fn a_run_that_goes_on_with_other_sums_is_told_so() {
    let folder = Folder::new();
    pretrain(&folder, "tiles", &[]);
    let said = resume(&folder, "rounded");
    assert_has(
        &said,
        "checkpoint-000003 was computed with the bf16 sums of tiles, and this processor takes rounded",
    );
    assert_has(&said, "SIBERT_BF16=tiles asks for the same");
    let state = folder.text("run/last/training_state/state.json");
    assert_has(&state, "\"bf16_sums\": \"rounded\"");
}

#[test]
fn a_run_in_f32_knows_nothing_of_bf16() {
    let folder = Folder::new();
    stdout(&folder.pretrain(&[]));
    assert!(!folder.text("run/last/training_state/state.json").contains("bf16"));
}

#[test]
fn a_way_that_there_is_not_is_refused() {
    let folder = Folder::new();
    let args = ["bench", "--precision", "bf16", "--steps", "1"];
    let output = folder.sibert_with(&[("SIBERT_BF16", "amx")], &args);
    assert_has(
        &refused(&output),
        "SIBERT_BF16 is \"amx\", expected tiles, emulated-tiles, vectors or rounded",
    );
}

#[test]
fn devices_say_which_way_bf16_takes() {
    let output = Folder::new().sibert_with(&[("SIBERT_BF16", "rounded")], &["devices"]);
    assert_has(&stdout(&output), "bf16     f32 products of rounded operands: SIBERT_BF16 is rounded");
}
