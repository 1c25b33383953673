//! Keeping the last checkpoints and the best one, and the links `last` and `best`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{folders, hidden, hidden_step_of, name_of, path_of, steps};
use crate::console::note_once;

/// After saving `step`, deletes all checkpoints up to it but the last `keep_last` and the best; links `best`.
///
/// At least one is kept. Later ones, which a resume passed over as damaged, neither count nor go; training will
/// replace them. A checkpoint is renamed before it is deleted: a half-deleted one is never seen. One that cannot be
/// deleted is worth a line, but no end of the run.
///
/// # Errors
/// If the folder cannot be read or `best` not linked.
pub fn prune(run_dir: &Path, step: usize, keep_last: usize, best_step: Option<usize>) -> Result<()> {
    let mut steps = steps(run_dir)?;
    steps.retain(|&other| other <= step);
    let dispensable = steps.len().saturating_sub(keep_last.max(1));
    for &step in steps[..dispensable].iter().filter(|&&step| best_step != Some(step)) {
        remove(run_dir, step);
    }
    match best_step.filter(|best| steps.contains(best)) {
        Some(best) => link(run_dir, "best", best),
        None => Ok(()),
    }
}

/// Deletes every checkpoint of a run, the links to them, and what killed runs left of either.
///
/// # Errors
/// If the folder cannot be read.
pub fn remove_all(run_dir: &Path) -> Result<()> {
    for link in ["last", "best", ".last.tmp", ".best.tmp"] {
        let _ = fs::remove_file(run_dir.join(link)); // it may never have been made
    }
    steps(run_dir)?.into_iter().for_each(|step| remove(run_dir, step));
    let leftovers = folders(run_dir)?.into_iter().filter(|name| hidden_step_of(name).is_some());
    leftovers.for_each(|name| delete(&run_dir.join(name)));
    Ok(())
}

/// Deletes a checkpoint, under a hidden name first.
fn remove(run_dir: &Path, step: usize) {
    let (path, doomed) = (path_of(run_dir, step), hidden(run_dir, step, "del"));
    match fs::rename(&path, &doomed) {
        Ok(()) => delete(&doomed),
        Err(error) => undeletable(&path, &error),
    }
}

/// Deletes a folder, or says that it cannot be deleted.
pub fn delete(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder) {
        undeletable(folder, &error);
    }
}

fn undeletable(folder: &Path, error: &std::io::Error) {
    note_once(format!("cannot delete {}: {error}: delete it by hand", folder.display()));
}

/// Points `run_dir/name` to a checkpoint by a relative link, replaced in one rename.
#[cfg(unix)]
pub fn link(run_dir: &Path, name: &str, step: usize) -> Result<()> {
    let (link, temporary) = (run_dir.join(name), run_dir.join(format!(".{name}.tmp")));
    let _ = fs::remove_file(&temporary); // of a killed run
    std::os::unix::fs::symlink(name_of(step), &temporary)
        .and_then(|()| fs::rename(&temporary, &link))
        .with_context(|| format!("cannot link {} to {}", link.display(), name_of(step)))
}

/// Links need privileges elsewhere: the newest checkpoint has the highest number.
#[cfg(not(unix))]
pub fn link(_run_dir: &Path, _name: &str, _step: usize) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::fixture::save_step;
    use super::super::folders;
    use super::*;

    #[test]
    fn keeps_last_k_and_best() {
        let run = tempfile::tempdir().unwrap();
        for step in [1, 2, 3, 4, 5] {
            save_step(run.path(), step);
        }
        prune(run.path(), 5, 2, Some(2)).unwrap();
        assert_eq!(
            folders(run.path()).unwrap(),
            ["checkpoint-000002", "checkpoint-000004", "checkpoint-000005"]
        );
    }

    #[test]
    fn the_newest_checkpoint_is_always_kept() {
        let run = tempfile::tempdir().unwrap();
        save_step(run.path(), 999_999);
        save_step(run.path(), 1_000_000);
        prune(run.path(), 1_000_000, 0, None).unwrap();
        assert_eq!(folders(run.path()).unwrap(), ["checkpoint-1000000"]);
    }

    #[test]
    fn damaged_later_checkpoints_do_not_displace_good_ones() {
        let run = tempfile::tempdir().unwrap();
        for step in [9, 4, 5] {
            save_step(run.path(), step);
        }
        prune(run.path(), 5, 1, None).unwrap();
        assert_eq!(folders(run.path()).unwrap(), ["checkpoint-000005", "checkpoint-000009"]);
    }

    #[test]
    fn a_checkpoint_that_cannot_be_deleted_does_not_stop_the_others() {
        let run = tempfile::tempdir().unwrap();
        for step in [1, 2, 3] {
            save_step(run.path(), step);
        }
        fs::write(hidden(run.path(), 1, "del"), "in the way").unwrap(); // no folder can take the name of a file
        prune(run.path(), 3, 1, None).unwrap();
        assert_eq!(folders(run.path()).unwrap(), ["checkpoint-000001", "checkpoint-000003"]);
        save_step(run.path(), 4);
        assert!(path_of(run.path(), 4).exists());
    }

    #[test]
    fn nothing_is_left_where_all_is_removed() {
        let run = tempfile::tempdir().unwrap();
        save_step(run.path(), 1);
        for name in [".checkpoint-000002.tmp", ".checkpoint-000003.old", ".checkpoint-000004.del"] {
            fs::create_dir_all(run.path().join(name).join("training_state")).unwrap();
        }
        fs::write(run.path().join(".best.tmp"), "").unwrap();
        remove_all(run.path()).unwrap();
        assert_eq!(fs::read_dir(run.path()).unwrap().count(), 0);
    }

    #[test]
    #[cfg(unix)]
    fn tidying_does_what_a_killed_save_left_to_do() {
        let run = tempfile::tempdir().unwrap();
        for step in [1, 2] {
            save_step(run.path(), step);
            prune(run.path(), step, 1, Some(step)).unwrap();
        }
        save_step(run.path(), 3); // killed behind its rename
        link(run.path(), "last", 2).unwrap();
        fs::create_dir(hidden(run.path(), 1, "del")).unwrap();
        super::super::tidy(run.path(), 3, 1, Some(3)).unwrap();
        assert_eq!(folders(run.path()).unwrap(), ["checkpoint-000003"]);
        for name in ["last", "best"] {
            assert_eq!(fs::read_link(run.path().join(name)).unwrap(), Path::new("checkpoint-000003"));
        }
    }

    #[test]
    #[cfg(unix)]
    fn links_point_to_last_and_best_and_survive_a_move() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("run");
        for step in [1, 2, 3] {
            save_step(&run, step);
            prune(&run, step, 3, Some(step.min(2))).unwrap();
        }
        let moved = dir.path().join("moved");
        fs::rename(&run, &moved).unwrap();
        assert_eq!(fs::read_link(moved.join("last")).unwrap(), Path::new("checkpoint-000003"));
        assert_eq!(fs::read_link(moved.join("best")).unwrap(), Path::new("checkpoint-000002"));
        assert!(moved.join("best/config.json").is_file());
    }
}
