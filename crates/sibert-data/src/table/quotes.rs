//! Where the double quotes of a table do not fit.
//!
//! The `csv` crate takes whatever follows a closing quote for more of the cell, and goes on: with one quote too few, two rows become one
//! without a word.

/// What is wrong with a row that [`Quotes`] found.
pub const TORN: &str = "a cell goes on behind its closing double quote: close the quotes where the cell ends, here or in a row above, and \
                        write a quote within a cell twice";

/// Follows the cells of a table byte by byte.
pub struct Quotes {
    separator: u8,
    state: State,
    read: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// A cell begins.
    Start,
    Plain,
    Quoted,
    /// Behind a quote within quotes: it ends the cell, unless another follows.
    Closed,
}

impl Quotes {
    pub fn new(separator: u8) -> Self {
        Self { separator, state: State::Start, read: 0 }
    }

    /// Reads on, and gives the places, from the first byte of the table on, of what follows a closing quote and ends no cell.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<u64> {
        const MARK: &[u8] = "\u{feff}".as_bytes(); // may stand before the first cell
        let mut torn = Vec::new();
        for (place, &byte) in (self.read..).zip(bytes) {
            let ends = byte == self.separator || byte == b'\n' || byte == b'\r';
            self.state = match (self.state, byte) {
                (State::Start, _) if MARK.get(place as usize) == Some(&byte) => State::Start,
                (State::Start, b'"') | (State::Closed, b'"') => State::Quoted,
                (State::Quoted, b'"') => State::Closed,
                (State::Quoted, _) => State::Quoted,
                (_, _) if ends => State::Start,
                (State::Closed, _) => {
                    torn.push(place);
                    State::Plain
                }
                (_, _) => State::Plain,
            };
        }
        self.read += bytes.len() as u64;
        torn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn torn(table: &str) -> Vec<u64> {
        let whole = Quotes::new(b',').read(table.as_bytes());
        let mut quotes = Quotes::new(b',');
        let pieces: Vec<u64> = table.as_bytes().chunks(3).flat_map(|piece| quotes.read(piece)).collect();
        assert_eq!(whole, pieces, "{table:?} in pieces");
        whole
    }

    #[test]
    fn only_what_follows_a_closing_quote_and_ends_no_cell_is_torn() {
        for good in [
            "",
            "a,b\n1,2\n",
            "\"a\",\"b\"\r\n\"1\",\"2\"",
            "\"one \"\"two\"\" three\",x\n",
            "\"\",\"\"\n\"\"\"\",x\n",
            "5\" pipe,x\nsay \"x\",y\n",
            "\"two\nlines\",\"a,b\"\n",
            "\u{feff}\"a\"\"b\",c\n",
        ] {
            assert!(torn(good).is_empty(), "{good:?}");
        }
        assert_eq!(torn("\"a\"x,b\n"), [3]);
        assert_eq!(torn("text,label\n\"unclosed,x\n\"Is it?\",y\n"), [24]);
        assert_eq!(torn("\u{feff}\"a\" ,b\n"), [6]);
    }
}
