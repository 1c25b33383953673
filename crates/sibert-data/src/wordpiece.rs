//! Learning a WordPiece vocabulary: the same text gives the same vocabulary, in every process.
//!
//! ```text
//! vocabulary ← special tokens, then every letter x and its continuation ##x
//! repeat until the vocabulary is full or no pair occurs twice:
//!     (a, b) ← the neighbours that occur most often in the counted words
//!     vocabulary ← vocabulary + ab;  replace a b by ab in every word
//! ```
//!
//! This is what the `tokenizers` crate's trainer does (frequency, not likelihood, picks the pair), with two
//! differences that make it repeatable: continued letters are numbered in order of the alphabet and not of a hash
//! map, and pairs with equal counts are taken in order of their numbers, whatever order they were found in.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use anyhow::{Result, ensure};

/// The mark of a piece that continues a word.
pub const CONTINUATION: &str = "##";
const MIN_PAIR_COUNT: u64 = 2;
const MAX_ALPHABET: usize = 1000;
const MIN_ALPHABET: usize = 64;

type Pair = (u32, u32);

/// A distinct word of the text, as the pieces it consists of so far.
struct Word {
    pieces: Vec<u32>,
    count: u64,
}

/// The vocabulary while it grows, with the neighbour counts that decide how.
struct Learner {
    vocabulary: Vec<String>,
    ids: HashMap<String, u32>,
    words: Vec<Word>,
    counts: HashMap<Pair, u64>,
    /// The words a pair occurs in; a word may be listed twice, or no longer hold the pair.
    places: HashMap<Pair, Vec<u32>>,
    /// The most frequent pair first, then the lowest; a count may be out of date.
    queue: BinaryHeap<(u64, Reverse<Pair>)>,
}

/// A vocabulary of at most `vocab_size` pieces, learned from counted words.
///
/// # Errors
/// If `vocab_size` has no room for the special tokens and the letters of the text.
pub fn learn(words: &BTreeMap<String, u64>, special: &[&str], vocab_size: usize) -> Result<Vec<String>> {
    let mut learner = Learner::new(words, special, vocab_size);
    let needed = learner.vocabulary.len();
    ensure!(
        needed <= vocab_size,
        "vocab_size {vocab_size} is too small: the special tokens and the letters of the text alone are {needed}"
    );
    learner.count_all();
    while learner.vocabulary.len() < vocab_size {
        let Some(pair) = learner.most_frequent() else { break };
        learner.merge(pair);
    }
    Ok(learner.vocabulary)
}

/// The letters worth an entry: the most frequent ones, at most a sixteenth of the vocabulary.
fn alphabet(words: &BTreeMap<String, u64>, vocab_size: usize) -> BTreeSet<char> {
    let mut counts = BTreeMap::<char, u64>::new();
    for (word, count) in words {
        word.chars().for_each(|letter| *counts.entry(letter).or_default() += count);
    }
    let mut letters: Vec<(char, u64)> = counts.into_iter().collect();
    letters.sort_by_key(|&(letter, count)| (Reverse(count), letter));
    letters.truncate((vocab_size / 16).clamp(MIN_ALPHABET, MAX_ALPHABET));
    letters.into_iter().map(|(letter, _)| letter).collect()
}

/// The one-letter pieces of a word, in writing.
fn spell(word: &str) -> impl Iterator<Item = String> {
    word.chars().enumerate().map(|(i, letter)| match i {
        0 => letter.to_string(),
        _ => format!("{CONTINUATION}{letter}"),
    })
}

impl Learner {
    /// Numbers the special tokens and the letters, and spells the words; a word with a rare letter is left out, as
    /// the tokenizer will read it as `[UNK]`.
    fn new(words: &BTreeMap<String, u64>, special: &[&str], vocab_size: usize) -> Self {
        let letters = alphabet(words, vocab_size);
        let usable = || words.iter().filter(|(word, _)| word.chars().all(|letter| letters.contains(&letter)));
        let starts = letters.iter().map(char::to_string);
        let continued: BTreeSet<String> = usable().flat_map(|(word, _)| spell(word).skip(1)).collect();
        let mut learner = Self {
            vocabulary: Vec::new(),
            ids: HashMap::new(),
            words: Vec::new(),
            counts: HashMap::new(),
            places: HashMap::new(),
            queue: BinaryHeap::new(),
        };
        for piece in special.iter().map(ToString::to_string).chain(starts).chain(continued) {
            learner.id(piece);
        }
        for (word, &count) in usable() {
            let pieces = spell(word).map(|piece| learner.id(piece)).collect();
            learner.words.push(Word { pieces, count });
        }
        learner
    }

    /// The number of a piece, which joins the vocabulary if it is new.
    fn id(&mut self, piece: String) -> u32 {
        let next = self.vocabulary.len() as u32;
        *self.ids.entry(piece).or_insert_with_key(|piece| {
            self.vocabulary.push(piece.clone());
            next
        })
    }

    fn count_all(&mut self) {
        for (index, word) in self.words.iter().enumerate() {
            for pair in pairs(&word.pieces) {
                *self.counts.entry(pair).or_default() += word.count;
                self.places.entry(pair).or_default().push(index as u32);
            }
        }
        self.queue = self.counts.iter().map(|(&pair, &count)| (count, Reverse(pair))).collect();
    }

