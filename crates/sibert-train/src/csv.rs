//! Rows as comma-separated values.

use anyhow::{Result, anyhow};

/// The rows, a line each; cells with commas, quotes or line breaks are quoted.
///
/// # Errors
/// If the rows are not of one length.
pub fn text<Row, Cell>(rows: impl IntoIterator<Item = Row>) -> Result<String>
where
    Row: IntoIterator<Item = Cell>,
    Cell: AsRef<[u8]>,
{
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.into_iter().try_for_each(|row| writer.write_record(row))?;
    let bytes = writer.into_inner().map_err(|error| anyhow!("{error}"))?;
    Ok(String::from_utf8(bytes)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_cell_is_quoted() {
        let rows = [["a", "b,c", "say \"no\"", "two\nlines", ""]];
        assert_eq!(text(rows).unwrap(), "a,\"b,c\",\"say \"\"no\"\"\",\"two\nlines\",\n");
    }
}
