//! Finding the checkpoint or model that a path means.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use super::{CONFIG, MODEL, folders, hidden_step_of, manifest, name_of, step_of};

/// The newest intact checkpoint of a run, and the newer ones that were passed over.
#[derive(Debug)]
pub struct Found {
    /// Folder of the checkpoint.
    pub path: PathBuf,
    /// Newer folders, newest first, each with what is wrong with it.
    pub skipped: Vec<(PathBuf, String)>,
}

/// Checks the checkpoints of a run against their manifests, newest first; changes nothing on the disk.
///
/// # Errors
/// If none is intact: lists each with its reason.
pub fn newest_valid(run_dir: &Path) -> Result<Found> {
    ensure!(run_dir.is_dir(), "{} is not a folder: there is no run to resume", run_dir.display());
    let mut skipped = Vec::new();
    for name in candidates(run_dir)? {
        let path = run_dir.join(name);
        match manifest::verify(&path) {
            Ok(()) => return Ok(Found { path, skipped }),
            Err(reason) => skipped.push((path, reason)),
        }
    }
    ensure!(!skipped.is_empty(), "{} holds no checkpoint", run_dir.display());
    let tried: Vec<String> =
        skipped.iter().map(|(path, reason)| format!("\n  {}: {reason}", path.display())).collect();
    bail!("{} holds no intact checkpoint:{}", run_dir.display(), tried.concat())
}

/// Whether `run_dir` has a checkpoint, intact or not.
///
/// # Errors
/// If the folder cannot be read.
pub fn any(run_dir: &Path) -> Result<bool> {
    Ok(!candidates(run_dir)?.is_empty())
}

/// Folders that may hold a checkpoint, newest first. The hidden one of a save that was killed between its two
/// renames counts while nothing has its name.
fn candidates(run_dir: &Path) -> Result<Vec<String>> {
    let names = folders(run_dir)?;
    let replaced = |step: usize| names.contains(&name_of(step));
    let mut steps: Vec<(usize, &String)> = names
        .iter()
        .filter_map(|name| {
            let hidden = hidden_step_of(name).filter(|(step, suffix)| *suffix == "old" && !replaced(*step));
            Some((step_of(name).or(hidden.map(|(step, _)| step))?, name))
        })
        .collect();
    steps.sort_unstable_by(|a, b| b.cmp(a));
    Ok(steps.into_iter().map(|(_, name)| name.clone()).collect())
}

/// The model folder meant by `path`: itself if it has a `config.json`, else the run's newest intact checkpoint.
///
/// `OUT/best` and `OUT/last` name one directly. Its files are checked against its manifest.
///
/// # Errors
/// Says what was expected and what is there; or which file is damaged.
pub fn resolve_model_dir(path: &Path) -> Result<Found> {
    ensure!(path.exists(), "{} does not exist: expected a model folder or a run folder", path.display());
    ensure!(path.is_dir(), "{} is a file: expected the folder that holds {CONFIG}", path.display());
    if path.join(CONFIG).is_file() {
        manifest::verify_model(path)?;
        return Ok(Found { path: path.to_owned(), skipped: Vec::new() });
    }
    if candidates(path)?.is_empty() {
        bail!(
            "{} is not a model: expected {CONFIG} and {MODEL}, or checkpoint-… folders; found {}",
            path.display(),
            listing(path)
        );
    }
    newest_valid(path)
}

