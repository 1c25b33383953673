//! Text to sentences, whose concatenation is the text.
//!
//! Boundaries are those of Unicode's UAX 29, less those that are wrong in English: behind abbreviations and
//! initials, before a lower-case letter, around pieces without a letter or digit, and at a line's end inside a
//! paragraph. A blank line always ends a sentence. Every boundary lies behind white space or behind a full stop of
//! East Asia, so that no word is cut.

use unicode_segmentation::UnicodeSegmentation;

/// Abbreviations before a name or an example.
const BEFORE_WORDS: [&str; 31] = [
    "mr", "mrs", "ms", "messrs", "mme", "mlle", "dr", "prof", "rev", "fr", "st", "mt", "ft", "hon", "pres",
    "gov", "sen", "rep", "gen", "col", "maj", "capt", "cpt", "lt", "sgt", "e.g", "i.e", "cf", "viz", "vs",
    "v",
];
/// Abbreviations that only a number tells from the end of a sentence.
const BEFORE_NUMBERS: [&str; 32] = [
    "no", "nos", "fig", "figs", "eq", "eqs", "p", "pp", "vol", "vols", "ch", "sec", "art", "op", "ver", "c",
    "ca", "circa", "approx", "est", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct",
    "nov", "dec",
];
/// Words that open a sentence rather than follow an initial: `in the U.S. The`, but `J. R. R. Tolkien`.
const OPENERS: [&str; 26] = [
    "The", "A", "An", "In", "On", "At", "It", "Its", "He", "His", "She", "Her", "They", "Their", "We", "You",
    "This", "That", "These", "There", "But", "And", "As", "For", "When", "After",
];
/// Signs that may stand between a full stop and the white space behind it.
const CLOSING: [char; 15] = ['"', '\'', ')', ']', '}', '*', '_', '”', '’', '»', '›', '」', '』', '）', '〉'];
const EAST_ASIAN_STOPS: [char; 4] = ['。', '！', '？', '｡'];

/// The sentences of `text`, each with the white space behind it; only a blank text has a blank one.
pub fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut pieces = text.split_sentence_bounds().peekable();
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = pieces.next()?;
        let (mut length, mut worded) = (first.len(), has_word(first));
        while let Some(next) = pieces.next_if(|next| !(worded && is_boundary(&rest[..length], next))) {
            length += next.len();
            worded = worded || has_word(next);
        }
        let (sentence, tail) = rest.split_at(length);
        rest = tail;
        Some(sentence)
    })
}

/// Whether the sentence `before` ends where UAX 29 has a boundary before the piece `after`.
fn is_boundary(before: &str, after: &str) -> bool {
    if !has_word(after) {
        return false;
    }
    let body = before.trim_end();
    let gap = &before[body.len()..];
    let core = body.trim_end_matches(CLOSING);
    let Some(last) = core.chars().next_back() else { return false };
    let Some(space) = gap.chars().next_back() else { return EAST_ASIAN_STOPS.contains(&last) };
    let lines = gap.matches('\n').count();
    match last {
        _ if !is_plain(space) => false,
        _ if lines > 1 => true,
        _ if after.starts_with(char::is_lowercase) => false,
        '.' => !is_abbreviation(core, after),
        _ => lines == 0 || !runs_on(last),
    }
}

fn has_word(text: &str) -> bool {
    text.contains(char::is_alphanumeric)
}

/// Whether white space stays white space in BERT's normaliser, which removes control characters.
fn is_plain(space: char) -> bool {
    !space.is_control() || matches!(space, ' ' | '\t' | '\r' | '\n')
}

/// Whether a line that ends so goes on in the next one.
fn runs_on(last: char) -> bool {
    last.is_alphanumeric() || matches!(last, ',' | ';' | '-' | '–' | '—' | '(')
}

/// Whether the full stop that ends `core` belongs to its last word and not to a sentence.
fn is_abbreviation(core: &str, after: &str) -> bool {
    let unstopped = core.trim_end_matches('.');
    let word = unstopped.rsplit(char::is_whitespace).next().unwrap_or_default();
    let word = word.trim_start_matches(|letter: char| !letter.is_alphanumeric());
    let is_in = |list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(word));
    let next = after.split(|letter: char| !letter.is_alphanumeric()).find(|word| !word.is_empty());
    let next = next.unwrap_or_default();
    is_in(&BEFORE_WORDS)
        || is_in(&BEFORE_NUMBERS) && next.starts_with(char::is_numeric)
        || are_initials(word) && !OPENERS.contains(&next)
        || !unstopped.contains(|letter: char| letter.is_alphabetic() || letter.is_whitespace())
}

/// `J`, `J.R.R`.
fn are_initials(word: &str) -> bool {
    word.split('.').all(|part| {
        let mut letters = part.chars();
        letters.next().is_some_and(char::is_uppercase) && letters.next().is_none()
    })
}

#[cfg(test)]
#[path = "sentences_tests.rs"]
mod tests;