    /// The pair with the highest count, if it occurs often enough to be worth a piece.
    fn most_frequent(&mut self) -> Option<Pair> {
        loop {
            let (count, Reverse(pair)) = self.queue.pop()?;
            let current = self.counts.get(&pair).copied().unwrap_or(0);
            if current == count {
                return (count >= MIN_PAIR_COUNT).then_some(pair);
            }
            if current > 0 && current < count {
                self.queue.push((current, Reverse(pair)));
            }
        }
    }

    /// Replaces `pair` by one piece in every word, and counts those words' neighbours again.
    fn merge(&mut self, pair: Pair) {
        let second = &self.vocabulary[pair.1 as usize];
        let second = second.strip_prefix(CONTINUATION).unwrap_or(second);
        let merged = self.id(format!("{}{second}", self.vocabulary[pair.0 as usize]));
        let mut places = self.places.remove(&pair).unwrap_or_default();
        places.sort_unstable();
        places.dedup();
        let mut grown = BTreeSet::new();
        for index in places {
            let word = &mut self.words[index as usize];
            for pair in pairs(&word.pieces) {
                self.counts.entry(pair).and_modify(|count| *count -= word.count);
            }
            replace(&mut word.pieces, pair, merged);
            for pair in pairs(&word.pieces) {
                *self.counts.entry(pair).or_default() += word.count;
                if pair.0 == merged || pair.1 == merged {
                    self.places.entry(pair).or_default().push(index);
                    grown.insert(pair);
                }
            }
        }
        self.queue.extend(grown.into_iter().map(|pair| (self.counts[&pair], Reverse(pair))));
    }
}

fn pairs(pieces: &[u32]) -> impl Iterator<Item = Pair> {
    pieces.windows(2).map(|window| (window[0], window[1]))
}

/// Replaces each `pair` by `merged`, from the left.
fn replace(pieces: &mut Vec<u32>, pair: Pair, merged: u32) {
    let mut kept = 0;
    let mut next = 0;
    while next < pieces.len() {
        let found = next + 1 < pieces.len() && (pieces[next], pieces[next + 1]) == pair;
        pieces[kept] = if found { merged } else { pieces[next] };
        kept += 1;
        next += if found { 2 } else { 1 };
    }
    pieces.truncate(kept);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn words(text: &str) -> BTreeMap<String, u64> {
        let mut words = BTreeMap::new();
        text.split_whitespace().for_each(|word| *words.entry(word.to_owned()).or_default() += 1);
        words
    }

    /// The same algorithm, counting every pair of every word again before each merge.
    fn naive(words: &BTreeMap<String, u64>, special: &[&str], vocab_size: usize) -> Vec<String> {
        let mut learner = Learner::new(words, special, vocab_size);
        while learner.vocabulary.len() < vocab_size {
            let mut counts = BTreeMap::<Pair, u64>::new();
            for word in &learner.words {
                pairs(&word.pieces).for_each(|pair| *counts.entry(pair).or_default() += word.count);
            }
            let Some((&pair, _)) =
                counts.iter().filter(|count| *count.1 >= 2).min_by_key(|(p, c)| (Reverse(**c), **p))
            else {
                break;
            };
            let piece =
                learner.vocabulary[pair.0 as usize].clone() + &learner.vocabulary[pair.1 as usize][2..];
            let merged = learner.id(piece);
            learner.words.iter_mut().for_each(|word| replace(&mut word.pieces, pair, merged));
        }
        learner.vocabulary
    }

    #[test]
    fn the_first_merges_are_the_most_frequent_pairs() {
        let vocabulary =
            learn(&words("low low low lower lowest new newer newest"), &["[UNK]"], 1000).unwrap();
        assert_eq!(&vocabulary[..3], ["[UNK]", "e", "l"].map(String::from));
        let merged: Vec<_> = vocabulary.iter().skip_while(|piece| *piece != "##w").skip(1).collect();
        assert_eq!(merged[..4], ["lo", "low", "ne", "new"], "5 × lo, 5 × low, 3 × ne, 3 × new");
    }

    #[test]
    fn incremental_counts_match_counting_again() {
        let text = "banana bandana ananas an band bands banner aaaa aaaaa abab ababab nab nana bab cab abc cabcab \
                    the then thence hen hence other others bother brother";
        let words = words(&[text, text, "banana aaaa the other"].join(" "));
        for vocab_size in [70, 80, 100, 200] {
            let special = ["[PAD]", "[UNK]"];
            assert_eq!(learn(&words, &special, vocab_size).unwrap(), naive(&words, &special, vocab_size));
        }
    }

    #[test]
    fn a_full_vocabulary_has_the_size_asked_for_and_no_piece_twice() {
        let words = words(&include_str!("wordpiece.rs").to_lowercase());
        let vocabulary = learn(&words, &["[UNK]"], 300).unwrap();
        assert_eq!(vocabulary.len(), 300);
        assert_eq!(vocabulary.iter().collect::<BTreeSet<_>>().len(), 300);
    }

    #[test]
    fn a_vocabulary_too_small_for_the_letters_is_refused() {
        let error = learn(&words("abc bca cab"), &["[UNK]"], 5).unwrap_err().to_string();
        assert!(error.starts_with("vocab_size 5 is too small") && error.ends_with("are 7"), "{error}");
    }
}
