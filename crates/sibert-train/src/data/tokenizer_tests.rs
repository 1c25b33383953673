//! What the tokenizers promise.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::data::builtin;

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
fn vocabulary_files_give_the_same_ids_as_the_json() {
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = train(&corpus(), 600).unwrap();
    let vocabulary: Vec<String> = (0..600).map(|id| tokenizer.id_to_token(id).unwrap()).collect();
    fs::write(folder.path().join("vocab.txt"), vocabulary.join("\n")).unwrap();
    let loaded = load(folder.path()).unwrap();
    for Document { text } in corpus() {
        let ids = |tokenizer: &Tokenizer| tokenizer.encode(text.as_str(), true).unwrap().get_ids().to_vec();
        assert_eq!(ids(&loaded), ids(&tokenizer));
    }
}

#[test]
fn capital_letters_make_a_vocabulary_cased() {
    let vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nParis\nparis\n";
    let tokens = |bytes: &[u8]| {
        from_vocabulary_file(bytes).unwrap().encode("Paris", false).unwrap().get_ids().to_vec()
    };
    assert_eq!(tokens(vocabulary.as_bytes()), [5]);
    assert_eq!(tokens(vocabulary.replace("Paris\n", "").as_bytes()), [5]);
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
    assert!(error(folder.path()).contains("holds neither tokenizer.json nor vocab.txt"));
    assert!(error(&folder.path().join("none.json")).contains("none.json: No such file"));
    let cases = [
        ("bad.json", "{}", "not a tokenizer.json"),
        ("no-mask.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na", "has no [MASK] token"),
        ("twice.txt", "[PAD]\na\na", "line 3: a is already on line 2"),
        ("blank.txt", "[PAD]\n\na", "line 2 is blank"),
    ];
    for (name, text, expected) in cases {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let message = error(&path);
        assert!(message.contains(name) && message.contains(expected), "{message}");
    }
}
