//! Promises of packing: every token once, in order, and well-formed rows.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::random::{Purpose, Stream};
use crate::shards::fixture::{self, Documents, SPECIAL, Sentences};

fn layout(packing: Packing, seq_len: usize) -> Layout {
    Layout { packing, seq_len, special: SPECIAL, seed: 1 }
}

fn sequences(shards: &[Documents], packing: Packing, seq_len: usize) -> Sequences {
    let split = |documents: &Documents| documents.iter().map(|ids| vec![ids.clone()]).collect();
    let shards: Vec<Sentences> = shards.iter().map(split).collect();
    Sequences::new(fixture::stream(&shards, 70_000), layout(packing, seq_len)).unwrap()
}

fn rows(sequences: &Sequences) -> Vec<Vec<u32>> {
    let mut draws = Stream::new(0, Purpose::TrainMasks, 0, 0);
    (0..sequences.len()).map(|index| sequences.row(index, &mut draws).ids).collect()
}

/// The row up to its last `[SEP]`, after checking that it has the form of one.
fn used(row: &[u32], seq_len: usize) -> Result<&[u32], TestCaseError> {
    let used = row.iter().rposition(|&id| id != SPECIAL.pad).unwrap() + 1;
    prop_assert_eq!((row.len(), row[0], row[used - 1]), (seq_len, SPECIAL.cls, SPECIAL.sep));
    prop_assert!(used >= 3 && row[1] != SPECIAL.sep && !row[..used].contains(&SPECIAL.pad));
    prop_assert!(!row[..used].windows(2).any(|pair| pair == [SPECIAL.sep; 2]));
    Ok(&row[..used])
}

fn text(rows: &[Vec<u32>]) -> Vec<u32> {
    rows.iter().flatten().copied().filter(|&id| !SPECIAL.contains(id)).collect()
}

fn shards() -> impl Strategy<Value = Vec<Documents>> {
    let document = prop::collection::vec(5u32..70_000, 0..40);
    prop::collection::vec(prop::collection::vec(document, 0..12), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn full_sentences_hold_every_token_once_and_in_order(shards in shards(), seq_len in 8usize..40) {
        let documents: Documents = shards.concat().into_iter().filter(|ids| !ids.is_empty()).collect();
        prop_assume!(!documents.is_empty());
        let rows = rows(&sequences(&shards, Packing::FullSentences, seq_len));
        prop_assert_eq!(text(&rows), documents.concat());
        let mut ends = documents.iter().scan(0, |end, ids| {
            *end += ids.len();
            Some(*end)
        }).peekable();
        let mut tokens = 0;
        for (i, row) in rows.iter().enumerate() {
            let used = used(row, seq_len)?;
            prop_assert!(i + 1 == rows.len() || used.len() + 2 >= seq_len, "row {} is far from full", i);
            for (at, pair) in used.windows(2).enumerate().skip(1).filter(|(_, pair)| pair[0] != SPECIAL.sep) {
                tokens += 1;
                let document_ends = ends.next_if_eq(&tokens).is_some();
                let row_ends = at + 2 == used.len();
                prop_assert_eq!(document_ends || row_ends, pair[1] == SPECIAL.sep);
            }
        }
    }

    #[test]
    fn documents_hold_every_token_once_and_never_meet(shards in shards(), seq_len in 8usize..40) {
        let documents: Documents = shards.concat().into_iter().filter(|ids| !ids.is_empty()).collect();
        prop_assume!(!documents.is_empty());
        let rows = rows(&sequences(&shards, Packing::Document, seq_len));
        let expected: Vec<&[u32]> = documents.iter().flat_map(|ids| ids.chunks(seq_len - 2)).collect();
        prop_assert_eq!(rows.len(), expected.len());
        for (row, expected) in rows.iter().zip(expected) {
            let used = used(row, seq_len)?;
            prop_assert_eq!(&used[1..used.len() - 1], expected);
        }
    }
}

#[test]
fn full_sentences_are_separated_inside_and_at_no_end_twice() {
    let rows = |documents: &[&[u32]]| {
        let documents = documents.iter().map(|ids| ids.to_vec()).collect();
        rows(&sequences(&[documents], Packing::FullSentences, 8))
    };
    assert_eq!(
        rows(&[&[10, 11, 12], &[20, 21, 22, 23], &[30]]),
        [[2, 10, 11, 12, 3, 20, 21, 3], [2, 22, 23, 3, 30, 3, 0, 0]]
    );
    // the second body begins with a separator
    assert_eq!(
        rows(&[&[10, 11, 12, 13, 14, 15], &[20]]),
        [[2, 10, 11, 12, 13, 14, 15, 3], [2, 20, 3, 0, 0, 0, 0, 0]]
    );
    // the first body ends with one
    assert_eq!(
        rows(&[&[10, 11, 12, 13, 14], &[20]]),
        [[2, 10, 11, 12, 13, 14, 3, 0], [2, 20, 3, 0, 0, 0, 0, 0]]
    );
    // the last separator needs no sequence of its own
    assert_eq!(rows(&[&[10, 11, 12, 13, 14, 15]]), [[2, 10, 11, 12, 13, 14, 15, 3]]);
}

#[test]
fn a_sequence_is_found_among_many_documents() {
    let documents: Documents = (0..1000).map(|i| vec![5 + i; 1 + i as usize % 50]).collect();
    let sequences = sequences(std::slice::from_ref(&documents), Packing::Document, 12);
    let expected: Vec<&[u32]> = documents.iter().flat_map(|ids| ids.chunks(10)).collect();
    let mut draws = Stream::new(0, Purpose::TrainMasks, 0, 0);
    assert_eq!(sequences.len(), expected.len() as u64);
    for (index, expected) in expected.iter().enumerate().rev() {
        assert_eq!(&sequences.row(index as u64, &mut draws).ids[1..=expected.len()], *expected);
    }
}

#[test]
fn short_sequences_and_empty_text_are_refused() {
    let error = |shards: &[Sentences], seq_len| {
        let stream = fixture::stream(shards, 100);
        Sequences::new(stream, layout(Packing::FullSentences, seq_len)).unwrap_err().to_string()
    };
    assert_eq!(error(&[vec![vec![vec![10]]]], 7), "seq_len 7 is too short; the shortest is 8");
    assert!(error(&[], 8).starts_with("the documents hold no token"));
}

#[test]
fn packings_are_named_in_snake_case() {
    let names = [Packing::FullSentences, Packing::Document, Packing::SentencePairs]
        .map(|packing| serde_json::to_string(&packing).unwrap());
    assert_eq!(names, ["\"full_sentences\"", "\"document\"", "\"sentence_pairs\""]);
    assert_eq!(Packing::default(), Packing::FullSentences);
}
