//! Two lists a row: words and their labels.

use anyhow::{Result, anyhow, ensure};
use serde_json::Value;

use super::Raw;
use crate::table::{Row, Table, shown};

/// The sentences of a table, whose words have a label each if `labelled`, and the names that it lists for its labels.
pub fn read(
    table: &Table,
    words: &str,
    tags: &str,
    labelled: bool,
) -> Result<(Vec<Raw>, Option<Vec<String>>)> {
    let column = |name: &str| table.column(name).map_err(|why| anyhow!(why));
    let words = column(words)?;
    let tags = if labelled { Some(column(tags)?) } else { None };
    let listed = tags.and_then(|tags| table.listed[tags].clone());
    let sentence = |row: &Row| -> Result<Raw> {
        let place = table.place(row);
        let texts = list(table, row, words)?;
        let tags = tags.map(|tags| list(table, row, tags)).transpose()?;
        let named = |tag: &Value| match (tag.as_u64(), &listed) {
            (Some(index), Some(names)) => {
                names.get(index as usize).cloned().unwrap_or_else(|| index.to_string())
            }
            _ => shown(tag),
        };
        let tags = tags.map(|tags| tags.iter().map(named).collect::<Vec<_>>());
        let count = tags.as_ref().map_or(texts.len(), Vec::len);
        ensure!(texts.len() == count, "{place}: {} words and {count} labels, expected as many", texts.len());
        ensure!(!texts.is_empty(), "{place}: a sentence without words: leave the row out");
        Ok(Raw { place, words: texts.iter().map(shown).collect(), tags })
    };
    Ok((table.rows.iter().map(sentence).collect::<Result<_>>()?, listed))
}

fn list<'a>(table: &Table, row: &'a Row, column: usize) -> Result<&'a Vec<Value>> {
    row.cells[column].as_array().ok_or_else(|| {
        let (place, name) = (table.place(row), &table.columns[column]);
        anyhow!("{place}: {name}: expected a list, found {}", row.cells[column])
    })
}
