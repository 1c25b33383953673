//! Answers as they are compared: in lower case, without punctuation, articles and superfluous white space.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// The characters of a word for Python's `\b`: letters and numbers of Unicode, but not the marks that Rust's counts too. The
/// underscore of both is punctuation, which is gone by then. Always there, the pattern is a constant.
static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[\p{L}\p{N}]+").ok());

/// Lower case, ASCII punctuation deleted, the words `a`, `an` and `the` made white space, white space made one space.
pub(super) fn normalized(answer: &str) -> String {
    let bare = answer.to_lowercase().replace(|character: char| character.is_ascii_punctuation(), "");
    let without_article = |word: &Captures| match &word[0] {
        "a" | "an" | "the" => " ".to_owned(),
        other => other.to_owned(),
    };
    let words = WORD.as_ref().map(|word| word.replace_all(&bare, without_article));
    let words = words.as_deref().unwrap_or(&bare);
    words.split(is_space).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether Python's `str.split` splits at a character: Unicode's white space and four separators of ASCII.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// F1 of the words of two normalised answers, each as often as it occurs; 0 if they share none.
pub(super) fn f1(predicted: &str, right: &str) -> f64 {
    let words = |text: &str| text.split(' ').filter(|word| !word.is_empty()).count();
    let mut left: HashMap<&str, usize> = HashMap::new();
    right.split(' ').for_each(|word| *left.entry(word).or_default() += 1);
    let mut shared = 0;
    for word in predicted.split(' ').filter(|word| !word.is_empty()) {
        if let Some(left @ 1..) = left.get_mut(word) {
            *left -= 1;
            shared += 1;
        }
    }
    if shared == 0 {
        return 0.;
    }
    let precision = f64::from(shared) / words(predicted) as f64;
    let recall = f64::from(shared) / words(right) as f64;
    2. * precision * recall / (precision + recall)
}
