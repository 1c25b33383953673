//! Names as messages show them.

use std::fmt::Display;

/// `name` with its control characters escaped: a message stays one line and does nothing to the terminal.
pub fn shown(name: impl Display) -> String {
    let mut shown = String::new();
    for character in name.to_string().chars() {
        if character.is_control() {
            shown.extend(character.escape_debug());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_control_characters_are_escaped() {
        assert_eq!(shown("a\nb\t\u{1b}[31m\u{9b}.txt"), r"a\nb\t\u{1b}[31m\u{9b}.txt");
        let others = r#"dé "quoted" \n 'x' 東.txt"#;
        assert_eq!(shown(others), others);
        assert_eq!(shown(shown("a\nb")), shown("a\nb"));
    }
}
