use std::sync::Arc;

use ::parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type};
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use serde_json::json;

use super::*;

fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn read_bytes(bytes: &[u8]) -> Result<Vec<Question>> {
    let (_folder, path) = file("x", bytes);
    read_file(&path)
        .map_err(|error| anyhow::Error::msg(format!("{error:#}").replace(path.to_str().unwrap(), "@")))
}

fn refusal(bytes: impl AsRef<[u8]>) -> String {
    read_bytes(bytes.as_ref()).unwrap_err().to_string()
}

fn official(qas: serde_json::Value) -> String {
    json!({"version": "v2.0", "data": [{"title": "T", "paragraphs": [{"context": "é x y", "qas": qas}]}]})
        .to_string()
}

/// The questions of both layouts.
fn questions() -> Vec<Question> {
    let context: Arc<str> = "é x y".into();
    let new = |id: &str, answers: &[Answer]| Question {
        id: id.into(),
        title: "T".into(),
        question: format!("{id}?"),
        context: context.clone(),
        answers: answers.to_vec(),
        impossible: answers.is_empty(),
    };
    vec![new("a", &[answer("x", 2), answer("x y", 2)]), new("b", &[]), new("c", &[answer("é", 0)])]
}

fn as_json() -> String {
    official(json!([
        {"id": "a", "question": "a?", "answers": [{"text": "x", "answer_start": 2}, {"text": "x y", "answer_start": 2}]},
        {"id": "b", "question": "b?", "answers": [], "is_impossible": true,
         "plausible_answers": [{"text": "x", "answer_start": 2}]},
        {"id": "c", "question": "c?", "answers": [{"text": "é", "answer_start": 0}], "is_impossible": false},
    ]))
}

#[test]
fn questions_to_answer_need_no_answers() {
    let unanswered =
        official(json!([{"id": "a", "question": "a?"}, {"id": "b", "question": "b?", "answers": null}]));
    assert!(refusal(&unanswered).ends_with("answers: missing"));
    for bytes in [unanswered, as_json()] {
        let (_folder, path) = file("x", bytes.as_bytes());
        let found = read_file_unanswered(&path, &|_| {}).unwrap();
        assert_eq!((found[0].id.as_str(), found[1].question.as_str()), ("a", "b?"));
        assert!(found.iter().all(|question| question.answers.is_empty()));
    }
}

const SCHEMA: &str = "optional binary id (UTF8); optional binary title (UTF8); optional binary context (UTF8); \
    optional binary question (UTF8); optional group answers { \
    optional group text (LIST) { repeated group list { optional binary element (UTF8); } } \
    optional group answer_start (LIST) { repeated group list { optional int32 element; } } }";

/// The questions as the hub's Parquet; `starts` beside the texts.
fn as_parquet(schema: &str, starts: &[i32]) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(&format!("message table {{ {schema} }}")).unwrap());
    let mut writer =
        SerializedFileWriter::new(Vec::new(), schema, Arc::new(WriterProperties::new())).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let text = |texts: &[&str]| texts.iter().map(|&text| ByteArray::from(text)).collect::<Vec<_>>();
    for texts in [["a", "b", "c"], ["T"; 3], ["é x y"; 3], ["a?", "b?", "c?"]] {
        column::<ByteArrayType>(&mut group, &text(&texts), &[1, 1, 1], None);
    }
    // Two answers, none (an empty list has level 2), one.
    column::<ByteArrayType>(&mut group, &text(&["x", "x y", "é"]), &[4, 4, 2, 4], Some(&[0, 1, 0, 0]));
    column::<Int32Type>(&mut group, starts, &[4, 4, 2, 4], Some(&[0, 1, 0, 0]));
    group.close().unwrap();
    writer.into_inner().unwrap()
}

fn column<T: DataType>(
    group: &mut ::parquet::file::writer::SerializedRowGroupWriter<Vec<u8>>,
    values: &[T::T],
    definition: &[i16],
    repetition: Option<&[i16]>,
) {
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<T>().write_batch(values, Some(definition), repetition).unwrap();
    column.close().unwrap();
}

#[test]
fn both_layouts_hold_the_same_questions() {
    assert_eq!(read_bytes(as_json().as_bytes()).unwrap(), questions());
    assert_eq!(read_bytes(&as_parquet(SCHEMA, &[2, 2, 0])).unwrap(), questions());
    let marked = [b"\xef\xbb\xbf", as_json().as_bytes()].concat();
    assert_eq!(read_bytes(&marked).unwrap(), questions());
}

