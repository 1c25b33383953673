//! Tokenizers as transformers 5 reads them.

#![allow(clippy::unwrap_used)]

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::tokenizer::{SPECIAL, config_json, load};

const WORDS: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\n##s\nhe\u{301}\nℝ\n";

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn opened(files: &[(&str, &str)]) -> Result<Opened> {
    let folder = folder(files);
    let place = ModelFolder::Here(folder.path().to_owned());
    read(&place, find(&place).unwrap(), &|_| {})
}

fn ids(files: &[(&str, &str)], text: &str) -> Vec<u32> {
    opened(files).unwrap().tokenizer.encode(text, false).unwrap().get_ids().to_vec()
}

fn error(files: &[(&str, &str)]) -> String {
    format!("{:#}", opened(files).err().unwrap())
}

/// `tokenizer.json` of the words.
fn json(lowercase: bool) -> String {
    let config = format!("{{\"do_lower_case\": {lowercase}}}");
    let opened = opened(&[(VOCABULARY, WORDS), (TOKENIZER_CONFIG, &config)]).unwrap();
    opened.tokenizer.to_string(false).unwrap()
}

#[test]
fn a_vocabulary_of_lower_case_words_lowers_the_case() {
    assert_eq!(ids(&[(VOCABULARY, WORDS)], "Hello HELLOs"), [5, 5, 6]);
    let cased = WORDS.to_owned() + "Hello\n";
    assert_eq!(ids(&[(VOCABULARY, &cased)], "Hello hello"), [9, 5]);
    let told = (TOKENIZER_CONFIG, r#"{"do_lower_case": true}"#);
    assert_eq!(ids(&[(VOCABULARY, &cased), told], "Hello hello"), [5, 5]);
}

#[test]
fn every_setting_counts_without_the_others() {
    let accents = (TOKENIZER_CONFIG, r#"{"strip_accents": false}"#);
    assert_eq!(ids(&[(VOCABULARY, WORDS), accents], "HE\u{301}"), [7], "in lower case, with its accent");
    let mixed = WORDS.to_owned() + "中文\n";
    assert_eq!(ids(&[(VOCABULARY, &mixed)], "中文"), [1, 1]);
    let chinese = (TOKENIZER_CONFIG, r#"{"tokenize_chinese_chars": false}"#);
    assert_eq!(ids(&[(VOCABULARY, &mixed), chinese], "中文"), [9]);
}

#[test]
fn of_a_tokenizer_json_bert_takes_the_vocabulary_alone() {
    let (cased, uncased) = (json(false), json(true));
    for class in
        ["", r#""tokenizer_class": "BertTokenizer", "#, r#""tokenizer_class": "BertTokenizerFast", "#]
    {
        let config = format!("{{{class}\"do_lower_case\": false}}");
        assert_eq!(ids(&[(TOKENIZER, &uncased), (TOKENIZER_CONFIG, &config)], "Hello hello"), [1, 5]);
        let silent = format!("{{{class}\"model_max_length\": 512}}");
        let model = ("config.json", r#"{"model_type": "bert"}"#);
        assert_eq!(ids(&[(TOKENIZER, &cased), (TOKENIZER_CONFIG, &silent), model], "Hello hello"), [5, 5]);
    }
    let own = r#"{"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": true}"#;
    assert_eq!(ids(&[(TOKENIZER, &cased), (TOKENIZER_CONFIG, own)], "Hello hello"), [1, 5]);
    assert_eq!(ids(&[(TOKENIZER, &cased)], "Hello hello"), [1, 5]);
}

#[test]
fn special_tokens_of_other_names_are_those_that_the_files_name() {
    let renamed = WORDS.replace("[MASK]", "<mask>").replace("[PAD]", "<pad>");
    let map = r#"{"mask_token": {"content": "<mask>", "lstrip": true}, "pad_token": "<pad>"}"#;
    let special = |opened: Opened| SpecialTokens::of(&opened.tokenizer).unwrap();
    for name in ["special_tokens_map.json", TOKENIZER_CONFIG] {
        let of_words = opened(&[(VOCABULARY, &renamed), (name, map)]).unwrap();
        assert_eq!(of_words.config_json, None, "what is written has the names of BERT");
        assert_eq!(
            (special(of_words).mask, special(opened(&[(TOKENIZER, &json(true))]).unwrap()).pad),
            (4, 0)
        );
        let json = json(true).replace("[MASK]", "<mask>").replace("[PAD]", "<pad>");
        assert_eq!(special(opened(&[(TOKENIZER, &json), (name, map)]).unwrap()).mask, 4);
    }
    assert!(error(&[(VOCABULARY, &renamed)]).contains("has no [PAD] token"));
}

#[test]
fn added_tokens_are_words_of_their_own() {
    let decoder = json!({"added_tokens_decoder": {"9": {"content": "<ent>", "lstrip": false, "rstrip": false,
        "normalized": false, "single_word": false, "special": true}}});
    let decoder = decoder.to_string();
    for beside in [("added_tokens.json", r#"{"<ent>": 9}"#), (TOKENIZER_CONFIG, decoder.as_str())] {
        assert_eq!(ids(&[(VOCABULARY, WORDS), beside], "hello<ent>hello"), [5, 9, 5]);
        assert_eq!(ids(&[(TOKENIZER, &json(true)), beside], "hello<ent>hello"), [5, 9, 5]);
    }
    let other = error(&[(VOCABULARY, WORDS), ("added_tokens.json", r#"{"<ent>": 12}"#)]);
    assert!(other.contains("added token <ent> has the id 12 in the files beside it, and 9 here"), "{other}");
}

#[test]
fn what_is_written_is_read_back_equal() {
    let folder = tempfile::tempdir().unwrap();
    for lowercase in [true, false] {
        let tokenizer = opened(&[(TOKENIZER, &json(lowercase))]).unwrap().tokenizer;
        fs::write(folder.path().join(TOKENIZER), tokenizer.to_string(true).unwrap()).unwrap();
        fs::write(folder.path().join(TOKENIZER_CONFIG), config_json(&tokenizer, 64).unwrap()).unwrap();
        let again = read(&ModelFolder::Here(folder.path().to_owned()), TOKENIZER, &|_| {}).unwrap().tokenizer;
        assert_eq!(again.to_string(false).unwrap(), tokenizer.to_string(false).unwrap());
        assert_eq!(load(folder.path()).unwrap().to_string(false).unwrap(), again.to_string(false).unwrap());
    }
}

#[test]
fn damaged_files_are_named() {
    let cases: [(&[(&str, &str)], &str); 6] = [
        (&[(VOCABULARY, "[PAD]\n[UNK]\n[CLS]\n[SEP]\na")], "vocab.txt: the tokenizer has no [MASK] token"),
        (&[(VOCABULARY, "[PAD]\na\na")], "line 3: a is already on line 2"),
        (&[(TOKENIZER, "{}")], "tokenizer.json: not a tokenizer.json"),
        (
            &[(VOCABULARY, WORDS), (TOKENIZER_CONFIG, "[]")],
            "tokenizer_config.json: expected an object, found []",
        ),
        (
            &[(VOCABULARY, WORDS), (TOKENIZER_CONFIG, r#"{"do_lower_case": 3}"#)],
            "tokenizer_config.json: invalid type",
        ),
        (
            &[(TOKENIZER, "version https://git-lfs.github.com/spec/v1\n")],
            "tokenizer.json is a pointer of Git LFS",
        ),
    ];
    for (files, expected) in cases {
        assert!(error(files).contains(expected), "{}", error(files));
    }
    let far = json(true).replace("\"hello\":5", "\"hello\":2147483647");
    assert!(error(&[(TOKENIZER, &far)]).contains("ids up to 2147483647: it is damaged"));
    assert_eq!(SPECIAL[4], "[MASK]");
}
