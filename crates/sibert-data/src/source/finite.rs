//! JSON as Python's `json` writes it, with numbers that are none in JSON.

/// `line` with a 0 in the place of each `NaN`, `Infinity` and `-Infinity`, which are not JSON but what Python's `json`
/// writes; of the same length. None if there is none of them.
pub(super) fn finite(line: &str) -> Option<String> {
    const NUMBERS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];
    let (mut finite, mut rest, mut quoted) = (String::with_capacity(line.len()), line, false);
    while let Some(letter) = rest.chars().next() {
        let number = NUMBERS.into_iter().find(|number| !quoted && rest.starts_with(number));
        let length = match (number, letter) {
            (Some(number), _) => {
                finite.push_str(&format!("{:<1$}", 0, number.len()));
                number.len()
            }
            (None, '\\') if quoted => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            _ => letter.len_utf8(),
        };
        quoted ^= letter == '"';
        if number.is_none() {
            finite.push_str(&rest[..length]);
        }
        rest = &rest[length..];
    }
    (finite != line).then_some(finite)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_outside_of_strings_is_replaced_and_nothing_moves() {
        assert_eq!(
            finite(r#"{"a":NaN,"b":[-Infinity,Infinity]}"#).as_deref(),
            Some(r#"{"a":0  ,"b":[0        ,0       ]}"#)
        );
        for line in [r#"{"a":"NaN \" Infinity","é\\":1}"#, "", "\\"] {
            assert_eq!(finite(line), None, "{line}");
        }
    }
}
