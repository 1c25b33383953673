//! Promises of mixing: exact shares, and every source read evenly.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::sequences::Packing;
use crate::shards::fixture::{self, SPECIAL, Shard};

fn layout() -> Layout {
    Layout { packing: Packing::FullSentences, seq_len: 8, special: SPECIAL, seed: 3 }
}

/// Shards of sources with so many sequences, all of whose ids name the source.
fn shards(lengths: &[usize], weights: &[Option<f64>]) -> Shards {
    let folder = fixture::folder();
    let shard = |(source, &length): (usize, &usize)| {
        let train = vec![vec![vec![10 + source as u32; 6 * length]]];
        Shard { source, train: if length == 0 { vec![] } else { train }, ..Shard::default() }
    };
    let shards: Vec<Shard> = lengths.iter().enumerate().map(shard).collect();
    fixture::write_shards(folder.path(), &shards, weights, true, 1000, "{}", SPECIAL);
    Shards::open(folder.path()).unwrap()
}

fn source_of(mixture: &Mixture, n: u64) -> usize {
    let (sequences, index) = mixture.at(n);
    sequences.row(index, &mut Stream::new(0, Purpose::TrainMasks, 0, 0)).ids[1] as usize - 10
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn shares_are_exact_in_every_block_and_own_numbers_come_once(
        weights in prop::collection::vec(1e-9f64..1., 1..9),
        seed: u64,
        block in 0u64..1_000_000,
    ) {
        let shares = shares(&weights);
        prop_assert_eq!(shares.iter().sum::<u64>(), BLOCK);
        let slots = cumulative(&shares);
        let mut own = vec![Vec::new(); weights.len()];
        for n in block * BLOCK..(block + 1) * BLOCK {
            let (source, number) = place(&slots, seed, n);
            own[source].push(number);
        }
        for (numbers, &share) in own.iter_mut().zip(&shares) {
            numbers.sort_unstable();
            prop_assert_eq!(numbers.clone(), (block * share..(block + 1) * share).collect::<Vec<_>>());
        }
    }

    #[test]
    fn shares_follow_the_weights_within_one_slot(weights in prop::collection::vec(0.001f64..1e6, 1..40)) {
        let sum: f64 = weights.iter().sum();
        prop_assume!(weights.iter().all(|weight| weight / sum * BLOCK as f64 >= 1.));
        for (share, weight) in shares(&weights).into_iter().zip(&weights) {
            prop_assert!((share as f64 - weight / sum * BLOCK as f64).abs() <= 1.);
        }
    }
}

#[test]
fn the_smallest_weight_has_a_slot_and_many_small_ones_fit() {
    assert_eq!(shares(&[1., 1e-300]), [BLOCK - 1, 1]);
    assert_eq!(shares(&[0.5, 0.25, 0.25]), [BLOCK / 2, BLOCK / 4, BLOCK / 4]);
    assert_eq!(shares(&[f64::MAX, f64::MAX]), [BLOCK / 2, BLOCK / 2]);
    let many = shares(&[vec![1e-9; 1000], vec![1.]].concat());
    assert_eq!((many[0], many[1000]), (1, BLOCK - 1000));
}

#[test]
fn each_source_is_read_evenly_epoch_by_epoch() {
    let lengths = [7, 300, 40];
    let mixture = Mixture::new(&shards(&lengths, &[None; 3]), layout(), Some(&[0.2, 0.5, 0.3])).unwrap();
    let mut visits: Vec<Vec<u64>> = lengths.iter().map(|&length| vec![0; length]).collect();
    for n in 0..2 * BLOCK {
        let (sequences, index) = mixture.at(n);
        let source = lengths.iter().position(|&length| length as u64 == sequences.len()).unwrap();
        visits[source][index as usize] += 1;
    }
    for visits in visits {
        let (least, most) = (visits.iter().min().unwrap(), visits.iter().max().unwrap());
        assert!(most - least <= 1, "{visits:?}");
    }
}

#[test]
fn without_weights_every_sequence_comes_once_an_epoch() {
    let mixture = Mixture::new(&shards(&[5, 11], &[None; 2]), layout(), None).unwrap();
    let len = mixture.len();
    for epoch in 0..3 {
        let mut seen: Vec<u64> = (0..len).map(|i| mixture.at(epoch * len + i).1).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..len).collect::<Vec<_>>());
    }
    assert_eq!(mixture.epochs(3. * len as f64), [3.]);
}

#[test]
fn weights_are_the_manifests_unless_others_are_given() {
    let shards = shards(&[5, 5], &[Some(1.), Some(3.)]);
    let count = |weights: Option<&[f64]>| {
        let mixture = Mixture::new(&shards, layout(), weights).unwrap();
        let first = (0..BLOCK).filter(|&n| source_of(&mixture, n) == 0).count() as u64;
        assert_eq!(mixture.epochs(BLOCK as f64)[0], first as f64 / 5.);
        first
    };
    assert_eq!(count(None), BLOCK / 4);
    assert_eq!(count(Some(&[1., 1.])), BLOCK / 2);
    assert_eq!(count(Some(&[2., 0.])), BLOCK);
}

#[test]
fn unfit_weights_are_refused() {
    let error = |lengths: &[usize], own: &[Option<f64>], weights: Option<&[f64]>| {
        format!("{:#}", Mixture::new(&shards(lengths, own), layout(), weights).unwrap_err())
    };
    let none = [None; 2];
    for (message, expected) in [
        (error(&[5, 5], &none, Some(&[1.])), "1 weights for 2 sources, expected one for each"),
        (error(&[5, 5], &none, Some(&[1., -1.])), "the weight of source source 1 is -1, expected 0 or more"),
        (error(&[5, 5], &none, Some(&[1., f64::NAN])), "is NaN, expected 0 or more"),
        (error(&[5, 5], &none, Some(&[0., 0.])), "all weights are 0"),
        (error(&[5, 5], &[Some(1.), None], None), "source source 1 has no weight, but others have"),
        (error(&[5, 0], &none, Some(&[1., 1.])), "source source 1, of weight 1: the documents hold no token"),
        (error(&[0, 0], &none, None), "documents to train on: the documents hold no token"),
    ] {
        assert!(message.contains(expected), "{message}");
    }
}
