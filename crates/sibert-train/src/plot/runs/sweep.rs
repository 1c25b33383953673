//! A sweep's folder stands for its runs.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::sweep;

/// The runs of each named folder: of a sweep, those that have begun; of a run, itself.
///
/// # Errors
/// If a sweep's file cannot be read, or none of its runs has begun.
pub fn expand(named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut runs = Vec::new();
    for folder in named {
        let begun = sweep::runs_of(folder)?.unwrap_or_else(|| vec![folder.clone()]);
        ensure!(
            !begun.is_empty(),
            "{}: nothing to draw, none of its runs has a metrics.jsonl yet",
            folder.display()
        );
        runs.extend(begun);
    }
    Ok(runs)
}
