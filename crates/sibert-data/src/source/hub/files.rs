//! Which files of a repository are data, and of one format.

use std::cmp::Reverse;

use crate::source::Format;
use crate::source::find::is_data;
use crate::source::format::of_name;

/// Names of files that are about the data and not data, whatever follows a `.` or `-`.
const PAPERS: [&str; 9] = [
    "LICENSE",
    "LICENCE",
    "COPYING",
    "NOTICE",
    "CITATION",
    "CHANGELOG",
    "AUTHORS",
    "CONTRIBUTING",
    "REQUIREMENTS",
];

/// The files below a folder; all of them below the empty one.
pub(super) fn below<'a>(all: &[&'a str], folder: &str) -> Vec<&'a str> {
    let is_below =
        |file: &&str| folder.is_empty() || file.strip_prefix(folder).is_some_and(|f| f.starts_with('/'));
    all.iter().copied().filter(is_below).collect()
}

/// Those of `files` that are data.
pub(super) fn data<'a>(files: &[&'a str], path: &str) -> Vec<&'a str> {
    files.iter().copied().filter(|file| is_wanted(file, path)).collect()
}

/// Whether a file that was not named itself is data: of a known extension, not hidden, and no paper of the repository.
fn is_wanted(file: &str, path: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    let hidden = file.split('/').any(|part| part.starts_with('.') && !path.split('/').any(|p| p == part));
    let upper = name.to_ascii_uppercase();
    let paper = |title: &&str| upper.strip_prefix(title).is_some_and(|rest| rest.starts_with(['.', '-']));
    is_data(name) && !hidden && !upper.starts_with("README") && !PAPERS.iter().any(paper)
}

/// The files of the format that most of them have, sorted, and the others; of equal numbers parquet, JSON lines, tables, text.
pub(super) fn of_one_format(files: Vec<&str>) -> (Vec<&str>, Vec<&str>) {
    const ORDER: [Format; 5] = [Format::Parquet, Format::JsonLines, Format::Csv, Format::Tsv, Format::Text];
    let format = |file: &str| of_name(file).0;
    let count = |wanted: &Format| files.iter().filter(|file| format(file) == Some(*wanted)).count();
    let most = ORDER.into_iter().min_by_key(|wanted| Reverse(count(wanted)));
    let (mut files, others): (Vec<&str>, Vec<&str>) =
        files.into_iter().partition(|file| format(file) == most);
    files.sort_unstable();
    (files, others)
}
