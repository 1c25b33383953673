//! A sweep's folder stands for its runs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The file that makes a folder that of a sweep.
const SWEEP: &str = "sweep.json";

/// What is read of it.
#[derive(Deserialize)]
struct Sweep {
    /// Names of the runs' folders, in order.
    runs: Vec<String>,
}

/// The runs of each named folder: of a sweep, those that have begun; of a run, itself.
///
/// # Errors
/// If a sweep's file cannot be read, or none of its runs has begun.
pub fn expand(named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut runs = Vec::new();
    for path in named {
        match path.join(SWEEP).is_file() {
            true => runs.extend(begun(path)?),
            false => runs.push(path.clone()),
        }
    }
    Ok(runs)
}

fn begun(folder: &Path) -> Result<Vec<PathBuf>> {
    let path = folder.join(SWEEP);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let sweep: Sweep = serde_json::from_str(&text)
        .with_context(|| format!("{} is not of a sweep: expected the names of its runs", path.display()))?;
    let mut runs: Vec<PathBuf> = sweep.runs.iter().map(|name| folder.join(name)).collect();
    runs.retain(|run| run.join("metrics.jsonl").exists());
    ensure!(
        !runs.is_empty(),
        "{}: nothing to draw, none of its {} runs has a metrics.jsonl yet",
        folder.display(),
        sweep.runs.len()
    );
    Ok(runs)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plot::runs::fixture::folder;

    #[test]
    fn a_sweep_stands_for_its_runs_that_have_begun() {
        let dir = tempfile::tempdir().unwrap();
        let run = folder(dir.path(), "alone", "", "");
        let sweep = dir.path().join("sweep");
        let (b, a) = (folder(&sweep, "b", "", ""), folder(&sweep, "a", "", ""));
        fs::write(sweep.join("sweep.json"), r#"{"name":"x","runs":["b","later","a"]}"#).unwrap();
        assert_eq!(expand(&[sweep.clone(), run.clone()]).unwrap(), [b, a, run]);

        fs::write(sweep.join("sweep.json"), r#"{"runs":["later"]}"#).unwrap();
        let error = expand(std::slice::from_ref(&sweep)).unwrap_err().to_string();
        assert!(error.ends_with("none of its 1 runs has a metrics.jsonl yet"), "{error}");
        fs::write(sweep.join("sweep.json"), "[]").unwrap();
        assert!(expand(&[sweep]).unwrap_err().to_string().contains("expected the names of its runs"));
    }
}
