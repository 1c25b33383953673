//! Keeping the last checkpoints and the best one, and the links `last` and `best`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{hidden, name_of, path_of, steps};

/// After saving `step`, deletes all checkpoints up to it but the last `keep_last` and the best; links `best`.
///
/// At least one is kept. Later ones, which a resume passed over as damaged, neither count nor go; training will
/// replace them. A checkpoint is renamed before it is deleted: a half-deleted one is never seen.
///
/// # Errors
/// Names the folder that cannot be renamed, deleted or linked.
pub fn prune(run_dir: &Path, step: usize, keep_last: usize, best_step: Option<usize>) -> Result<()> {
    let mut steps = steps(run_dir)?;
    steps.retain(|&other| other <= step);
    let dispensable = steps.len().saturating_sub(keep_last.max(1));
    for &step in steps[..dispensable].iter().filter(|&&step| best_step != Some(step)) {
        remove(run_dir, step)?;
    }
    match best_step.filter(|best| steps.contains(best)) {
        Some(best) => link(run_dir, "best", best),
        None => Ok(()),
    }
}

/// Deletes every checkpoint of a run, and the links to them.
///
/// # Errors
/// Names the folder that cannot be deleted.
pub fn remove_all(run_dir: &Path) -> Result<()> {
    for link in ["last", "best"] {
        let _ = fs::remove_file(run_dir.join(link)); // it may never have been made
    }
    steps(run_dir)?.into_iter().try_for_each(|step| remove(run_dir, step))
}

/// Deletes a checkpoint, under a hidden name first.
fn remove(run_dir: &Path, step: usize) -> Result<()> {
    let doomed = hidden(run_dir, step, "del");
    fs::rename(path_of(run_dir, step), &doomed)
        .and_then(|()| fs::remove_dir_all(&doomed))
        .with_context(|| format!("cannot delete {}", path_of(run_dir, step).display()))
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
