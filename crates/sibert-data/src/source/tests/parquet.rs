//! Parquet: which columns are read, and what is refused.

use super::table::{Column, all_properties, of_texts, text, write};
use super::*;

fn no_properties() -> ::parquet::file::properties::WriterProperties {
    ::parquet::file::properties::WriterProperties::default()
}

fn column(name: &str) -> Reading {
    Reading { column: name.into(), ..Reading::default() }
}

#[test]
fn every_encoding_and_codec_is_read() {
    let values: Vec<Option<String>> = (0..1500)
        .map(|i| match i % 5 {
            3 => None,
            4 => Some(" \n".into()),
            _ => Some(format!("text {} of {}", i % 7, "much ".repeat(i % 11))),
        })
        .collect();
    let expected: Vec<&str> =
        values.iter().flatten().map(|text| text.trim()).filter(|t| !t.is_empty()).collect();
    for properties in all_properties() {
        let (texts, skipped) =
            read_bytes("a.parquet", &of_texts(&values, properties), &Reading::default()).unwrap();
        assert_eq!(texts, expected);
        assert_eq!(skipped, 600);
    }
}

#[test]
fn row_groups_are_read_one_after_the_other() {
    let columns = |from: i64| {
        let texts: Vec<Option<String>> = (from..from + 700).map(|i| Some(format!("row {i}"))).collect();
        [Column::Number((from..from + 700).collect()), text(&texts)]
    };
    let (one, empty, two) = (columns(0), [Column::Number(vec![]), text::<&str>(&[])], columns(700));
    for schema in ["optional", "required"] {
        let schema = format!("required int64 id; {schema} binary text;");
        let bytes = write(&schema, &[&one, &empty, &two], no_properties());
        let (texts, skipped) = read_bytes("a.parquet", &bytes, &Reading::default()).unwrap();
        assert_eq!(texts, (0..1400).map(|i| format!("row {i}")).collect::<Vec<_>>());
        assert_eq!(skipped, 0);
    }
}

#[test]
fn a_file_without_rows_has_no_documents() {
    let bytes = write("optional binary text (UTF8);", &[], no_properties());
    assert_eq!(read_bytes("a.parquet", &bytes, &Reading::default()).unwrap(), (vec![], 0));
}

#[test]
fn columns_in_groups_are_named_with_a_dot() {
    let schema = "required group meta { optional binary body (STRING); } optional binary text (STRING);";
    let bytes = write(schema, &[&[text(&[Some("in")]), text(&[Some("out")])]], no_properties());
    assert_eq!(read_bytes("a.parquet", &bytes, &column("meta.body")).unwrap().0, ["in"]);
    assert_eq!(read_bytes("a.parquet", &bytes, &column("text")).unwrap().0, ["out"]);
    assert_eq!(
        refusal("a.parquet", &bytes, &column("meta")),
        "@: column meta: found a group of meta.body, expected string"
    );
}

#[test]
fn columns_of_json_hold_strings_in_quotes() {
    let values = [Some(r#""say \"no\"""#), None, Some("null"), Some(r#""two""#)];
    let of =
        |values: &[Option<&str>]| write("optional binary text (JSON);", &[&[text(values)]], no_properties());
    let (texts, skipped) = read_bytes("a.parquet", &of(&values), &Reading::default()).unwrap();
    assert_eq!((texts, skipped), (vec!["say \"no\"".into(), "two".into()], 2));
    assert_eq!(
        refusal("a.parquet", &of(&[Some(r#""a""#), Some("3")]), &Reading::default()),
        "@: row 2: found the number 3 in a column of JSON, expected a string"
    );
}

#[test]
fn missing_columns_and_wrong_types_are_named() {
    let schema = "required int64 id; optional binary title (UTF8); optional binary price (DECIMAL(9,2)); \
                  optional int32 day (DATE); required fixed_len_byte_array(4) tag; \
                  optional group parts (LIST) { repeated group list { optional binary element (UTF8); } }";
    let bytes = write(schema, &[], no_properties());
    let refusal = |name: &str| refusal("a.parquet", &bytes, &column(name));
    assert_eq!(
        refusal("text"),
        "@: no column text, found id, title, price, day, tag, parts.list.element: name the one that holds the \
         text with --column NAME (pretrain: --set column=NAME)"
    );
    let remedy = "expected string: name one that holds text with --column NAME (pretrain: --set column=NAME)";
    assert_eq!(refusal("id"), format!("@: column id: found INT64, {remedy}"));
    assert_eq!(refusal("price"), format!("@: column price: found BYTE_ARRAY (DECIMAL), {remedy}"));
    assert_eq!(refusal("day"), format!("@: column day: found INT32 (DATE), {remedy}"));
    assert_eq!(refusal("tag"), format!("@: column tag: found FIXED_LEN_BYTE_ARRAY, {remedy}"));
    assert_eq!(
        refusal("parts.list.element"),
        format!("@: column parts.list.element: found a list, {remedy}")
    );
}

#[test]
fn many_columns_are_not_all_listed() {
    let schema: String = (0..50).map(|i| format!("required int64 c{i}; ")).collect();
    let message = refusal("a.parquet", &write(&schema, &[], no_properties()), &Reading::default());
    assert!(message.contains(", c19, …: name the one"), "{message}");
}

#[test]
fn bytes_that_are_no_text_are_named_by_row() {
    let values = [Some(&b"good"[..]), None, Some(b"caf\xe9")];
    let message = refusal("a.parquet", &of_texts(&values, no_properties()), &Reading::default());
    assert_starts(&message, "@: row 3: not UTF-8 (found 0xe9 at byte 3 of the text), expected strings");
}
