//! Writing a checkpoint so that it exists complete or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use candle_core::Tensor;

use sibert_files::durable::{self, FileEntry};

use super::manifest::{self, Manifest};
use super::{CONFIG, MANIFEST, MODEL, OPTIMIZER, RUN, STATE, State, TOKENIZER, TOKENIZER_CONFIG};
use super::{folders, hidden, hidden_step_of, path_of, prune};

/// All that goes into one checkpoint; `S` is the state of its kind of run.
pub struct Snapshot<'a, S> {
    /// Text of `config.json`, with `model_type`.
    pub config_json: &'a str,
    /// Parameters by checkpoint name.
    pub model: Vec<(String, Tensor)>,
    /// Text of `tokenizer.json`.
    pub tokenizer_json: &'a str,
    /// Text of `tokenizer_config.json`.
    pub tokenizer_config_json: &'a str,
    /// Optimizer state by name.
    pub optimizer: Vec<(String, Tensor)>,
    /// Optimizer steps done.
    pub step: usize,
    /// Everything beside tensors that a resumed run continues from.
    pub state: &'a S,
    /// The resolved configuration of the run.
    pub run_toml: &'a str,
}

/// Writes `run_dir/checkpoint-<step>` and points `last` to it; returns its path.
///
/// Leftovers of killed runs are removed first; a checkpoint of the same step is replaced.
///
/// # Errors
/// Names the file or folder that cannot be written. Earlier checkpoints stay as they were.
pub fn save<S: State>(run_dir: &Path, snapshot: &Snapshot<S>) -> Result<PathBuf> {
    let step = snapshot.step;
    fs::create_dir_all(run_dir)
        .with_context(|| format!("cannot create the folder {}: choose another --out", run_dir.display()))?;
    clean(run_dir)?;
    let temporary = hidden(run_dir, step, "tmp");
    let written = write_files(&temporary, snapshot)
        .and_then(|()| publish(run_dir, step, &temporary))
        .with_context(|| format!("cannot save the checkpoint of step {step}"));
    if written.is_err() {
        // Best effort: what remains is hidden, and the next save removes it.
        let _ = fs::remove_dir_all(&temporary);
    }
    written?;
    prune::link(run_dir, "last", step)?;
    Ok(path_of(run_dir, step))
}

/// Does what remained to do after a save that a kill or an error ended between its rename and its links.
///
/// # Errors
/// As [`prune()`]; or if the folder cannot be read or `last` not linked.
pub fn tidy(run_dir: &Path, step: usize, keep_last: usize, best_step: Option<usize>) -> Result<()> {
    clean(run_dir)?;
    prune::link(run_dir, "last", step)?;
    prune::prune(run_dir, step, keep_last, best_step)
}

fn write_files<S: State>(folder: &Path, snapshot: &Snapshot<S>) -> Result<()> {
    let training_state = folder.join("training_state");
    if folder.is_symlink() {
        let _ = fs::remove_file(folder); // nothing is written to where it leads
    }
    fs::create_dir(folder).and_then(|()| fs::create_dir(&training_state)).with_context(|| {
        format!("cannot create {}: check its permissions or choose another --out", folder.display())
    })?;
    let mut files = BTreeMap::new();
    let mut text = |name: &str, contents: &str| -> Result<()> {
        files.insert(name.to_owned(), durable::text(&folder.join(name), contents)?);
        Ok(())
    };
    text(CONFIG, snapshot.config_json)?;
    text(TOKENIZER, snapshot.tokenizer_json)?;
    text(TOKENIZER_CONFIG, snapshot.tokenizer_config_json)?;
    text(STATE, &state_json(snapshot.state)?)?;
    text(RUN, snapshot.run_toml)?;
    for (name, code) in manifest::code(snapshot.config_json) {
        text(name, code)?;
    }
    files.insert(MODEL.to_owned(), durable::tensors(&folder.join(MODEL), &snapshot.model)?);
    files.insert(OPTIMIZER.to_owned(), durable::tensors(&folder.join(OPTIMIZER), &snapshot.optimizer)?);
    write_manifest(folder, snapshot.config_json, files)?;
    durable::sync_folder(&training_state)?;
    durable::sync_folder(folder)
}

fn write_manifest(folder: &Path, config_json: &str, files: BTreeMap<String, FileEntry>) -> Result<()> {
    let model_type = manifest::model_type(config_json).context("config.json has no model_type")?;
    durable::text(&folder.join(MANIFEST), &Manifest::new(model_type, files).to_json()?)?;
    Ok(())
}

/// JSON has no NaN and no infinity: a state that would not read back is refused here, not at the resume.
fn state_json<S: State>(state: &S) -> Result<String> {
    let text = serde_json::to_string_pretty(state)? + "\n";
    let back: Option<S> = serde_json::from_str(&text).ok();
    ensure!(back.as_ref() == Some(state), "the training state holds a number that is not finite: {text}");
    Ok(text)
}

