//! The tasks that are built in: GLUE's nine, its diagnostic set, and both SQuADs.

use std::sync::LazyLock;

use super::{Task, TaskFile};

/// Their files: GLUE's nine in the order of its table, then the others.
const FILES: [&str; 12] = [
    include_str!("../../tasks/cola.toml"),
    include_str!("../../tasks/sst2.toml"),
    include_str!("../../tasks/mrpc.toml"),
    include_str!("../../tasks/stsb.toml"),
    include_str!("../../tasks/qqp.toml"),
    include_str!("../../tasks/mnli.toml"),
    include_str!("../../tasks/qnli.toml"),
    include_str!("../../tasks/rte.toml"),
    include_str!("../../tasks/wnli.toml"),
    include_str!("../../tasks/ax.toml"),
    include_str!("../../tasks/squad.toml"),
    include_str!("../../tasks/squad_v2.toml"),
];

/// How many of them are in GLUE's table.
pub(super) const GLUE: usize = 9;

static TASKS: LazyLock<Vec<Task>> = LazyLock::new(|| {
    let files = FILES.into_iter().filter_map(|text| toml::from_str::<TaskFile>(text).ok()?.checked().ok());
    files.map(|file| Task::lasting(file, None)).collect()
});

/// The tasks.
pub(super) fn all() -> &'static [Task] {
    &TASKS
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_task() {
        for text in FILES {
            toml::from_str::<TaskFile>(text).unwrap().checked().unwrap();
        }
        assert_eq!(all().len(), FILES.len());
    }
}
