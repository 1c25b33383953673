//! Cutting text where BERT's tokenizers cut it for certain, so that each distinct word is looked at once.
//!
//! ```text
//! Words repeat, don't they?  ─▶  Words · repeat · , · don · ' · t · they · ?
//! ```
//!
//! The cuts are at ASCII white space, which is dropped, and around ASCII punctuation. BERT's normaliser leaves all of
//! these as they are, none of its steps carries anything across one (combining marks are put in order between the
//! characters that are none, lower case is found letter by letter), and its pre-tokenizer ends a word at each. A
//! piece may still hold several words, or none: other white space and punctuation, Chinese characters and control
//! characters stay inside.

use std::borrow::Cow;

/// The effect of a byte of UTF-8 on the word it is met in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Byte {
    /// Belongs to it, as every byte of a character beyond ASCII does.
    Inside,
    /// Ends it and is dropped.
    Space,
    /// Ends it and is a word of its own.
    Mark,
}

static BYTES: [Byte; 256] = {
    let mut bytes = [Byte::Inside; 256];
    let mut byte = 0;
    while byte < 128 {
        bytes[byte] = match byte as u8 {
            b' ' | b'\t' | b'\n' | b'\r' => Byte::Space,
            mark if mark.is_ascii_punctuation() => Byte::Mark,
            _ => Byte::Inside,
        };
        byte += 1;
    }
    bytes
};

/// The pieces of `text`: single ASCII punctuation marks, and what is left between them and ASCII white space.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let kind = |byte: &u8| BYTES[usize::from(*byte)];
    let mut end = 0;
    std::iter::from_fn(move || {
        let start = end + bytes[end..].iter().position(|byte| kind(byte) != Byte::Space)?;
        let length = match kind(&bytes[start]) {
            Byte::Mark => Some(1),
            _ => bytes[start..].iter().position(|byte| kind(byte) != Byte::Inside),
        };
        end = length.map_or(bytes.len(), |length| start + length);
        Some(&text[start..end])
    })
}

/// A word of ASCII letters and digits as BERT's normaliser leaves it, which nothing splits; none if it is another.
///
/// The shortcut for most words: lower case is all there is to them, and it takes a fifth of the time.
pub fn normalized(word: &str, lowercase: bool) -> Option<Cow<'_, str>> {
    let simple = word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    simple.then(|| if lowercase { word.to_ascii_lowercase().into() } else { word.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_end_at_ascii_white_space_and_punctuation() {
        let cases: [(&str, &[&str]); 6] = [
            ("", &[]),
            (" \t\r\n", &[]),
            ("Words repeat, don't they?", &["Words", "repeat", ",", "don", "'", "t", "they", "?"]),
            ("  [MASK]\n$5.00", &["[", "MASK", "]", "$", "5", ".", "00"]),
            ("größe…\u{a0}ok\u{85}x", &["größe…\u{a0}ok\u{85}x"]),
            ("a\u{301} \u{301}b", &["a\u{301}", "\u{301}b"]),
        ];
        for (text, expected) in cases {
            assert_eq!(words(text).collect::<Vec<_>>(), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn only_white_space_is_dropped(text in any::<String>()) {
            prop_assert_eq!(words(&text).collect::<String>(), text.replace([' ', '\t', '\n', '\r'], ""));
        }
    }
}
