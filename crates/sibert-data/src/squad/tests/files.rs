use super::*;

fn refusal<T: std::fmt::Debug>(text: &str, read: fn(&Path) -> Result<T>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.json");
    fs::write(&path, text).unwrap();
    format!("{:#}", read(&path).unwrap_err()).replace(path.to_str().unwrap(), "@")
}

fn predictions() -> Predictions {
    let questions = ["z", "é\"\n", "a"].map(|id| question(id, "?", "东 b", Some(0..3)));
    let windows =
        windows(&questions, &speller(), &WindowSettings { max_seq_len: 20, doc_stride: 2, max_query_len: 0 });
    let windows = windows.unwrap();
    let logits: Vec<SpanLogits> = windows.iter().map(spiked).collect();
    answers(&questions, &windows, &logits, &AnswerSettings { unanswerable: true, ..BY_WORDS })
}

#[test]
fn written_files_are_read_again_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let found = predictions();
    let files = write(folder.path(), &found).unwrap();
    let names =
        ["predictions.json", "nbest_predictions.json", "null_odds.json"].map(|name| folder.path().join(name));
    assert_eq!(files, names);
    let (answers, odds) = (read_predictions(&files[0]).unwrap(), read_na_probs(&files[2]).unwrap());
    assert!(answers.iter().eq(&found.answers) && odds.iter().eq(&found.null_odds));
    assert_eq!(answers.keys().collect::<Vec<_>>(), ["z", "é\"\n", "a"]);
    assert!(fs::read_to_string(&files[0]).unwrap().starts_with("{\n    \"z\": \"东\",\n"));
    let n_best: serde_json::Value = serde_json::from_str(&fs::read_to_string(&files[1]).unwrap()).unwrap();
    assert_eq!(n_best["a"][0]["text"], "东");
    assert_eq!(n_best["a"][0]["start_logit"], 10.);
}

#[test]
fn squad_1_has_no_file_of_null_odds() {
    let folder = tempfile::tempdir().unwrap();
    let found = Predictions { null_odds: Odds::new(), ..predictions() };
    assert_eq!(write(folder.path(), &found).unwrap().len(), 2);
    assert!(!folder.path().join("null_odds.json").exists());
}

#[test]
fn files_that_are_no_predictions_are_refused_with_their_line() {
    let message = refusal("{\"a\": \"x\",\n \"b\": 3}", read_predictions);
    assert!(
        message.starts_with("@: invalid type: integer `3`, expected a string at line 2 column"),
        "{message}"
    );
    let message = refusal("{\"a\": \"x\",\n \"a\": \"y\"}", read_predictions);
    assert!(message.starts_with("@: the id a is there twice at line 2"), "{message}");
    let message = refusal("[1]", read_predictions);
    assert!(message.contains("expected an object from ids to answers, as predictions.json"), "{message}");
    let message = refusal("{\"a\": \"x\"}", read_na_probs);
    assert!(message.contains("expected f64 at line 1") && message.contains("as null_odds.json"), "{message}");
    let message = refusal("{\"a\": \"x\"", read_predictions);
    assert!(message.starts_with("@: EOF while parsing an object at line 1 column 9"), "{message}");
    let missing = format!("{:#}", read_predictions(Path::new("nowhere/x.json")).unwrap_err());
    assert!(missing.starts_with("cannot read nowhere/x.json: "), "{missing}");
}
