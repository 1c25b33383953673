//! What the batches promise: everything is a function of (seed, step).

#![allow(clippy::unwrap_used)]

use super::*;
use crate::data::guess::FrequencyGuess;
use crate::data::{Corpus, DataSettings, builtin};

fn corpus(seed: u64) -> Corpus {
    let settings = DataSettings {
        vocab_size: 2000,
        seq_len: 32,
        batch_size: 32,
        held_out: 0.1,
        mask_probability: 0.15,
        seed,
    };
    Corpus::prepare(builtin::documents(1, 3000), None, &settings).unwrap()
}

#[test]
fn micro_batches_are_the_rows_of_the_whole_batch() {
    let train = corpus(1).train;
    let whole = train.batch(7);
    let mut joined = MaskedBatch { seq_len: 32, ..MaskedBatch::default() };
    for start in (0..32).step_by(8) {
        let part = train.micro_batch(7, start..start + 8);
        let offset = joined.input_ids.len() as u32;
        joined.batch += part.batch;
        joined.positions.extend(part.positions.iter().map(|position| position + offset));
        joined.labels.extend(part.labels);
        joined.input_ids.extend(part.input_ids);
        joined.token_type_ids.extend(part.token_type_ids);
        joined.attention_mask.extend(part.attention_mask);
    }
    assert_eq!(joined, whole);
}

#[test]
fn batches_are_functions_of_seed_and_step() {
    let (one, again, other) = (corpus(1).train, corpus(1).train, corpus(2).train);
    assert_eq!(one.batch(1000), again.batch(1000));
    assert_ne!(one.batch(1000), one.batch(1001));
    assert_ne!(one.batch(1000), other.batch(1000));
}

#[test]
fn an_epoch_visits_every_sequence_once_and_masks_anew_in_the_next() {
    let train = corpus(1).train;
    let len = train.sequences().len();
    let rows = |epoch: u64| {
        let numbers = epoch * len as u64..(epoch + 1) * len as u64;
        let mut rows: Vec<(Vec<u32>, Vec<u32>)> = numbers.map(|n| original(&train, n)).collect();
        rows.sort();
        rows
    };
    let expected = {
        let mut rows: Vec<_> = (0..len).map(|index| train.sequences().row(index)).collect();
        rows.sort();
        rows
    };
    let (first, second) = (rows(0), rows(1));
    assert_eq!(first.iter().map(|row| row.0.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(second.iter().map(|row| row.0.clone()).collect::<Vec<_>>(), expected);
    let same = first.iter().zip(&second).filter(|(a, b)| a.1 == b.1).count();
    assert!(same < len / 20, "{same} of {len} sequences were masked the same in both epochs");
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
    let Corpus { train, held_out, tokenizer } = corpus(3);
    let vocab_size = crate::data::tokenizer::vocab_size(&tokenizer) as u32;
    let special = train.sequences().special();
    for batch in (0..20).map(|step| train.batch(step)).chain(held_out.batches(5)) {
        let len = batch.batch * batch.seq_len;
        assert_eq!([batch.input_ids.len(), batch.attention_mask.len(), batch.token_type_ids.len()], [len; 3]);
        assert!(batch.positions.len() == batch.labels.len() && batch.positions.is_sorted_by(|a, b| a < b));
        assert!(batch.labels.iter().all(|&label| label < vocab_size && !special.contains(label)));
        for (&id, &keep) in batch.input_ids.iter().zip(&batch.attention_mask) {
            assert_eq!(keep == 0, id == special.pad);
        }
    }
}

#[test]
fn held_out_masks_are_fixed_whatever_the_batch_size() {
    let held_out = corpus(1).held_out;
    let labels = |size| held_out.batches(size).flat_map(|batch| batch.labels).collect::<Vec<_>>();
    assert_eq!(labels(1), labels(7));
    assert_eq!(labels(7), labels(1000));
    let rows: usize = held_out.first(9, 4).map(|batch| batch.batch).sum();
    assert_eq!(rows, 9);
}

#[test]
fn guessing_the_most_frequent_word_is_scored_on_the_held_out_masks() {
    let Corpus { train, held_out, tokenizer } = corpus(1);
    let guess = FrequencyGuess::new(train.sequences(), &held_out);
    assert_eq!(tokenizer.id_to_token(guess.token).unwrap(), ".");
    assert!((0.05..0.15).contains(&guess.accuracy), "{guess:?}");
}

#[test]
fn settings_out_of_range_are_refused() {
    let good = DataSettings {
        vocab_size: 600,
        seq_len: 32,
        batch_size: 8,
        held_out: 0.1,
        mask_probability: 0.15,
        seed: 0,
    };
    for (settings, expected) in [
        (DataSettings { batch_size: 0, ..good.clone() }, "batch_size 0"),
        (DataSettings { seq_len: 4, ..good.clone() }, "seq_len 4 is too short"),
        (DataSettings { held_out: 1., ..good.clone() }, "held_out 1"),
        (DataSettings { mask_probability: 0., ..good.clone() }, "mask_probability 0"),
        (DataSettings { vocab_size: 20, ..good.clone() }, "vocab_size 20 is too small"),
    ] {
        let error = Corpus::prepare(builtin::documents(1, 300), None, &settings).unwrap_err();
        assert!(format!("{error:#}").contains(expected), "{error:#}");
    }
}