#[test]
fn columns_of_json_are_decoded() {
    let message = refusal(as_parquet(&SCHEMA.replace("title (UTF8)", "title (JSON)"), &[2, 2, 0]));
    let expected = "@: row 1: column title: found no JSON (expected value";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn questions_of_a_paragraph_share_its_context() {
    for bytes in [as_json().into_bytes(), as_parquet(SCHEMA, &[2, 2, 0])] {
        let questions = read_bytes(&bytes).unwrap();
        assert!(questions.iter().all(|question| Arc::ptr_eq(&question.context, &questions[0].context)));
    }
}

#[test]
fn what_is_wrong_in_json_is_named_with_its_place() {
    let in_question = |entry: serde_json::Value| refusal(official(json!([entry])));
    let place = "@: data[0].paragraphs[0].qas[0]";
    let answers = json!([]);
    for (entry, reason) in [
        (json!({"question": "?", "answers": answers}), ".id: missing"),
        (json!({"id": 3, "question": "?", "answers": answers}), ".id: expected a string, found a number"),
        (json!({"id": "a", "answers": answers}), ".question: missing"),
        (json!({"id": "a", "question": "?"}), ".answers: missing"),
        (json!({"id": "a", "question": "?", "answers": "x"}), ".answers: expected a list, found a string"),
        (
            json!({"id": "a", "question": "?", "answers": answers, "is_impossible": 1}),
            ".is_impossible: expected true or false, found a number",
        ),
        (
            json!({"id": "a", "question": "?", "answers": [{"text": "x"}]}),
            ".answers[0].answer_start: missing",
        ),
        (
            json!({"id": "a", "question": "?", "answers": [{"text": "x", "answer_start": -1}]}),
            ".answers[0].answer_start: expected a number of characters, found -1",
        ),
        (
            json!({"id": "a", "question": "?", "answers": [{"text": null, "answer_start": 1}]}),
            ".answers[0].text: expected a string, found null",
        ),
    ] {
        assert_eq!(in_question(entry), format!("{place}{reason}"));
    }
    assert_eq!(refusal("{}"), "@: data: missing");
    assert_eq!(refusal("[]"), "@: data: expected an object that has it, found a list");
    assert_eq!(
        refusal(r#"{"data": [1]}"#),
        "@: data[0].paragraphs: expected an object that has it, found a number"
    );
    assert_eq!(refusal(r#"{"data": []}"#), "@: no question in it");
    let broken = refusal(&as_json()[..200]);
    assert!(broken.starts_with("@: not JSON (EOF while parsing a string at line 1 column 200)"), "{broken}");
    let two = ["?", "!"].map(|asked| json!({"id": "a", "question": asked, "answers": []}));
    let message = refusal(official(json!([two[0], two[0], two[1]])));
    assert_eq!(message, "@: questions 1 and 3 are different and have the same id a");
    assert_eq!(read_bytes(official(json!([two[0], two[0]])).as_bytes()).unwrap().len(), 2);
}

#[test]
fn what_is_wrong_in_parquet_is_named_with_its_row() {
    let renamed = SCHEMA.replace("binary question", "binary asked");
    let message = refusal(as_parquet(&renamed, &[2, 2, 0]));
    assert!(
        message.starts_with("@: no column question, found id, title, context, asked, answers: expected"),
        "{message}"
    );
    let message = refusal(as_parquet(SCHEMA, &[2, 2, -5]));
    assert_eq!(message, "@: row 3: column answers: found -5, expected a number of characters");
    let bytes = as_parquet(SCHEMA, &[2, 2, 0]);
    let message = refusal(&bytes[..bytes.len() - 30]);
    assert!(message.starts_with("@: not a complete Parquet file ("), "{message}");
    assert!(message.ends_with("): was it copied completely?") && !message.contains('\n'), "{message}");
}

#[test]
fn sets_are_found_by_either_name_and_of_their_version() {
    let only_answerable = official(json!([
        {"id": "a", "question": "a?", "answers": [{"text": "y", "answer_start": 2}]},
        {"id": "c", "question": "c?", "answers": [{"text": "z", "answer_start": 0}]},
    ]));
    let read = |name: &str, bytes: &[u8], task, train| {
        let (folder, _) = file(name, bytes);
        read(task, train, &DataSource::of(Some(folder.path()), None, task, no_hub).unwrap(), &|_| {})
    };
    let parquet = as_parquet(SCHEMA, &[2, 2, 0]);
    let names = [("dev-v2.0.json", false), ("squad_v2/train-00000-of-00001.parquet", true)];
    for (name, train) in names {
        assert_eq!(read(name, &parquet, task("squad_v2"), train).unwrap(), questions());
    }
    let dev = read(
        "plain_text/validation-00000-of-00001.parquet",
        only_answerable.as_bytes(),
        task("squad"),
        false,
    );
    let dev = dev.unwrap();
    assert_eq!((dev.len(), dev[0].answers[0].start), (2, 4));
    let train = read("train-v1.1.json", only_answerable.as_bytes(), task("squad"), true).unwrap();
    assert_eq!(train, dev[..1]); // z is not in the context
    let refused = read("dev-v1.1.json", &parquet, task("squad"), false).unwrap_err().to_string();
    assert!(
        refused.ends_with(
            "question b has no answer, which SQuAD 1.1 does not allow: is it SQuAD 2.0? (--task squad_v2)"
        ),
        "{refused}"
    );
    assert_eq!(read("x", b"", task("rte"), true).unwrap_err().to_string(), "RTE is not SQuAD");
}
