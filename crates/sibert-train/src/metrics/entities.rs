//! Named entities in a sentence's labels, and how many are found: seqeval's figures.

use std::collections::BTreeMap;

use super::per_class::Counts;

/// Words that belong together: their type, the first and the last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entity {
    /// The label without what stands in front of it.
    pub kind: String,
    /// The first word.
    pub first: usize,
    /// The last word.
    pub last: usize,
}

/// The entities in the labels of a sentence: `B-` begins one, `I-` goes on, `E-` ends one, `S-` is one, `O` is none.
///
/// A label that goes on with nothing, or with another type, begins an entity of its own, as seqeval has it by default.
pub fn entities<S: AsRef<str>>(labels: &[S]) -> Vec<Entity> {
    let (mut found, mut first) = (Vec::new(), 0);
    let mut before = ('O', "_");
    for (word, label) in labels.iter().map(AsRef::as_ref).chain(["O"]).enumerate() {
        let now = parts(label);
        if ends(before, now) {
            found.push(Entity { kind: before.1.to_owned(), first, last: word - 1 });
        }
        if begins(before, now) {
            first = word;
        }
        before = now;
    }
    found
}

/// What stands in front, and the type.
fn parts(label: &str) -> (char, &str) {
    let mut letters = label.chars();
    let front = letters.next().unwrap_or('O');
    let rest = letters.as_str();
    let kind = rest.split_once('-').map_or(rest, |(_, kind)| kind);
    (front, if kind.is_empty() { "_" } else { kind })
}

/// Whether an entity ends before this label.
fn ends((before, kind): (char, &str), (now, now_kind): (char, &str)) -> bool {
    match (before, now) {
        ('O' | '.', _) => false,
        ('E' | 'S', _) | ('B' | 'I', 'B' | 'S' | 'O') => true,
        _ => kind != now_kind,
    }
}

/// Whether an entity begins with this label.
fn begins((before, kind): (char, &str), (now, now_kind): (char, &str)) -> bool {
    match (before, now) {
        (_, 'O' | '.') => false,
        (_, 'B' | 'S') | ('E' | 'S' | 'O', 'E' | 'I') => true,
        _ => kind != now_kind,
    }
}

/// The counts of each type of entity in some sentences.
pub fn entity_counts<S: AsRef<str>>(predicted: &[Vec<S>], actual: &[Vec<S>]) -> BTreeMap<String, Counts> {
    let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
    for (predicted, actual) in predicted.iter().zip(actual) {
        let (predicted, actual) = (entities(predicted), entities(actual));
        for entity in &predicted {
            let counts = counts.entry(entity.kind.clone()).or_default();
            counts.predicted += 1;
            counts.right += usize::from(actual.contains(entity));
        }
        actual.into_iter().for_each(|entity| counts.entry(entity.kind).or_default().actual += 1);
    }
    counts
}
