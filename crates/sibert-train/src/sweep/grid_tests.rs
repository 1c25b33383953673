#![allow(clippy::unwrap_used)]
use super::*;
use crate::args::{Cli, Command};
use crate::config::Optimizer;
use clap::Parser;

/// The arguments of a sweep of an almost empty config.
fn args(folder: &Path, more: &[&str]) -> SweepArgs {
    let file = folder.join("tiny.toml");
    std::fs::write(&file, "seed = 3\nlr = 0.5\n").unwrap();
    let words = ["sibert", "sweep", file.to_str().unwrap()];
    match Cli::try_parse_from([&words[..], more].concat()).unwrap().command {
        Command::Sweep(args) => args,
        other => panic!("{other:?}"),
    }
}

fn grid(more: &[&str]) -> Result<Grid> {
    Grid::new(&args(tempfile::tempdir().unwrap().path(), more))
}

fn refusal(more: &[&str]) -> String {
    format!("{:#}", grid(more).err().unwrap())
}

#[test]
fn every_combination_is_a_run_named_by_its_values() {
    let found =
        grid(&["--vary", "lr=0.1,0.2", "--vary", "big: batch_size=64", "--vary", "small: batch_size=8"])
            .unwrap();
    let names: Vec<_> = found.runs.iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names, ["lr=0.1,big", "lr=0.1,small", "lr=0.2,big", "lr=0.2,small"]);
    let run = &found.runs[3].config;
    assert_eq!((run.lr, run.batch_size, run.seed), (0.2, 8, 3));
    assert_eq!(run.out, Path::new("runs/tiny-sweep/lr=0.2,small"));
}

#[test]
fn seeds_count_from_that_of_the_config() {
    let found = grid(&["--seeds", "2", "--out", "x"]).unwrap();
    let seeds: Vec<_> = found.runs.iter().map(|run| (run.name.as_str(), run.config.seed)).collect();
    assert_eq!(seeds, [("seed=3", 3), ("seed=4", 4)]);
    let set = grid(&["--seeds", "2", "--set", "seed=8", "--vary", "lr=1"]).unwrap();
    assert_eq!(set.runs[1].name, "lr=1,seed=9");
    assert_eq!(set.seed_axis(), Some(1));
}

#[test]
fn a_value_counts_as_if_it_were_set() {
    let found =
        grid(&["--vary", "sisgd: clip=3", "--vary", "adamw: model.type=bert optimizer=adamw"]).unwrap();
    let [sisgd, adamw] = [&found.runs[0].config, &found.runs[1].config];
    assert_eq!((sisgd.optimizer, sisgd.clip), (Optimizer::Sisgd, Some(3.)));
    assert_eq!((adamw.optimizer, adamw.clip), (Optimizer::Adamw, None));
    assert!(sisgd.head.is_some() && adamw.head.is_none());
}

#[test]
fn combinations_that_are_no_runs_are_named() {
    let found = refusal(&["--vary", "optimizer=sisgd,adamw", "--vary", "clip=2,none"]);
    assert_eq!(
        found,
        "optimizer=adamw, clip=2 cannot be trained: clip is 2, but only sisgd and sgd clip: set clip = \"none\""
    );
    let found = refusal(&["--vary", "seq_len=1,16", "--vary", "lr=1,2,3"]);
    assert!(
        found.starts_with("seq_len=1, lr=1 cannot be trained, nor can 2 other combinations: "),
        "{found}"
    );
    let found = refusal(&["--seeds", "2", "--set", "seq_len=1"]);
    assert!(found.starts_with("the config cannot be trained: seq_len is 1"), "{found}");
}

#[test]
fn equal_runs_and_settings_without_effect_are_refused() {
    for (more, message) in [
        (&[][..], "nothing varies: name values with --vary"),
        (&["--vary", "lr=0.1,1e-1"], "lr=0.1 and lr=1e-1 have the same settings"),
        (&["--vary", "lr=1,2", "--set", "lr=3"], "lr varies and is set for all runs by --set lr=3"),
        (
            &["--vary", "a: schedule.kind=linear", "--set", "schedule={ kind = \"cosine\" }"],
            "schedule.kind varies and",
        ),
        (&["--vary", "max_steps=1,2", "--max-steps", "3"], "is set for all runs by --max-steps: drop"),
        (&["--vary", "seed=1,2", "--seeds", "3"], "the seed varies twice, by --vary and by --seeds 3"),
        (&["--vary", "lr=1,2", "--seeds", "5001"], "2 × 5001 runs are more than 10000"),
        (&["--vary", "lr=1", "--set", "out=x"], "--set out=x: every run has a folder of its own"),
    ] {
        let found = refusal(more);
        assert!(found.contains(message), "{more:?}: expected {message:?} in {found:?}");
    }
}
