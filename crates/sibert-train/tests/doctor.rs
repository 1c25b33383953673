//! `sibert doctor` on a run that is shorter than its measurement, and on one that no machine has room for.
#![allow(clippy::unwrap_used)]

mod support;

use support::{Folder, assert_has, refused, stdout};

#[test]
fn a_run_of_a_few_steps_is_measured_and_leaves_nothing() {
    let folder = Folder::new();
    let told = stdout(&folder.sibert(&["doctor", "small.toml", "--max-steps", "3"]));
    assert_has(&told, "run      3 steps of");
    assert_has(&told, "optimizer state");
    assert_has(&told, "measured in");
    assert_has(&told, "3 steps, ");
    assert!(!folder.exists("run"), "doctor trains nowhere");
}

#[test]
fn a_run_without_room_is_refused_unless_it_is_wanted() {
    let folder = Folder::new();
    let huge = ["pretrain", "--config", "small.toml", "--set", "batch_size=400000000"];
    assert_has(&refused(&folder.sibert(&huge)), "of memory and there");
    assert!(!folder.exists("run/last"));
}
