//! Promises of the batches: everything is a function of (seed, step).

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::fixture::{corpus, settings, shards};
use crate::guess::FrequencyGuess;
use crate::masking::MaskingSettings;
use crate::sequences::Packing;
use crate::{Corpus, DataSettings};

const PACKINGS: [Packing; 3] = [Packing::FullSentences, Packing::Document, Packing::SentencePairs];

fn packed(packing: Packing) -> Corpus {
    corpus(&DataSettings { packing, ..settings(1) })
}

/// Rows that were made apart, as one batch.
fn joined(parts: impl IntoIterator<Item = MaskedBatch>) -> MaskedBatch {
    let mut joined = MaskedBatch::default();
    for part in parts {
        let offset = joined.input_ids.len() as u32;
        joined.batch += part.batch;
        joined.seq_len = part.seq_len;
        joined.positions.extend(part.positions.iter().map(|position| position + offset));
        joined.labels.extend(part.labels);
        joined.input_ids.extend(part.input_ids);
        joined.token_type_ids.extend(part.token_type_ids);
        joined.attention_mask.extend(part.attention_mask);
        if let Some(labels) = part.next_sentence {
            joined.next_sentence.get_or_insert_default().extend(labels);
        }
    }
    joined
}

#[test]
fn any_partition_of_the_rows_adds_up_to_the_batch() {
    for packing in PACKINGS {
        let train = packed(packing).train;
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let cases = (0u64..100_000, prop::collection::btree_set(1usize..32, 0..12));
        let check = |(step, cuts): (u64, std::collections::BTreeSet<usize>)| {
            let edges: Vec<usize> = [0].into_iter().chain(cuts).chain([32]).collect();
            let parts = edges.windows(2).map(|edge| train.micro_batch(step, edge[0]..edge[1]));
            prop_assert_eq!(joined(parts), train.batch(step));
            Ok(())
        };
        runner.run(&cases, check).unwrap();
    }
}

#[test]
fn batches_are_functions_of_seed_and_step() {
    for packing in PACKINGS {
        let of_seed = |seed| corpus(&DataSettings { packing, ..settings(seed) }).train;
        let (one, again, other) = (of_seed(1), of_seed(1), of_seed(2));
        assert_eq!(one.batch(1000), again.batch(1000));
        assert_ne!(one.batch(1000), one.batch(1001));
        assert_ne!(one.batch(1000), other.batch(1000));
    }
}

#[test]
fn an_epoch_visits_every_sequence_once_and_masks_anew_in_the_next() {
    for packing in [Packing::FullSentences, Packing::Document] {
        let Corpus { train, text, special, .. } = packed(packing);
        let layout = Layout { packing, seq_len: 32, special, seed: 1 };
        let sequences = Sequences::new(text, layout).unwrap();
        let len = train.sequences();
        let rows = |epoch: u64| {
            let numbers = epoch * len..(epoch + 1) * len;
            let mut rows: Vec<(Vec<u32>, Vec<u32>)> = numbers.map(|n| original(&train, n)).collect();
            rows.sort();
            rows
        };
        let mut unused = Stream::new(0, Purpose::TrainMasks, 0, 0);
        let mut expected: Vec<_> = (0..len).map(|index| sequences.row(index, &mut unused).ids).collect();
        expected.sort();
        let (first, second) = (rows(0), rows(1));
        assert_eq!(first.iter().map(|row| row.0.clone()).collect::<Vec<_>>(), expected);
        assert_eq!(second.iter().map(|row| row.0.clone()).collect::<Vec<_>>(), expected);
        let same = first.iter().zip(&second).filter(|(a, b)| a.1 == b.1).count();
        assert!(same < first.len() / 10, "{same} of {len} sequences were masked the same in both epochs");
    }
}

/// Sequence number `n` of training, unmasked, and the positions that were masked.
fn original(train: &TrainBatches, n: u64) -> (Vec<u32>, Vec<u32>) {
    let row = (n % 32) as usize;
    let batch = train.micro_batch(n / 32, row..row + 1);
    let mut ids = batch.input_ids;
    for (&position, &label) in batch.positions.iter().zip(&batch.labels) {
        ids[position as usize] = label;
    }
    (ids, batch.positions)
}

