//! JSON lines: which field is read, and what is refused.

use super::*;

fn field(name: &str) -> Reading {
    Reading { field: name.into(), ..Reading::default() }
}

fn refused(text: &str, name: &str) -> String {
    refusal("a.jsonl", text.as_bytes(), &field(name))
}

#[test]
fn empty_texts_are_counted_and_blank_lines_are_not() {
    let text = "\u{feff}{\"text\":\"one\"}\r\n\n{\"text\":null}\n{\"text\":\"\"}\n  \n{\"text\":\" \\n\"}\n{\"text\":\"two\"}";
    let (texts, skipped) = read_bytes("a.jsonl", text.as_bytes(), &Reading::default()).unwrap();
    assert_eq!((texts, skipped), (vec!["one".into(), "two".into()], 3));
}

#[test]
fn ends_are_trimmed_as_in_text_files() {
    let texts = ["\n \n  one \n\n two \t\n", "\r\n\r\none", "a\r\nb\r\n", "\u{a0}\none"];
    for text in texts {
        let json = format!("{}\n", serde_json::json!({ "text": text }));
        let per_file = Reading { documents: DocumentSplit::PerFile, ..Reading::default() };
        let plain = read_bytes("a.txt", text.as_bytes(), &per_file).unwrap().0;
        let lines = read_bytes("a.jsonl", json.as_bytes(), &per_file).unwrap().0;
        assert_eq!(lines.iter().map(|text| text.replace("\r\n", "\n")).collect::<Vec<_>>(), plain);
    }
}

#[test]
fn missing_fields_are_named_with_those_there_are() {
    let lines = "{\"text\":\"a\"}\n\n{\"id\":1,\"meta\":{\"url\":\"u\",\"body\":[\"b\"]},\"title\":\"t\"}\n";
    let remedy = "name the one that holds the text with --field NAME (pretrain: --set field=NAME)";
    assert_eq!(
        refused(lines, "text"),
        format!("@:3: no field text, found id, meta.url, meta.body, title: {remedy}")
    );
    assert_eq!(refused("{}", "text"), format!("@:1: no field text, found an empty object: {remedy}"));
    let many = serde_json::to_string(
        &(0..90).map(|i| (format!("k{i}"), 0)).collect::<std::collections::BTreeMap<_, _>>(),
    );
    assert!(refused(&many.unwrap(), "text").ends_with(&format!(", …: {remedy}")));
}

#[test]
fn wrong_types_are_named() {
    for (value, found) in [
        ("7", "a number"),
        ("[\"a\"]", "a list"),
        ("{}", "an object"),
        ("true", "a boolean"),
        ("1.5", "a number"),
    ] {
        let line = format!("{{\"text\":{value}}}");
        assert_eq!(refused(&line, "text"), format!("@:1: field text: found {found}, expected a string"));
        let line = format!("{{\"a\":{{\"b\":{value}}}}}");
        assert_eq!(refused(&line, "a.b"), format!("@:1: field a.b: found {found}, expected a string"));
    }
    for (line, found) in [("7", "a number"), ("\"text\"", "a string"), ("null", "null")] {
        assert_eq!(
            refused(line, "text"),
            format!("@:1: found {found}, expected an object with the field text")
        );
    }
}

#[test]
fn what_is_not_json_lines_is_named() {
    let list = "found a list, expected one JSON object per line: convert the file, for instance: jq -c '.[]'";
    assert_eq!(refused("[{\"text\":\"a\"}]", "text"), format!("@:1: {list}"));
    assert_eq!(refused("\n[\n{\"text\":\"a\"}\n]", "text"), format!("@:2: {list}"));
    assert_starts(
        &refused("{\n\"text\":\"a\"\n}", "text"),
        "@:1: column 1: not JSON (EOF while parsing an object): expected a complete object per line: was the file copied",
    );
    assert_starts(
        &refused("{\"text\":\"a\"}\n{\"text\":\"b", "text"),
        "@:2: column 10: not JSON (EOF while parsing a string): expected a complete object per line: was the file",
    );
    assert_starts(
        &refused("{\"text\":\"a\"} {\"text\":\"b\"}", "text"),
        "@:1: column 14: not JSON (trailing characters): expected one JSON object per line",
    );
    assert_starts(
        &refused("{\"text\":\"a\"}\n{\"text\":\"\\ud800\"}", "text"),
        "@:2: column 16: half a character (",
    );
    assert_starts(&refused("plain text", "text"), "@:1: column 1: not JSON (expected value)");
}

#[test]
fn numbers_that_only_python_writes_are_read_over() {
    let text = "{\"a\":NaN,\"text\":\"one NaN \\\" Infinity\",\"b\":[-Infinity,Infinity],\"NaN\":1}\n{\"text\":\"two\"}";
    let (texts, skipped) = read_bytes("a.jsonl", text.as_bytes(), &Reading::default()).unwrap();
    assert_eq!((texts, skipped), (vec!["one NaN \" Infinity".into(), "two".into()], 0));
    assert_eq!(refused("{\"text\":NaN}", "text"), "@:1: field text: found a number, expected a string");
    assert_starts(
        &refused("{\"text\":\"a\",\"b\":nan}", "text"),
        "@:1: column 18: not JSON (expected ident): expected one JSON object per line",
    );
}

#[test]
fn half_a_character_in_another_field_does_no_harm() {
    let text = "{\"other\":\"\\ud800\",\"text\":\"one\"}";
    assert_eq!(read_bytes("a.jsonl", text.as_bytes(), &Reading::default()).unwrap().0, ["one"]);
}

#[test]
fn bad_bytes_are_named_by_offset() {
    let message = refusal("a.jsonl", b"{\"text\":\"a\"}\n{\"text\":\"\xe9\"}\n", &Reading::default());
    assert_starts(&message, "@: byte offset 22: not UTF-8 (found 0xe9)");
}