/// Up to eight names in a folder, for error messages.
pub fn listing(folder: &Path) -> String {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    match names.len() {
        0 => "nothing".to_owned(),
        1..=8 => names.join(", "),
        more => format!("{} and {} more", names[..8].join(", "), more - 8),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::save_step;
    use super::super::{MANIFEST, OPTIMIZER, RUN, STATE, TOKENIZER, path_of};
    use super::*;

    fn flip(path: &Path, position: usize) {
        let mut bytes = fs::read(path).unwrap();
        bytes[position] ^= 1;
        fs::write(path, bytes).unwrap();
    }

    /// The reason for which step 2 is passed over in favour of step 1 after `damage`.
    fn reason(damage: impl Fn(&Path)) -> String {
        let run = tempfile::tempdir().unwrap();
        let (older, newer) = (save_step(run.path(), 1), save_step(run.path(), 2));
        damage(&newer);
        let Found { path, skipped } = newest_valid(run.path()).unwrap();
        assert_eq!(path, older);
        assert_eq!(skipped.len(), 1);
        assert_eq!(skipped[0].0, newer);
        skipped[0].1.clone()
    }

    #[test]
    fn one_flipped_byte_is_found() {
        for name in [CONFIG, MODEL, TOKENIZER, OPTIMIZER, STATE, RUN] {
            let reason = reason(|path| flip(&path.join(name), 1));
            assert!(reason.starts_with(&format!("{name} is corrupted: sha256 ")), "{reason}");
        }
    }

    #[test]
    fn any_flipped_byte_of_the_manifest_is_found() {
        let run = tempfile::tempdir().unwrap();
        let path = save_step(run.path(), 1);
        for position in 0..fs::metadata(path.join(MANIFEST)).unwrap().len() as usize {
            flip(&path.join(MANIFEST), position);
            assert!(manifest::verify(&path).is_err(), "byte {position}");
            flip(&path.join(MANIFEST), position);
        }
        assert_eq!(manifest::verify(&path), Ok(()));
    }

    #[test]
    fn truncated_checkpoint_is_skipped_with_its_reason() {
        let truncated =
            |path: &Path| fs::OpenOptions::new().write(true).open(path.join(MODEL)).unwrap().set_len(9);
        assert!(
            reason(|path| truncated(path).unwrap()).starts_with("model.safetensors is truncated: 9 bytes")
        );
        assert_eq!(reason(|path| fs::remove_file(path.join(STATE)).unwrap()), format!("{STATE} is missing"));
        assert_eq!(
            reason(|path| fs::remove_file(path.join(MANIFEST)).unwrap()),
            format!("{MANIFEST} is missing")
        );
        let unreadable = reason(|path| fs::write(path.join(MANIFEST), "{").unwrap());
        assert!(unreadable.starts_with(&format!("{MANIFEST} is unreadable: EOF")), "{unreadable}");
    }

    #[test]
    fn without_an_intact_checkpoint_all_that_was_tried_is_listed() {
        let run = tempfile::tempdir().unwrap();
        let empty = newest_valid(run.path()).unwrap_err().to_string();
        assert!(empty.ends_with("holds no checkpoint"), "{empty}");
        for step in [1, 2] {
            fs::write(save_step(run.path(), step).join(RUN), "").unwrap();
        }
        let error = newest_valid(run.path()).unwrap_err().to_string();
        let (newer, older) =
            (error.find("checkpoint-000002: ").unwrap(), error.find("checkpoint-000001: ").unwrap());
        assert!(newer < older, "{error}");
    }

    #[test]
    fn a_run_folder_means_its_newest_intact_checkpoint() {
        let run = tempfile::tempdir().unwrap();
        for step in [9, 10, 11] {
            save_step(run.path(), step);
        }
        flip(&path_of(run.path(), 11).join(MODEL), 100);
        let found = resolve_model_dir(run.path()).unwrap();
        assert_eq!((found.path, found.skipped.len()), (path_of(run.path(), 10), 1));
    }

    #[test]
    fn a_damaged_model_is_refused_by_name() {
        let run = tempfile::tempdir().unwrap();
        let path = save_step(run.path(), 1);
        flip(&path.join(MODEL), 100);
        let error = resolve_model_dir(&path).unwrap_err().to_string();
        assert!(error.contains("checkpoint-000001: model.safetensors is corrupted: sha256 "), "{error}");
    }

    #[test]
    fn a_folder_that_is_no_model_says_what_it_holds() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("notes.txt"), "").unwrap();
        let error = resolve_model_dir(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("expected config.json and model.safetensors")
                && error.ends_with("found notes.txt")
        );
        let error = resolve_model_dir(&dir.path().join("notes.txt")).unwrap_err().to_string();
        assert!(error.contains("is a file"), "{error}");
        let error = resolve_model_dir(&dir.path().join("none")).unwrap_err().to_string();
        assert!(error.contains("does not exist"), "{error}");
    }
}
