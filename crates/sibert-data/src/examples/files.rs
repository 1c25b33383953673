//! The files of a set: those below the task's folders first, then those of the hub, then those in the top folder.

use std::path::PathBuf;

use anyhow::Result;

use crate::dataset::DataSource;
use crate::task::{Split, Task};

/// The files of a set in `source`, in order.
pub(crate) fn of(task: Task, split: Split, source: &DataSource) -> Result<Vec<PathBuf>> {
    // A folder `RTE` holds no WNLI, whatever its files are called.
    let is_of_another = task.is_built_in() && source.named_task().is_some_and(|named| named != task);
    source.find_all(&candidates(task, split, !is_of_another))
}

/// Where a set may be, the likeliest first; in the top folder too if `top`.
fn candidates(task: Task, split: Split, top: bool) -> Vec<String> {
    let names = task.file().files.of(split);
    let sets = task.file().hub.as_ref().map_or(&[][..], |hub| hub.of(split));
    let mut paths: Vec<String> = Vec::new();
    if task.is_built_in() {
        paths.extend(
            folders(task).iter().flat_map(|folder| names.iter().map(move |name| format!("{folder}/{name}"))),
        );
    } else {
        paths.extend(names.iter().cloned());
    }
    for set in sets {
        paths.push(format!("{set}-*-of-*.parquet"));
        paths.push(format!("{set}/*.parquet")); // as in the branch refs/convert/parquet
    }
    if top {
        paths.extend(names.iter().filter(|_| task.is_built_in()).cloned());
        if let Some(set) = sets.first() {
            let set = set.rsplit('/').next().unwrap_or(set);
            paths.extend([format!("{set}-*-of-*.parquet"), format!("data/{set}-*-of-*.parquet")]);
        }
    }
    paths
}

/// The folders of a task that is built in, in GLUE's.
fn folders(task: Task) -> Vec<String> {
    let title = task.title();
    let mut folders = vec![title.to_owned(), task.name().to_owned(), title.to_lowercase()];
    folders.extend(task.file().files.folders.0.iter().cloned());
    folders.push(title.replace('-', "")); // SST2
    let mut seen = Vec::new();
    folders.retain(|folder| {
        let new = !seen.contains(folder);
        seen.push(folder.clone());
        new
    });
    folders
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::task;

    #[test]
    fn official_names_come_first_and_the_top_folder_last() {
        let of = |task, split, top| candidates(task, split, top).join(" ");
        assert_eq!(
            of(task("sst2"), Split::Validation, true),
            "SST-2/dev.tsv sst2/dev.tsv sst-2/dev.tsv SST2/dev.tsv sst2/validation-*-of-*.parquet \
             sst2/validation/*.parquet dev.tsv validation-*-of-*.parquet data/validation-*-of-*.parquet"
        );
        assert_eq!(
            of(task("mnli"), Split::ValidationMismatched, false),
            "MNLI/dev_mismatched.tsv mnli/dev_mismatched.tsv mnli/validation_mismatched-*-of-*.parquet \
             mnli/validation_mismatched/*.parquet mnli_mismatched/validation-*-of-*.parquet \
             mnli_mismatched/validation/*.parquet"
        );
        assert!(of(task("ax"), Split::Test, true).contains(" diagnostic/diagnostic.tsv "));
    }
}
