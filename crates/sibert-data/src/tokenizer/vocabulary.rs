//! `vocab.txt`: one token a line, and what its words say about case.

use std::collections::HashMap;

use anyhow::{Result, anyhow, bail, ensure};

use crate::wordpiece::CONTINUATION;

/// The tokens of the file, each at the place of its line; blank lines at the end are none.
///
/// A token may be white space other than a line's end, as U+2028 is in the vocabulary of Chinese BERT.
///
/// # Errors
/// If a line is blank, or a token is there twice; names the line.
pub fn tokens(text: &str) -> Result<Vec<String>> {
    let tokens: Vec<String> = text.trim_end_matches(['\r', '\n']).lines().map(str::to_owned).collect();
    let mut lines = HashMap::new();
    for (line, token) in (1..).zip(&tokens) {
        ensure!(!token.is_empty(), "line {line} is blank; expected one token per line");
        if let Some(earlier) = lines.insert(token, line) {
            bail!("line {line}: {token} is already on line {earlier}");
        }
    }
    Ok(tokens)
}

/// The bytes of a `vocab.txt` as text.
///
/// # Errors
/// If they are not UTF-8; names the line.
pub fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count();
        anyhow!("line {line} is not UTF-8: save the file as UTF-8")
    })
}

/// A word that lower-casing would change: its vocabulary is a cased one.
///
/// Only plain words count. The vocabulary of uncased BERT holds ℝ, which is upper case and has no lower one.
pub fn cased_word(tokens: &[String]) -> Option<&str> {
    tokens.iter().map(String::as_str).find(|token| {
        let word = token.strip_prefix(CONTINUATION).unwrap_or(token);
        word.chars().all(char::is_alphanumeric) && word.to_lowercase() != word
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_a_token_and_blank_lines_at_the_end_are_not() {
        assert_eq!(tokens("a\n\u{2028}\n \r\nb\n\n\r\n").unwrap(), ["a", "\u{2028}", " ", "b"]);
        assert_eq!(tokens("a\n\nb").unwrap_err().to_string(), "line 2 is blank; expected one token per line");
        assert_eq!(tokens("a\nb\na").unwrap_err().to_string(), "line 3: a is already on line 1");
        assert_eq!(
            text(b"a\nb\xff\n").unwrap_err().to_string(),
            "line 2 is not UTF-8: save the file as UTF-8"
        );
    }

    #[test]
    fn only_words_that_lower_case_would_change_make_a_vocabulary_cased() {
        let cased = |text: &str| cased_word(&tokens(text).unwrap()).map(str::to_owned);
        assert_eq!(cased("[PAD]\n[UNK]\n[unused0]\nℝ\n##ℓ\nparis\n"), None);
        assert_eq!(cased("paris\nParis").as_deref(), Some("Paris"));
        assert_eq!(cased("paris\n##É").as_deref(), Some("##É"));
    }
}
