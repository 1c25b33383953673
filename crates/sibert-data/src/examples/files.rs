//! The files of a set: the official names first, then those of the hub.

use std::path::PathBuf;

use anyhow::Result;

use super::Split;
use crate::dataset::DataSource;
use crate::task::Task;

/// The original files of MRPC; the development set is a part of the first.
pub(super) const MSR_TRAIN: &str = "msr_paraphrase_train.txt";
const MSR_TEST: &str = "msr_paraphrase_test.txt";

/// The files of a set in `source`, in order.
pub(super) fn of(task: Task, split: Split, source: &DataSource) -> Result<Vec<PathBuf>> {
    // A folder `RTE` holds no WNLI, whatever its files are called.
    let is_of_another = source.named_task().is_some_and(|named| named != task);
    source.find_all(&candidates(task, split, !is_of_another))
}

/// Where a set may be, the likeliest first; in the top folder too if `top`.
fn candidates(task: Task, split: Split, top: bool) -> Vec<String> {
    let official = names(task, split);
    let mut paths: Vec<String> = Vec::new();
    for folder in folders(task) {
        paths.extend(official.iter().map(|name| format!("{folder}/{name}")));
    }
    for (config, set) in sets(task, split) {
        paths.push(format!("{config}/{set}-*-of-*.parquet"));
        paths.push(format!("{config}/{set}/*.parquet")); // as in the branch refs/convert/parquet
    }
    if top {
        paths.extend(official.iter().map(|name| (*name).to_owned()));
        let (_, set) = sets(task, split)[0];
        paths.extend([format!("{set}-*-of-*.parquet"), format!("data/{set}-*-of-*.parquet")]);
    }
    paths
}

/// The task's folders in GLUE's.
fn folders(task: Task) -> Vec<String> {
    let title = task.title();
    let mut folders = vec![title.to_owned(), task.name().to_owned(), title.to_lowercase()];
    if task == Task::Ax {
        folders.push("diagnostic".to_owned());
    }
    folders.push(title.replace('-', "")); // SST2
    let mut seen = Vec::new();
    folders.retain(|folder| {
        let new = !seen.contains(folder);
        seen.push(folder.clone());
        new
    });
    folders
}

/// Names of a set's official file.
fn names(task: Task, split: Split) -> &'static [&'static str] {
    match (task, split) {
        (Task::Ax, _) => &["diagnostic.tsv", "AX.tsv", "ax.tsv", "test.tsv", "diagnostic-full.tsv"],
        (Task::Mrpc, Split::Train) => &["train.tsv", MSR_TRAIN],
        (Task::Mrpc, Split::Validation) => &["dev.tsv", MSR_TRAIN],
        (Task::Mrpc, _) => &["test.tsv", MSR_TEST],
        (_, Split::Train) => &["train.tsv"],
        (Task::Mnli, Split::Validation) => &["dev_matched.tsv"],
        (_, Split::Validation) => &["dev.tsv"],
        (_, Split::ValidationMismatched) => &["dev_mismatched.tsv"],
        (Task::Mnli, Split::Test) => &["test_matched.tsv"],
        (_, Split::Test) => &["test.tsv"],
        (_, Split::TestMismatched) => &["test_mismatched.tsv"],
    }
}

/// Configurations of the hub's data set that have a set, and its name there.
fn sets(task: Task, split: Split) -> Vec<(&'static str, &'static str)> {
    match (task, split) {
        (_, Split::Train) => vec![(task.name(), "train")],
        (Task::Mnli, Split::Validation) => {
            vec![("mnli", "validation_matched"), ("mnli_matched", "validation")]
        }
        (_, Split::Validation) => vec![(task.name(), "validation")],
        (_, Split::ValidationMismatched) => {
            vec![("mnli", "validation_mismatched"), ("mnli_mismatched", "validation")]
        }
        (Task::Mnli, Split::Test) => vec![("mnli", "test_matched"), ("mnli_matched", "test")],
        (_, Split::Test) => vec![(task.name(), "test")],
        (_, Split::TestMismatched) => vec![("mnli", "test_mismatched"), ("mnli_mismatched", "test")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn official_names_come_first_and_the_top_folder_last() {
        let of = |task, split, top| candidates(task, split, top).join(" ");
        assert_eq!(
            of(Task::Sst2, Split::Validation, true),
            "SST-2/dev.tsv sst2/dev.tsv sst-2/dev.tsv SST2/dev.tsv sst2/validation-*-of-*.parquet \
             sst2/validation/*.parquet dev.tsv validation-*-of-*.parquet data/validation-*-of-*.parquet"
        );
        assert_eq!(
            of(Task::Mnli, Split::ValidationMismatched, false),
            "MNLI/dev_mismatched.tsv mnli/dev_mismatched.tsv mnli/validation_mismatched-*-of-*.parquet \
             mnli/validation_mismatched/*.parquet mnli_mismatched/validation-*-of-*.parquet \
             mnli_mismatched/validation/*.parquet"
        );
        assert!(of(Task::Ax, Split::Test, true).contains(" diagnostic/diagnostic.tsv "));
    }
}
