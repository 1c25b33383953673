//! Promise of pairs: they are those of BERT's script, found in any order.

#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;

use proptest::prelude::*;

use super::plan::{Cursor, Next, Pair};
use super::*;
use crate::random::{Purpose, Stream};
use crate::shards::fixture::{self, SPECIAL, Sentences};

const SEED: u64 = 7;

fn visit(number: u64) -> Stream {
    Stream::new(SEED, Purpose::TrainMasks, 1, number)
}

fn pairs(shards: &[Sentences], seq_len: usize) -> Sequences {
    let layout = Layout { packing: Packing::SentencePairs, seq_len, special: SPECIAL, seed: SEED };
    Sequences::new(fixture::stream(shards, 70_000), layout).unwrap()
}

/// `create_instances_from_document` of BERT, statement by statement, over plain vectors; what it draws for a pair at
/// a visit comes from the visit's stream.
fn oracle(documents: &Sentences, document_index: usize, seq_len: usize, first: u64) -> Vec<Row> {
    let mut rng = Stream::new(SEED, Purpose::Pairs, document_index as u64, 0);
    let document = &documents[document_index];
    let max_num_tokens = seq_len - 3;
    let short = rng.unit() < 0.1;
    let short_length = 2 + rng.below(max_num_tokens - 1); // randint(2, max_num_tokens)
    let target_seq_length = if short { short_length } else { max_num_tokens };
    let mut instances = Vec::new();
    let mut current_chunk: Vec<Vec<u32>> = Vec::new();
    let mut current_length = 0;
    let mut i = 0;
    while i < document.len() {
        current_chunk.push(document[i].clone());
        current_length += document[i].len();
        if i == document.len() - 1 || current_length >= target_seq_length {
            let mut draws = visit(first + instances.len() as u64);
            let mut a_end = 1;
            let a_end_draw = rng.below((current_chunk.len() - 1).max(1));
            if current_chunk.len() >= 2 {
                a_end = 1 + a_end_draw; // randint(1, len(current_chunk) - 1)
            }
            let mut tokens_a: VecDeque<u32> = current_chunk[..a_end].concat().into();
            let mut tokens_b: VecDeque<u32> = VecDeque::new();
            let is_random_next;
            let random_draw = rng.unit();
            if current_chunk.len() == 1 || random_draw < 0.5 {
                is_random_next = true;
                let target_b_length = target_seq_length as i64 - tokens_a.len() as i64;
                let mut random_document_index = 0;
                for _ in 0..10 {
                    random_document_index = draws.below(documents.len());
                    if random_document_index != document_index {
                        break;
                    }
                }
                let random_document = &documents[random_document_index];
                let random_start = draws.below(random_document.len());
                for sentence in &random_document[random_start..] {
                    tokens_b.extend(sentence);
                    if tokens_b.len() as i64 >= target_b_length {
                        break;
                    }
                }
                i -= current_chunk.len() - a_end;
            } else {
                is_random_next = false;
                tokens_b.extend(current_chunk[a_end..].concat());
            }
            let (mut bits, mut left) = (0, 0);
            while tokens_a.len() + tokens_b.len() > max_num_tokens {
                let longer = if tokens_a.len() > tokens_b.len() { &mut tokens_a } else { &mut tokens_b };
                if left == 0 {
                    (bits, left) = (draws.bits(), 64);
                }
                if bits % 2 == 1 {
                    longer.pop_front()
                } else {
                    longer.pop_back()
                };
                (bits, left) = (bits / 2, left - 1);
            }
            let mut row = Row { next_sentence: Some(is_random_next.into()), ..Row::default() };
            row.ids = [vec![2], tokens_a.into(), vec![3], tokens_b.clone().into(), vec![3]].concat();
            row.token_type_ids = vec![0; row.ids.len() - tokens_b.len() - 1];
            row.token_type_ids.resize(row.ids.len(), 1);
            row.ids.resize(seq_len, 0);
            row.token_type_ids.resize(seq_len, 0);
            instances.push(row);
            current_chunk.clear();
            current_length = 0;
        }
        i += 1;
    }
    instances
}

fn all(documents: &Sentences, seq_len: usize) -> Vec<Row> {
    (0..documents.len()).fold(Vec::new(), |mut rows, document| {
        rows.extend(oracle(documents, document, seq_len, rows.len() as u64));
        rows
    })
}

