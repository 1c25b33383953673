//! Promises of tables: every column of every format, and file and line of what is wrong.
#![allow(clippy::unwrap_used)]

use std::fs;

use serde_json::json;

use super::*;

fn read(name: &str, text: &str) -> Result<Table, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    let there = format!("{}/", folder.path().display());
    let table = Table::read(&path).map_err(|error| format!("{error:#}").replace(&there, ""))?;
    Ok(Table { file: table.file.replace(&there, ""), ..table })
}

#[test]
fn cells_are_those_of_the_file_in_every_format() {
    let csv = read("a.csv", "id,text,\"n\"\r\n1,\"a, \"\"b\"\"\n\",x\r\n\r\n2,c,\r\n").unwrap();
    assert_eq!(csv.columns, ["id", "text", "n"]);
    assert_eq!(csv.rows[0].cells, [json!("1"), json!("a, \"b\"\n"), json!("x")]);
    assert_eq!((csv.place(&csv.rows[1]).as_str(), &csv.rows[1].cells[2]), ("a.csv:5", &json!("")));
    let json = read("a.jsonl", "{\"b\": 1, \"a\": [\"x\"]}\n\n{\"c\": null, \"a\": 2}\n").unwrap();
    assert_eq!(json.columns, ["b", "a", "c"]);
    assert_eq!(json.rows[1], Row { line: 3, cells: vec![json!(null), json!(2), json!(null)] });
}

#[test]
fn what_is_written_is_read_back() {
    let table = read("a.csv", "text,n\n\"a, \"\"b\"\"\nc\",1\nd,\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    for name in ["b.csv", "b.tsv", "b.jsonl"] {
        let path = folder.path().join(name);
        write(&table, &path).unwrap();
        let again = Table::read(&path).unwrap();
        let cells = |table: &Table| table.rows.iter().map(|row| row.cells.clone()).collect::<Vec<_>>();
        assert_eq!((&again.columns, cells(&again)), (&table.columns, cells(&table)), "{name}");
    }
    let error = write(&table, &folder.path().join("b.xlsx")).unwrap_err().to_string();
    assert!(
        error.ends_with("b.xlsx: its name does not say what to write, expected .csv, .tsv or .jsonl"),
        "{error}"
    );
}

#[test]
fn what_is_no_table_is_named_by_file_and_line() {
    let refused = |name: &str, text: &str| read(name, text).unwrap_err();
    assert_eq!(
        refused("a.csv", "a,b\n1,2\n1,2,3\n"),
        "a.csv:3: 3 column(s), expected 2: a cell that holds a comma is put in double quotes"
    );
    assert!(refused("a.csv", "a,b\n\"1,2\n").starts_with("a.csv:2: the table ends within the double quotes"));
    for torn in ["a,b\n\"one,x\n\"two\",y\n", "a,b\n\"one\"two,y\n"] {
        assert!(
            refused("a.csv", torn).starts_with("a.csv:2: a cell goes on behind its closing double quote")
        );
    }
    assert!(
        refused("a.jsonl", "{}\n[1]\n").starts_with("a.jsonl:2: expected a JSON object on a line of its own")
    );
    assert!(refused("a.txt", "a\n").contains("expected .csv, .tsv, .jsonl or .parquet"));
    assert!(refused("a.csv", "a,b\n").contains("a.csv: no rows"));
    assert_eq!(refused("a.csv.gz", "a,b\n1,2\n"), "a.csv.gz: a table that is compressed: unpack it first");
    assert!(refused("a.parquet", "a\n").contains("is not parquet"));
    let table = read("a.csv", "text,label\na,b\n").unwrap();
    assert_eq!(table.column("LABEL"), Ok(1));
    let twice = read("a.csv", "text,Label,label\na,b,c\n").unwrap();
    assert_eq!(twice.column("label"), Ok(2), "of another case is another column");
    assert_eq!(twice.column("LABEL").unwrap_err(), "a.csv: columns 2 and 3 are both named LABEL: rename one");
    assert_eq!(
        table.column("lable").unwrap_err(),
        "a.csv: no column lable (did you mean label?), found text, label"
    );
}
