//! Names of folders, from the values of a combination.

use sha2::{Digest, Sha256};

/// Longest name in bytes; file systems take 255, and files are made beside a folder of this name.
const LONGEST: usize = 120;
/// Digits of the digest that tells shortened names apart.
const DIGITS: usize = 8;
/// Names in the folder of a sweep that no run may have.
const TAKEN: [&str; 4] = ["data", "curves", "summary", "sweep"];

/// `init_scale=0.01,seed=1` or `sgd,seed=0`: a name for each combination, different in more than case.
///
/// `parts` are what the values are called. A name is cut where it is too long; it ends in a digest where it was, or
/// where another combination or another file has the same.
pub fn names(parts: &[Vec<String>]) -> Vec<String> {
    let plain: Vec<String> = parts.iter().map(|parts| join(parts)).collect();
    let lower: Vec<String> = plain.iter().map(|name| name.to_lowercase()).collect();
    let is_taken = |name: &str| TAKEN.contains(&name.split('.').next().unwrap_or_default());
    let is_clear = |name: &String| {
        name.len() <= LONGEST && !is_taken(name) && lower.iter().filter(|other| *other == name).count() == 1
    };
    let marked = |(index, name): (usize, &String)| match is_clear(&lower[index]) {
        true => name.clone(),
        false => format!("{}-{}", cut(name), digest(&parts[index])),
    };
    plain.iter().enumerate().map(marked).collect()
}

fn join(parts: &[String]) -> String {
    parts.iter().map(|part| safe(part)).collect::<Vec<_>>().join(",")
}

/// The characters that file systems and shells take as they are; what is between them becomes an underscore.
fn safe(part: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || "._=+-".contains(c);
    let bare: String = part.chars().filter(|c| !"\"'[]{}".contains(*c)).collect();
    bare.split(|c| !kept(c)).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_")
}

fn cut(name: &str) -> &str {
    let end = LONGEST - DIGITS - 1;
    name.char_indices()
        .map(|(at, c)| at + c.len_utf8())
        .take_while(|at| *at <= end)
        .last()
        .map_or("", |at| &name[..at])
}

fn digest(parts: &[String]) -> String {
    let mut hex = format!("{:x}", Sha256::digest(parts.join("\n")));
    hex.truncate(DIGITS);
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(parts: &[&[&str]]) -> Vec<String> {
        names(&parts.iter().map(|parts| parts.iter().map(ToString::to_string).collect()).collect::<Vec<_>>())
    }

    #[test]
    fn values_make_the_name() {
        let found = of(&[&["init_scale=0.01", "seed=1"], &["SGD+clip", "seed=0"], &["clip=none"]]);
        assert_eq!(found, ["init_scale=0.01,seed=1", "SGD+clip,seed=0", "clip=none"]);
    }

    #[test]
    fn what_a_file_system_refuses_is_replaced() {
        let found =
            of(&[&["source=[\"a/b.txt\", \"c\"]"], &["tokenizer=org/name"], &["device=cuda:0"], &["as is"]]);
        assert_eq!(found, ["source=a_b.txt_c", "tokenizer=org_name", "device=cuda_0", "as_is"]);
    }

    #[test]
    fn names_that_would_be_equal_or_taken_get_a_digest() {
        let found =
            of(&[&["source=a/b"], &["source=a_b"], &["X"], &["x"], &["data"], &["summary.csv"], &["y"]]);
        let mut distinct: Vec<String> = found.iter().map(|name| name.to_lowercase()).collect();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), found.len(), "{found:?}");
        assert!(found[0].starts_with("source=a_b-") && found[1].starts_with("source=a_b-"), "{found:?}");
        assert!(found[4].starts_with("data-") && found[5].starts_with("summary.csv-"), "{found:?}");
        assert_eq!(found[6], "y");
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let long = "ä".repeat(200);
        let found = of(&[&[&long, "seed=0"], &[&long, "seed=1"]]);
        assert!(found.iter().all(|name| name.len() <= LONGEST && name.starts_with("ää")), "{found:?}");
        assert_ne!(found[0], found[1]);
    }
}
