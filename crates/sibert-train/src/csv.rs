//! Comma-separated values, as RFC 4180 has them but for its line ends.

/// One line; cells with commas, quotes or line breaks are quoted.
pub fn line<Cell: AsRef<str>>(cells: impl IntoIterator<Item = Cell>) -> String {
    let quoted = |cell: Cell| match cell.as_ref() {
        text if text.contains([',', '"', '\n', '\r']) => format!("\"{}\"", text.replace('"', "\"\"")),
        text => text.to_owned(),
    };
    cells.into_iter().map(quoted).collect::<Vec<_>>().join(",") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_cell_is_quoted() {
        assert_eq!(
            line(["a", "b,c", "say \"no\"", "two\nlines", ""]),
            "a,\"b,c\",\"say \"\"no\"\"\",\"two\nlines\",\n"
        );
    }
}