#[test]
fn batches_are_well_formed() {
    for packing in PACKINGS {
        let Corpus { train, held_out, tokenizer, special, .. } = packed(packing);
        let vocab_size = crate::tokenizer::vocab_size(&tokenizer) as u32;
        for batch in (0..20).map(|step| train.batch(step)).chain(held_out.batches(5)) {
            let len = batch.batch * batch.seq_len;
            let lengths = [batch.input_ids.len(), batch.attention_mask.len(), batch.token_type_ids.len()];
            assert_eq!(lengths, [len; 3]);
            assert!(
                batch.positions.len() == batch.labels.len() && batch.positions.is_sorted_by(|a, b| a < b)
            );
            assert!(batch.labels.iter().all(|&label| label < vocab_size && !special.contains(label)));
            for (&id, &keep) in batch.input_ids.iter().zip(&batch.attention_mask) {
                assert_eq!(keep == 0, id == special.pad);
            }
            let labels = batch.next_sentence.map(|labels| labels.len());
            assert_eq!(labels, (packing == Packing::SentencePairs).then_some(batch.batch));
        }
    }
}

#[test]
fn held_out_rows_are_fixed_whatever_the_batch_size() {
    for packing in PACKINGS {
        let held_out = packed(packing).held_out;
        let all = |size| joined(held_out.batches(size));
        assert_eq!(all(1), all(7));
        assert_eq!(all(7), all(1000));
        let rows: usize = held_out.first(9, 4).map(|batch| batch.batch).sum();
        assert_eq!(rows, 9);
    }
}

#[test]
fn the_halves_of_a_pair_are_drawn_anew_at_every_visit() {
    let train = packed(Packing::SentencePairs).train;
    let len = train.sequences();
    let visit = |epoch: u64| {
        let rows = (epoch * len..(epoch + 1) * len).map(|n| original(&train, n).0);
        rows.collect::<std::collections::BTreeSet<_>>()
    };
    let (first, second) = (visit(0), visit(1));
    let same = first.intersection(&second).count() as f64 / first.len() as f64;
    assert!(
        (0.1..0.6).contains(&same),
        "{same} of the pairs are the same: expected those whose next is real"
    );
}

#[test]
fn guessing_the_most_frequent_word_is_scored_on_the_held_out_masks() {
    let Corpus { text, special, held_out, tokenizer, .. } = corpus(&settings(1));
    let guess = FrequencyGuess::new(&text, special, &held_out, held_out.len());
    assert_eq!(tokenizer.id_to_token(guess.token).unwrap(), ".");
    assert!((0.05..0.15).contains(&guess.accuracy), "{guess:?}");
}

#[test]
fn the_digest_is_that_of_the_shards() {
    let digest = |settings| corpus(&settings).sha256;
    assert_eq!(digest(settings(1)), digest(settings(2)));
    assert_ne!(shards(true).1.manifest(), shards(false).1.manifest());
}

#[test]
fn settings_out_of_range_are_refused() {
    let (_folder, without_sentences) = shards(false);
    let masking = MaskingSettings { mask_probability: 0., ..MaskingSettings::default() };
    for (settings, expected) in [
        (DataSettings { batch_size: 0, ..settings(1) }, "batch_size 0"),
        (DataSettings { seq_len: 4, ..settings(1) }, "seq_len 4 is too short"),
        (DataSettings { masking, ..settings(1) }, "mask_probability is 0"),
        (DataSettings { weights: Some(vec![1., 1.]), ..settings(1) }, "2 weights for 1 sources"),
        (
            DataSettings { packing: Packing::SentencePairs, ..settings(1) },
            "shards were prepared without: prepare them again with sibert prepare --sentences",
        ),
    ] {
        let error = Corpus::open(&without_sentences, &settings).unwrap_err();
        assert!(format!("{error:#}").contains(expected), "{error:#}");
    }
}
