//! Runs and results for the tests of this folder.

use std::path::Path;

use super::axis::{Axis, Choice};
use super::grid::{Grid, SweptRun, product};
use crate::config::RunConfig;
use crate::log::{Memory, Summary, SummaryTiming};

/// A run with the default settings.
pub fn run(name: &str, folder: &Path) -> SweptRun {
    let config = RunConfig { out: folder.to_owned(), ..RunConfig::default() };
    SweptRun { name: name.to_owned(), values: Vec::new(), config }
}

/// The summary of a run with this loss.
pub fn summary(eval_loss: f64) -> Summary {
    Summary {
        step: 40,
        tokens: 640,
        diverged: None,
        eval_loss: Some(eval_loss),
        eval_accuracy: Some(0.25),
        frequent_accuracy: Some(0.1),
        frequency_loss: Some(3.0),
        eval_sequences: 8,
        clipped_steps: 2,
        spikes: 1,
        param_norm: 12.5,
        equilibrium_norm: None,
        parameters: 1000,
        memory: Memory::default(),
        timing: SummaryTiming { elapsed_seconds: 90., tokens_per_second: 7. },
    }
}

/// The axis of a key with plain values.
pub fn axis(key: &str, values: &[&str]) -> Axis {
    let choice = |value: &&str| Choice { text: (*value).to_owned(), set: vec![format!("{key}={value}")] };
    Axis { name: key.to_owned(), values: values.iter().map(choice).collect() }
}

/// The combinations of these axes, `run0` to the last, all with the default settings.
pub fn grid(axes: Vec<Axis>) -> Grid {
    let run = |(number, values): (usize, Vec<&Choice>)| SweptRun {
        values: values.into_iter().cloned().collect(),
        ..run(&format!("run{number}"), Path::new("x"))
    };
    let runs = product(&axes).into_iter().enumerate().map(run).collect();
    Grid { axes, runs }
}
