//! Promises of the built-in corpus.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn corpus(sentences: usize) -> Vec<String> {
    documents(1, sentences).into_iter().map(|document| document.text).collect()
}

#[test]
fn the_corpus_is_a_function_of_its_seed() {
    assert_eq!(documents(1, 2000), documents(1, 2000));
    assert_ne!(documents(1, 2000), documents(2, 2000));
    let long = documents(1, 4000);
    assert_eq!(documents(1, 2000)[..], long[..documents(1, 2000).len()]);
}

#[test]
fn paragraphs_are_short_and_the_count_is_kept() {
    let paragraphs = corpus(DEFAULT_SENTENCES);
    let counts: Vec<usize> = paragraphs.iter().map(|text| count_sentences(text)).collect();
    assert!(counts.iter().all(|count| (2..=20).contains(count)), "{:?}", counts.iter().max());
    let total: usize = counts.iter().sum();
    assert!((DEFAULT_SENTENCES..DEFAULT_SENTENCES + 20).contains(&total), "{total}");
}

#[test]
fn every_template_is_filled_and_every_sentence_formed() {
    for text in corpus(DEFAULT_SENTENCES) {
        assert!(!text.contains(['{', '}']), "{text}");
        assert!(!text.contains("  ") && !text.contains(" ."), "{text}");
        assert!(text.ends_with(['.', '?', '!']), "{text}");
        assert!(text.split(['.', '?']).all(|s| !s.trim_start().starts_with(char::is_lowercase)), "{text}");
    }
}

#[test]
fn every_topic_has_wordings_for_all_its_facts() {
    for topic in TOPICS.into_iter().flatten() {
        assert!(topic.weight > 0 && topic.facts.len() >= 3);
        assert!(topic.facts.iter().all(|wordings| !wordings.is_empty()));
    }
}

#[test]
fn articles_agree_with_the_next_word() {
    for text in corpus(20_000) {
        let words: Vec<&str> = text.split_whitespace().collect();
        for pair in words.windows(2) {
            let vowel = pair[1].starts_with(['a', 'e', 'i', 'o', 'u']);
            assert!(!(pair[0].eq_ignore_ascii_case("a") && vowel), "{text}");
            assert!(!pair[0].eq_ignore_ascii_case("an") || vowel, "{text}");
        }
    }
}

#[test]
fn facts_recur_without_contradiction() {
    let text = corpus(DEFAULT_SENTENCES).join(" ");
    assert!(text.matches("The capital of France is Paris.").count() > 20);
    for (start, end) in
        [("The capital of ", " is "), ("The opposite of ", " is "), ("A young ", " is called ")]
    {
        let mut answers = BTreeMap::<&str, BTreeSet<&str>>::new();
        for rest in text.split(start).skip(1) {
            if let Some((subject, answer)) = rest.split(['.', '?']).next().unwrap().split_once(end) {
                answers.entry(subject).or_default().insert(answer);
            }
        }
        assert!(answers.len() >= 10 && answers.values().all(|answers| answers.len() == 1), "{answers:?}");
    }
}

#[test]
fn the_vocabulary_is_small_and_no_word_rules() {
    let mut counts = BTreeMap::<String, usize>::new();
    let text = corpus(DEFAULT_SENTENCES).join(" ").to_lowercase().replace(['.', ',', '?', '"', ':'], " ");
    text.split_whitespace().for_each(|word| *counts.entry(word.to_owned()).or_default() += 1);
    assert!((500..=900).contains(&counts.len()), "{} different words", counts.len());
    let total: usize = counts.values().sum();
    let share = *counts.values().max().unwrap() as f64 / total as f64;
    assert!(share < 0.12, "the most frequent word is {share} of the text");
}
