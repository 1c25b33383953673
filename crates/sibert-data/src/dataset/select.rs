//! Which of the files that are there a list of candidates means.

use glob::{MatchOptions, Pattern};

/// `*` stops at a slash.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// The files `there` that the first candidate with any means, sorted; none if no candidate has one.
///
/// # Errors
/// If parts of a file are missing.
pub(super) fn select<'a>(there: &'a [String], candidates: &[String]) -> Result<Option<Vec<&'a str>>, String> {
    for candidate in candidates {
        let pattern = Pattern::new(candidate).map_err(|error| format!("{candidate}: {error}"))?;
        let fits = |file: &&String| file.as_str() == candidate || pattern.matches_with(file, OPTIONS);
        let mut found: Vec<&str> = there.iter().filter(fits).map(String::as_str).collect();
        if !found.is_empty() {
            found.sort_unstable();
            found.dedup();
            check_parts(&found)?;
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Refuses files `…-00000-of-00002…` that are not all there, or that are of two writings.
fn check_parts(files: &[&str]) -> Result<(), String> {
    let parts: Vec<(usize, usize)> = files.iter().filter_map(|file| part(file)).collect();
    let Some(&(_, count)) = parts.first() else { return Ok(()) };
    let whole = parts.len() == files.len()
        && parts.iter().map(|(index, _)| *index).eq(0..count)
        && parts.iter().all(|(_, other)| *other == count);
    if whole {
        return Ok(());
    }
    let names: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
    Err(format!(
        "expected {count} parts that belong together, found {}: was everything copied, and nothing of an older state?",
        listed(&names, 8)
    ))
}

/// The numbers in `NAME-00001-of-00004.parquet`.
fn part(file: &str) -> Option<(usize, usize)> {
    let (front, rest) = file.rsplit_once("-of-")?;
    let count = rest.split('.').next()?.parse().ok()?;
    Some((front.rsplit_once('-')?.1.parse().ok()?, count))
}

/// The first `most` of `names`, and how many more there are.
pub(super) fn listed(names: &[String], most: usize) -> String {
    let first = names[..names.len().min(most)].join(", ");
    match names.len() {
        0 => "nothing".into(),
        count if count > most => format!("{first} (and {} more)", count - most),
        _ => first,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn strings(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_first_candidate_with_a_file_counts() {
        let there =
            strings(&["a/train.tsv", "b/train-00001-of-00002.parquet", "b/train-00000-of-00002.parquet"]);
        let found = |candidates: &[&str]| {
            let found = select(&there, &strings(candidates)).unwrap();
            found.map(|files| files.into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        assert_eq!(found(&["c/train.tsv", "a/train.tsv", "b/*"]), Some(strings(&["a/train.tsv"])));
        let parts = strings(&["b/train-00000-of-00002.parquet", "b/train-00001-of-00002.parquet"]);
        assert_eq!(found(&["b/train-*-of-*.parquet", "a/train.tsv"]), Some(parts));
        assert_eq!(found(&["train.tsv", "*.tsv"]), None);
    }

    #[test]
    fn parts_that_are_not_all_there_are_refused() {
        let refused = |there: &[&str]| select(&strings(there), &strings(&["*.parquet"])).unwrap_err();
        let one = refused(&["train-00000-of-00002.parquet"]);
        assert!(
            one.starts_with("expected 2 parts that belong together, found train-00000-of-00002"),
            "{one}"
        );
        for there in [
            ["t-00000-of-00001.parquet", "t-00000-of-00002.parquet"],
            ["t-00000-of-00003.parquet", "t-00002-of-00003.parquet"],
            ["t-00000-of-00001.parquet", "t.parquet"],
        ] {
            refused(&there);
        }
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(listed(&strings(&["a", "b", "c"]), 2), "a, b (and 1 more)");
        assert_eq!(listed(&[], 2), "nothing");
    }
}
