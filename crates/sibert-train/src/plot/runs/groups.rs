//! Runs of the same settings with different seeds as one group, and names for the groups.

use anyhow::{Result, ensure};

use super::RunFolder;
use super::settings::{self, Settings};

/// Runs that differ in their seed only.
pub struct Group {
    /// The settings that tell them from the other groups.
    pub label: String,
    /// One run a seed.
    pub runs: Vec<RunFolder>,
}

/// Groups runs, in the order of their first; `labels` replaces the names, one a group.
///
/// # Errors
/// If there are labels, but not one for each group.
pub fn groups(runs: Vec<RunFolder>, labels: &[String]) -> Result<Vec<Group>> {
    let mut groups: Vec<Group> = gathered(runs).into_iter().flat_map(split_repetitions).collect();
    name(&mut groups);
    if labels.is_empty() {
        return Ok(groups);
    }
    let names: Vec<&str> = groups.iter().map(|group| group.label.as_str()).collect();
    ensure!(
        labels.len() == groups.len(),
        "--labels has {} names, expected {}, one for each of: {}",
        labels.len(),
        groups.len(),
        names.join("; ")
    );
    groups.iter_mut().zip(labels).for_each(|(group, label)| group.label.clone_from(label));
    Ok(groups)
}

/// Runs of equal settings, whatever their seeds.
fn gathered(runs: Vec<RunFolder>) -> Vec<Vec<RunFolder>> {
    let mut all: Vec<Vec<RunFolder>> = Vec::new();
    for run in runs {
        match all.iter_mut().find(|group| same_settings(&group[0], &run)) {
            Some(group) => group.push(run),
            None => all.push(vec![run]),
        }
    }
    all
}

fn same_settings(a: &RunFolder, b: &RunFolder) -> bool {
    match (&a.settings, &b.settings) {
        (Some(a), Some(b)) => settings::differing(&[a, b]).is_empty(),
        _ => false,
    }
}

/// Runs that share even the seed are compared for another reason: each is a group of its own, named by its folder.
fn split_repetitions(runs: Vec<RunFolder>) -> Vec<Group> {
    let mut seeds: Vec<_> = runs.iter().map(RunFolder::seed).collect();
    seeds.sort();
    seeds.dedup();
    if seeds.len() == runs.len() {
        return vec![Group { label: String::new(), runs }];
    }
    runs.into_iter().map(|run| Group { label: run.name.clone(), runs: vec![run] }).collect()
}

/// Names the groups that have no name yet by the settings in which they differ, else by folder.
fn name(groups: &mut [Group]) {
    let described: Vec<&Settings> =
        groups.iter().filter_map(|group| group.runs[0].settings.as_ref()).collect();
    let keys = match described.as_slice() {
        [] => Vec::new(),
        runs => settings::telling(&settings::differing(runs), runs),
    };
    let alone = groups.len() == 1;
    let label = |group: &Group| {
        let settings = group.runs[0].settings.as_ref();
        let text = settings.map(|settings| settings::describe(&keys, settings)).unwrap_or_default();
        match group.runs.as_slice() {
            _ if !text.is_empty() => text,
            [_, _, ..] if alone => format!("{} seeds", group.runs.len()),
            runs => runs[0].name.clone(),
        }
    };
    let labels: Vec<String> = groups.iter().map(label).collect();
    for (group, label) in groups.iter_mut().zip(labels).filter(|(group, _)| group.label.is_empty()) {
        group.label = label;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plot::runs::fixture::{folder, read};

    fn grouped(configs: &[(&str, &str)]) -> Vec<(String, Vec<String>)> {
        let dir = tempfile::tempdir().unwrap();
        let folders: Vec<_> =
            configs.iter().map(|(name, config)| folder(dir.path(), name, config, "")).collect();
        let named = |group: Group| (group.label, group.runs.into_iter().map(|run| run.name).collect());
        groups(read(&folders), &[]).unwrap().into_iter().map(named).collect()
    }

    fn group(label: &str, runs: &[&str]) -> (String, Vec<String>) {
        (label.to_owned(), runs.iter().map(|run| (*run).to_owned()).collect())
    }

    #[test]
    fn seeds_of_the_same_settings_are_one_group() {
        let runs = [
            ("a", "lr = 1.0\nseed = 0\nout = 'a'"),
            ("b", "lr = 2.0\nseed = 0\nout = 'b'"),
            ("c", "lr = 1.0\nseed = 1\nout = 'c'\nthreads = 2"),
        ];
        assert_eq!(grouped(&runs), [group("lr 1", &["a", "c"]), group("lr 2", &["b"])]);
        assert_eq!(
            grouped(&[("a", "lr = 1.0\nseed = 0"), ("b", "lr = 1.0\nseed = 1")]),
            [group("2 seeds", &["a", "b"])]
        );
    }

    #[test]
    fn runs_that_nothing_tells_apart_go_by_their_folders() {
        assert_eq!(grouped(&[("a", "lr = 1.0\nseed = 0")]), [group("a", &["a"])]);
        assert_eq!(
            grouped(&[("a", "lr = 1.0\nseed = 0"), ("b", "lr = 1.0\nseed = 0")]),
            [group("a", &["a"]), group("b", &["b"])]
        );
        assert_eq!(grouped(&[("a", ""), ("b", "")]), [group("a", &["a"]), group("b", &["b"])]);
    }

    #[test]
    fn labels_must_be_as_many_as_groups() {
        let dir = tempfile::tempdir().unwrap();
        let folders = [folder(dir.path(), "a", "", ""), folder(dir.path(), "b", "", "")];
        let named = groups(read(&folders), &["x".into(), "y".into()]).unwrap();
        assert_eq!(named.iter().map(|group| group.label.as_str()).collect::<Vec<_>>(), ["x", "y"]);
        let error = groups(read(&folders), &["x".into()]).err().unwrap().to_string();
        assert_eq!(error, "--labels has 1 names, expected 2, one for each of: a; b");
    }
}
