//! Promises of the tokenizers.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::builtin;

fn corpus() -> Vec<Document> {
    builtin::documents(3, 3000)
}

fn error(path: &Path) -> String {
    format!("{:#}", load(path).unwrap_err())
}

#[test]
fn the_same_text_gives_the_same_bytes() {
    let json = |documents: &[Document]| train(documents, 600).unwrap().to_string(true).unwrap();
    let documents = corpus();
    let first = json(&documents);
    for _ in 0..3 {
        assert_eq!(first, json(&documents));
    }
    let reversed: Vec<Document> = documents.into_iter().rev().collect();
    assert_eq!(first, json(&reversed), "the order of the documents does not matter either");
}

/// Guards the bytes across processes and machines: a hash map's order would change them from run to run.
#[test]
fn the_vocabulary_is_the_same_in_every_process() {
    let text = "Banana bandana, bananas and bands; abab cabcab. Then the others, hence another brother!";
    let tokenizer = train(&[Document { text: text.repeat(2) }], 100).unwrap();
    let tokens: Vec<String> =
        (0..vocab_size(&tokenizer) as u32).filter_map(|id| tokenizer.id_to_token(id)).collect();
    assert_eq!(tokens[..5], SPECIAL);
    let learned = "ban ##ab ##the ##ana ##ther an the ##other band banana ab br cab he other ##ce ##cab ##nce and \
                   another then bands bandana bananas abab brother cabcab hence others";
    assert!(tokens.join(" ").ends_with(&format!("##t ##an ##he {learned}")), "{tokens:?}");
}

#[test]
fn most_pieces_are_those_of_the_tokenizers_crate() {
    use tokenizers::models::wordpiece::WordPieceTrainer;
    let documents = corpus();
    let ours = train(&documents, 500).unwrap();
    let special = SPECIAL.map(|token| AddedToken::from(token, true)).to_vec();
    let builder = WordPieceTrainer::builder().vocab_size(500).min_frequency(2).show_progress(false);
    let mut trainer: tokenizers::models::TrainerWrapper = builder.special_tokens(special).build().into();
    let mut theirs = splitter(true).unwrap();
    theirs.train(&mut trainer, documents.iter().map(|document| document.text.as_str())).unwrap();
    let (ours, theirs) = (ours.get_vocab(false), theirs.get_vocab(false));
    let shared = ours.keys().filter(|token| theirs.contains_key(*token)).count();
    assert!((ours.len(), theirs.len()) == (500, 500) && shared >= 490, "{shared} of 500 pieces are shared");
}

#[test]
fn words_of_the_corpus_become_one_token_each() {
    let tokenizer = train(&corpus(), 2000).unwrap();
    let encoding = tokenizer.encode("The capital of France is [MASK].", true).unwrap();
    let expected = ["[CLS]", "the", "capital", "of", "france", "is", "[MASK]", ".", "[SEP]"];
    assert_eq!(encoding.get_tokens(), expected);
    let decoded = tokenizer.decode(encoding.get_ids(), true).unwrap();
    assert_eq!(decoded, "the capital of france is.");
}

#[test]
fn saved_tokenizers_load_from_file_and_folder() {
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = train(&corpus(), 600).unwrap();
    let file = folder.path().join("tokenizer.json");
    tokenizer.save(&file, true).unwrap();
    for path in [folder.path(), &file] {
        let loaded = load(path).unwrap();
        assert_eq!(loaded.to_string(true).unwrap(), tokenizer.to_string(true).unwrap());
        assert_eq!((vocab_size(&loaded), SpecialTokens::of(&loaded).unwrap().mask), (600, 4));
    }
}

#[test]
fn truncation_and_padding_of_a_file_are_switched_off() {
    let mut tokenizer = train(&corpus(), 600).unwrap();
    let short = tokenizers::TruncationParams { max_length: 4, ..Default::default() };
    tokenizer.with_truncation(Some(short)).unwrap();
    let loaded = from_json(tokenizer.to_string(false).unwrap().as_bytes()).unwrap();
    let text = "one two three four five six seven eight nine ten eleven";
    assert!(loaded.encode(text, true).unwrap().len() > 12);
}

#[test]
fn unusable_tokenizers_are_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    assert!(error(folder.path()).contains("tokenizer.json: No such file"));
    assert!(error(&folder.path().join("none.json")).contains("none.json: No such file"));
    let bad = folder.path().join("bad.json");
    fs::write(&bad, "{}").unwrap();
    assert!(error(&bad).contains("bad.json: not a tokenizer.json"), "{}", error(&bad));
}
