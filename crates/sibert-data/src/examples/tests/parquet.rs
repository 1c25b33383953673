//! Files of the hub: columns, labels, and what is refused.

use std::sync::Arc;

use ::parquet::data_type::{ByteArray, ByteArrayType, FloatType, Int64Type};
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;

use super::*;

/// A column by name; values that are none are null.
pub(super) enum Column<'a> {
    Text(&'a str, &'a [Option<&'a str>]),
    Json(&'a str, &'a [Option<&'a str>]),
    Class(&'a str, &'a [i64]),
    Score(&'a str, &'a [f32]),
}

/// A file of these columns, of which `label` lists `names`.
pub(super) fn write(columns: &[Column], names: Option<&[&str]>) -> Vec<u8> {
    let schema: String = columns
        .iter()
        .map(|column| match column {
            Column::Text(name, _) => format!("optional binary {name} (UTF8);"),
            Column::Json(name, _) => format!("optional binary {name} (JSON);"),
            Column::Class(name, _) => format!("required int64 {name};"),
            Column::Score(name, _) => format!("required float {name};"),
        })
        .collect();
    let schema = Arc::new(parse_message_type(&format!("message schema {{ {schema} }}")).unwrap());
    let features = names.map(|names| {
        let label = serde_json::json!({ "names": names, "_type": "ClassLabel" });
        let features = serde_json::json!({ "info": { "features": { "label": label } } });
        vec![KeyValue::new("huggingface".to_owned(), features.to_string())]
    });
    let properties = WriterProperties::builder().set_key_value_metadata(features).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for values in columns {
        let mut column = group.next_column().unwrap().unwrap();
        match values {
            Column::Text(_, values) | Column::Json(_, values) => {
                let levels: Vec<i16> = values.iter().map(|value| value.is_some().into()).collect();
                let values: Vec<ByteArray> =
                    values.iter().flatten().map(|text| ByteArray::from(*text)).collect();
                column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).unwrap();
            }
            Column::Class(_, values) => {
                column.typed::<Int64Type>().write_batch(values, None, None).unwrap();
            }
            Column::Score(_, values) => {
                column.typed::<FloatType>().write_batch(values, None, None).unwrap();
            }
        }
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.into_inner().unwrap()
}

fn parquet(task: Task, split: Split, bytes: &[u8]) -> Result<Vec<Example>, String> {
    read_bytes(task, split, "a.parquet", bytes)
}

/// A file of MRPC with these labels.
pub(super) fn mrpc(labels: &[i64], names: Option<&[&str]>) -> Vec<u8> {
    let texts: Vec<String> = (0..labels.len()).map(|row| format!("text \"{row} ")).collect();
    let texts: Vec<Option<&str>> = texts.iter().map(|text| Some(text.as_str())).collect();
    // Places of the columns are those of the hub's files turned round.
    let columns = [
        Column::Class("idx", labels),
        Column::Class("label", labels),
        Column::Text("sentence2", &texts),
        Column::Text("sentence1", &texts),
    ];
    write(&columns, names)
}

#[test]
fn classes_are_in_the_order_of_the_hub_unless_the_file_lists_them() {
    let classes = |bytes: &[u8]| {
        let examples = parquet(task("mrpc"), Split::Train, bytes).unwrap();
        examples.into_iter().map(|example| example.target.unwrap()).collect::<Vec<_>>()
    };
    let as_is = [Target::Class(0), Target::Class(1)];
    assert_eq!(classes(&mrpc(&[0, 1], None)), as_is);
    assert_eq!(classes(&mrpc(&[0, 1], Some(&["not_equivalent", "equivalent"]))), as_is);
    assert_eq!(classes(&mrpc(&[1, 0], Some(&["equivalent", "not_equivalent"]))), as_is);
    let message =
        parquet(task("mrpc"), Split::Train, &mrpc(&[0], Some(&["entailment", "neutral"]))).unwrap_err();
    assert_eq!(message, "a.parquet: its labels are entailment, neutral, expected not_equivalent, equivalent");
}

#[test]
fn columns_of_json_are_decoded() {
    let of = |labels: &[Option<&str>]| {
        let texts = [Some("\"say \\\"no\\\"\""), Some("\"\u{e9}\"")];
        let columns = [
            Column::Json("label", labels),
            Column::Text("sentence2", &[Some("\"b\""), Some("d")]),
            Column::Json("sentence1", &texts),
        ];
        parquet(task("mrpc"), Split::Train, &write(&columns, None))
    };
    let expected = [
        example("say \"no\"", Some("\"b\""), Some(Target::Class(1))),
        example("\u{e9}", Some("d"), Some(Target::Class(0))),
    ];
    assert_eq!(of(&[Some("1"), Some("\"not_equivalent\"")]).unwrap(), expected);
    let message = of(&[Some("1"), Some("[0]")]).unwrap_err();
    assert_eq!(
        message,
        "a.parquet: row 2: column label: found a list in a column of JSON, expected a string"
    );
}

#[test]
fn texts_and_scores_are_found_by_name() {
    let columns = [
        Column::Score("label", &[5., 3.8]),
        Column::Text("sentence2", &[Some("b"), Some("d")]),
        Column::Text("extra", &[None, None]),
        Column::Text("sentence1", &[Some(" a\t"), Some("")]),
    ];
    let expected = [
        example(" a\t", Some("b"), Some(Target::Score(5.))),
        example("", Some("d"), Some(Target::Score(3.8))),
    ];
    assert_eq!(parquet(task("stsb"), Split::Train, &write(&columns, None)).unwrap(), expected);
    let named = [Column::Text("premise", &[Some("a")]), Column::Text("hypothesis", &[Some("b")])];
    assert_eq!(
        parquet(task("ax"), Split::Test, &write(&named, None)).unwrap(),
        [example("a", Some("b"), None)]
    );
    let words = [Column::Text("sentence", &[Some("a")]), Column::Text("label", &[Some("positive")])];
    assert_eq!(
        parquet(task("sst2"), Split::Train, &write(&words, None)).unwrap(),
        [example("a", None, class(1))]
    );
}

#[test]
fn test_sets_have_no_labels_but_that_of_mrpc() {
    let targets = |labels: &[i64]| {
        let examples = parquet(task("mrpc"), Split::Test, &mrpc(labels, None)).unwrap();
        examples.into_iter().map(|example| example.target).collect::<Vec<_>>()
    };
    assert_eq!(targets(&[-1, -1]), [None, None]);
    assert_eq!(targets(&[1, 0]), [class(1), class(0)]);
    let message = parquet(task("mrpc"), Split::Validation, &mrpc(&[0, -1], None)).unwrap_err();
    assert_eq!(
        message,
        "a.parquet: row 2: no label, expected 0 or 1 (not_equivalent, equivalent) in a development set, found -1"
    );
}

#[test]
fn missing_columns_texts_and_rows_are_refused() {
    let bytes = write(&[Column::Text("text", &[Some("a")]), Column::Class("label", &[0])], None);
    assert_eq!(
        parquet(task("cola"), Split::Train, &bytes).unwrap_err(),
        "a.parquet: expected the columns sentence, label or is_acceptable, found 2 column(s): text, label"
    );
    let bytes = write(&[Column::Text("sentence", &[Some("a"), None]), Column::Class("label", &[0, 1])], None);
    assert_eq!(
        parquet(task("cola"), Split::Train, &bytes).unwrap_err(),
        "a.parquet: row 2: expected a text, found nothing"
    );
    let bytes = write(&[Column::Class("sentence", &[7]), Column::Class("label", &[0])], None);
    assert_eq!(
        parquet(task("cola"), Split::Train, &bytes).unwrap_err(),
        "a.parquet: row 1: expected a text, found 7"
    );
    let message = parquet(task("mrpc"), Split::Train, &mrpc(&[], None)).unwrap_err();
    assert_eq!(message, "a.parquet: no rows, expected those of a training set");
}

#[test]
fn damaged_files_are_refused_or_read_but_never_panic() {
    let whole = mrpc(&[0, 1, 1], Some(&["not_equivalent", "equivalent"]));
    let message = parquet(task("mrpc"), Split::Train, &whole[..whole.len() / 2]).unwrap_err();
    assert!(message.starts_with("a.parquet: not a complete Parquet file ("), "{message}");
    let message = parquet(task("mrpc"), Split::Train, b"sentence\tlabel\n").unwrap_err();
    assert_eq!(message, "a.parquet: is not parquet, as its name says: was it copied completely?");
    let mut refused = 0;
    for at in 4..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= [0xff, 0x01, 0x80][at % 3];
        if let Err(message) = parquet(task("mrpc"), Split::Train, &bytes) {
            assert!(message.starts_with("a.parquet: "), "{message}");
            refused += 1;
        }
    }
    assert!(refused > 100, "only {refused} were refused");
}
