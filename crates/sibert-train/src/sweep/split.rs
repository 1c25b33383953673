//! Lists of values on a command line.
//!
//! The splitter is our own, for values are TOML: brackets hold together as quotes do, and quotes stay. `shlex` 2.0.1 splits
//! `a=[1, 2]` into two words and drops the quotes of `'x y'`.

/// The parts of a text between separators, trimmed; brackets and quotes keep what is in them together.
///
/// Runs of white space are one separator; two commas have an empty part between them.
pub fn split(text: &str, is_separator: impl Fn(char) -> bool) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut depth, mut quote) = (0_usize, None);
    for (at, c) in text.char_indices() {
        match (c, quote) {
            (_, Some(open)) => quote = (c != open).then_some(open),
            ('"' | '\'', None) => quote = Some(c),
            ('[' | '{', None) => depth += 1,
            (']' | '}', None) => depth = depth.saturating_sub(1),
            _ if depth == 0 && is_separator(c) => {
                parts.push(text[start..at].trim());
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    if is_separator(' ') {
        parts.retain(|part| !part.is_empty());
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_quotes_hold_together() {
        let commas = |text| split(text, |c| c == ',');
        assert_eq!(commas("[0.6, 0.9],[0.5]"), ["[0.6, 0.9]", "[0.5]"]);
        assert_eq!(commas("\"a,b\", 'c,]', d"), ["\"a,b\"", "'c,]'", "d"]);
        assert_eq!(commas("{ a = [1, 2], b = 3 },4"), ["{ a = [1, 2], b = 3 }", "4"]);
        assert_eq!(commas("1,,2,"), ["1", "", "2", ""]);
    }

    #[test]
    fn white_space_of_any_length_is_one_separator() {
        let spaces = split("  a=[1, 2]   b='x y'\tc=3 ", char::is_whitespace);
        assert_eq!(spaces, ["a=[1, 2]", "b='x y'", "c=3"]);
        assert!(split("  ", char::is_whitespace).is_empty());
    }
}