fn shards() -> impl Strategy<Value = Vec<Sentences>> {
    let sentence = prop_oneof![
        9 => prop::collection::vec(5u32..70_000, 1..12),
        1 => prop::collection::vec(5u32..70_000, 1..200), // longer than a sequence
    ];
    let document = prop::collection::vec(sentence, 1..25);
    prop::collection::vec(prop::collection::vec(document, 0..8), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn pairs_are_those_of_berts_script(shards in shards(), seq_len in 8usize..64) {
        let documents = shards.concat();
        prop_assume!(!documents.is_empty());
        let pairs = pairs(&shards, seq_len);
        let expected = all(&documents, seq_len);
        prop_assert_eq!(pairs.len(), expected.len() as u64);
        for number in (0..pairs.len()).rev() {
            prop_assert_eq!(&pairs.row(number, &mut visit(number)), &expected[number as usize]);
        }
    }
}

/// Documents of so many sentences of 1 to `longest` ids; no two sentences are alike.
fn corpus(documents: usize, sentences: usize, longest: usize) -> Sentences {
    let mut stream = Stream::new(3, Purpose::Text, 0, 0);
    let mut sentence = || (0..1 + stream.below(longest)).map(|_| 5 + stream.below(60_000) as u32).collect();
    (0..documents).map(|_| (0..sentences).map(|_| sentence()).collect()).collect()
}

#[test]
fn pairs_are_found_far_inside_long_documents_and_among_many() {
    for documents in [corpus(2, 3000, 10), corpus(2500, 3, 10)] {
        let (pairs, expected) = (pairs(std::slice::from_ref(&documents), 32), all(&documents, 32));
        assert_eq!(pairs.len(), expected.len() as u64);
        for number in (0..pairs.len()).step_by(7) {
            assert_eq!(pairs.row(number, &mut visit(number)), expected[number as usize], "pair {number}");
        }
    }
}

#[test]
fn one_document_alone_is_paired_with_itself() {
    for document in [corpus(1, 40, 8), corpus(1, 1, 100), corpus(1, 1, 1)] {
        let pairs = pairs(std::slice::from_ref(&document), 24);
        let rows: Vec<Row> = (0..pairs.len()).map(|number| pairs.row(number, &mut visit(number))).collect();
        assert_eq!(rows, all(&document, 24));
    }
}

/// All pairs of all documents, before anything is drawn for a visit.
fn plans(stream: &shards::Stream, max_tokens: u64) -> Vec<Vec<Pair>> {
    let plan = |document| Cursor::start(document).plan(stream, max_tokens, SEED).collect();
    (0..stream.documents()).map(plan).collect()
}

#[test]
fn each_sentence_stands_once_as_a_first_half_or_real_second_half() {
    let stream = fixture::stream(&[corpus(50, 40, 12)], 70_000);
    for (document, pairs) in (0..).zip(plans(&stream, 61)) {
        let mut at = stream.document(document).start;
        let mut cover = |ids: std::ops::Range<u64>| {
            assert_eq!(ids.start, at, "document {document}");
            at = ids.end;
        };
        for pair in pairs {
            cover(pair.a);
            if let Next::Real(ids) = pair.b {
                cover(ids);
            }
        }
        assert_eq!(at, stream.document(document).end);
    }
}

#[test]
fn half_of_the_pairs_that_have_a_next_are_random_and_a_tenth_of_documents_short() {
    let stream = fixture::stream(&[corpus(6, 40_000, 12)], 70_000);
    let (mut random, mut all) = (0., 0.);
    for pair in plans(&stream, 125).into_iter().flatten() {
        let alone = pair.a.end - pair.a.start >= 125 || pair.a.end == stream.document(pair.document).end;
        if !alone {
            random += f64::from(u8::from(matches!(pair.b, Next::Random(_))));
            all += 1.;
        }
    }
    assert!((random / all - 0.5f64).abs() < 0.01, "{random} of {all} are random");

    let stream = fixture::stream(&[corpus(20_000, 1, 1)], 70_000);
    let target = |pairs: &Vec<Pair>| match pairs[0] {
        Pair { b: Next::Random(rest), .. } => rest + 1,
        _ => 0,
    };
    let targets: Vec<u64> = plans(&stream, 125).iter().map(target).collect();
    let short: Vec<f64> = targets.iter().filter(|&&target| target < 125).map(|&t| t as f64).collect();
    let share = short.len() as f64 / targets.len() as f64;
    assert!((share - 0.1 * 123. / 124.).abs() < 0.01, "{share} of the documents are short");
    let mean = short.iter().sum::<f64>() / short.len() as f64;
    assert!((mean - 63.).abs() < 3., "short targets are {mean} on average, expected (2 + 124) / 2");
    assert!(targets.iter().all(|target| (2..=125).contains(target)));
}

#[test]
fn halves_have_the_lengths_of_berts_and_never_pass_the_end() {
    let documents = corpus(60, 200, 12);
    let pairs = pairs(&[documents], 128);
    let (mut a, mut b, mut rows) = (0f64, 0f64, 0f64);
    for number in 0..pairs.len() {
        let row = pairs.row(number, &mut visit(number));
        let second = row.token_type_ids.iter().filter(|&&segment| segment == 1).count();
        let all = row.ids.iter().filter(|&&id| id != SPECIAL.pad).count();
        assert!(all <= 128 && second >= 2 && all - second >= 3);
        assert_eq!((row.ids[0], row.ids[all - second - 1], row.ids[all - 1]), (2, 3, 3));
        (a, b, rows) = (a + (all - second) as f64 - 2., b + second as f64 - 1., rows + 1.);
    }
    // the cut is uniform among the sentences of a chunk, so that both halves are alike; truncation evens them out
    let (a, b) = (a / rows, b / rows);
    assert!((a - b).abs() < 6. && (95. ..=125.).contains(&(a + b)), "{a} and {b} tokens on average");
}