/// Gives the finished folder its name.
fn publish(run_dir: &Path, step: usize, temporary: &Path) -> Result<()> {
    let (path, old) = (path_of(run_dir, step), hidden(run_dir, step, "old"));
    let rename = |from: &Path, to: &Path| {
        fs::rename(from, to).with_context(|| format!("cannot rename {} to {}", from.display(), to.display()))
    };
    let replaces = path.exists();
    if replaces {
        rename(&path, &old)?; // killed here, the old one is found under its hidden name
    }
    rename(temporary, &path)?;
    durable::sync_folder(run_dir)?;
    if replaces {
        prune::delete(&old);
    }
    Ok(())
}

/// Removes what killed runs left; an old checkpoint whose replacement never came gets its name back.
fn clean(run_dir: &Path) -> Result<()> {
    for name in folders(run_dir)? {
        let Some((step, suffix)) = hidden_step_of(&name) else { continue };
        let (leftover, path) = (run_dir.join(&name), path_of(run_dir, step));
        if suffix == "old" && !path.exists() {
            fs::rename(&leftover, &path)
                .with_context(|| format!("cannot give {} its name back", leftover.display()))?;
        } else {
            prune::delete(&leftover);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::{save_step, state};
    use super::super::newest_valid;
    use super::*;

    #[test]
    fn saving_twice_gives_identical_bytes() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (first, second) = (save_step(a.path(), 5), save_step(b.path(), 5));
        for name in [MODEL, OPTIMIZER, MANIFEST] {
            assert_eq!(fs::read(first.join(name)).unwrap(), fs::read(second.join(name)).unwrap(), "{name}");
        }
    }

    #[test]
    fn a_checkpoint_of_the_same_step_is_replaced() {
        let run = tempfile::tempdir().unwrap();
        let path = save_step(run.path(), 5);
        fs::write(path.join(MODEL), "damaged").unwrap();
        assert_eq!(save_step(run.path(), 5), path);
        assert_eq!(newest_valid(run.path()).unwrap().path, path);
        assert_eq!(folders(run.path()).unwrap(), ["checkpoint-000005"]);
    }

    #[test]
    fn killed_between_the_two_renames_the_old_checkpoint_is_found() {
        let run = tempfile::tempdir().unwrap();
        save_step(run.path(), 3);
        let path = save_step(run.path(), 5);
        let old = hidden(run.path(), 5, "old");
        fs::rename(&path, &old).unwrap();
        assert_eq!(newest_valid(run.path()).unwrap().path, old);
        save_step(run.path(), 6);
        assert_eq!(
            folders(run.path()).unwrap(),
            ["checkpoint-000003", "checkpoint-000005", "checkpoint-000006"]
        );
    }

    #[test]
    fn leftovers_of_killed_runs_are_removed() {
        let run = tempfile::tempdir().unwrap();
        for name in [".checkpoint-000004.tmp/training_state", ".checkpoint-000002.del", ".mine.tmp"] {
            fs::create_dir_all(run.path().join(name)).unwrap();
        }
        save_step(run.path(), 5);
        assert_eq!(folders(run.path()).unwrap(), [".mine.tmp", "checkpoint-000005"]);
    }

    #[test]
    #[cfg(unix)]
    fn files_are_readable_by_others() {
        use std::os::unix::fs::PermissionsExt;
        let run = tempfile::tempdir().unwrap();
        fs::write(run.path().join("probe"), "").unwrap(); // what the umask leaves to an ordinary file
        let usual = fs::metadata(run.path().join("probe")).unwrap().permissions().mode();
        let path = save_step(run.path(), 5);
        for name in [CONFIG, MODEL, TOKENIZER, OPTIMIZER, STATE, RUN, MANIFEST] {
            assert_eq!(fs::metadata(path.join(name)).unwrap().permissions().mode(), usual, "{name}");
        }
    }

    #[test]
    fn unwritable_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file.txt"), "").unwrap();
        let out = dir.path().join("file.txt/run");
        let state = state(5);
        let empty = Snapshot {
            config_json: "{}",
            model: vec![],
            tokenizer_json: "{}",
            tokenizer_config_json: "{}",
            optimizer: vec![],
            step: state.step,
            state: &state,
            run_toml: "",
        };
        let error = save(&out, &empty).unwrap_err().to_string();
        assert!(error.contains("file.txt/run: choose another --out"), "{error}");
    }

    #[test]
    fn a_failed_save_leaves_earlier_checkpoints_and_no_leftovers() {
        let run = tempfile::tempdir().unwrap();
        let path = save_step(run.path(), 5);
        let state = state(6);
        let no_type = Snapshot {
            config_json: "{}",
            model: vec![],
            tokenizer_json: "{}",
            tokenizer_config_json: "{}",
            optimizer: vec![],
            step: state.step,
            state: &state,
            run_toml: "",
        };
        let error = format!("{:#}", save(run.path(), &no_type).unwrap_err());
        assert_eq!(error, "cannot save the checkpoint of step 6: config.json has no model_type");
        assert_eq!(newest_valid(run.path()).unwrap().path, path);
        assert_eq!(folders(run.path()).unwrap(), ["checkpoint-000005"]);
    }

    #[test]
    fn a_state_that_would_not_read_back_is_refused() {
        let mut state = state(5);
        state.elapsed_seconds = f64::NAN;
        assert!(state_json(&state).is_err());
    }
}
