#![allow(clippy::unwrap_used)]

use std::convert::Infallible;

use super::*;
use crate::shares::Tree;
use crate::{Alone, Threads};

/// Number `i` of a share: of many magnitudes, so that another order gives other bits.
fn number(share: usize, i: usize) -> f32 {
    let mixed = (share * 7919 + i).wrapping_mul(2_654_435_761) % 1_000_003;
    (mixed as f32 - 500_000.) * 10_f32.powi((share % 5) as i32 - 2)
}

/// The pieces of a rank, of shares of `length` numbers.
fn own(shares: usize, rank: usize, size: usize, length: usize) -> Vec<Vec<f32>> {
    let mut tree = Tree::new(shares);
    for share in of_rank(shares, rank, size) {
        let numbers: Vec<f32> = (0..length).map(|i| number(share, i)).collect();
        let add = |x: Vec<f32>, y: Vec<f32>| Ok(x.iter().zip(&y).map(|(x, y)| x + y).collect());
        tree.push::<Infallible>(share, numbers, add).unwrap();
    }
    tree.pieces().into_iter().map(|(_, numbers)| numbers).collect()
}

/// Of numbers in two places.
fn split(numbers: &[f32]) -> Numbers<'_> {
    let (first, second) = numbers.split_at(numbers.len() / 3);
    Numbers::of(vec![first, &[], second])
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    numbers.iter().map(|number| number.to_bits()).collect()
}

#[test]
fn any_number_of_ranks_gives_the_same_bits() {
    let (shares, length) = (8, 5000);
    let alone = own(shares, 0, 1, length).remove(0);
    for size in [1, 2, 3, 4, 5, 8, 9] {
        let sums = Threads::run(size, |ranks| {
            let own = own(shares, ranks.rank(), size, length);
            let own: Vec<_> = own.iter().map(|piece| split(piece)).collect();
            same_bits(&ranks, shares, &own, length).unwrap()
        });
        sums.iter().for_each(|sums| assert_eq!(bits(sums), bits(&alone), "{size} ranks"));
    }
}

#[test]
fn numbers_beyond_one_bucket_are_all_added() {
    let length = BUCKET + 37;
    let expected: Vec<f32> = (0..length).map(|i| number(0, i) + number(1, i)).collect();
    let sums = Threads::run(2, |ranks| {
        let own = own(2, ranks.rank(), 2, length);
        same_bits(&ranks, 2, &[split(&own[0])], length).unwrap()
    });
    assert_eq!(bits(&sums[0]), bits(&expected));
    assert_eq!(bits(&sums[1]), bits(&expected));
}

#[test]
fn another_order_gives_other_bits_here() {
    let forwards = |i| (0..8).map(|share| number(share, i)).fold(0., |sum, number| sum + number);
    let alone = own(8, 0, 1, 5000).remove(0);
    assert!((0..5000).any(|i| forwards(i) != alone[i]), "the other tests would hold in any order");
}

#[test]
fn negative_zero_adds_nothing_not_even_a_sign() {
    let sums = |x: f32, y: f32| {
        Threads::run(2, |ranks| {
            let own = [if ranks.rank() == 0 { x } else { y }];
            same_bits(&ranks, 2, &[Numbers::of(vec![&own])], 1).unwrap()[0].to_bits()
        })[0]
    };
    for number in [0., -0., 1.5, f32::MIN_POSITIVE, -f32::INFINITY] {
        assert_eq!(sums(number, -0.), number.to_bits());
        assert_eq!(sums(-0., number), number.to_bits());
    }
}

#[test]
fn pieces_that_are_not_the_ranks_are_refused() {
    let error = same_bits(&Alone, 2, &[], 3).unwrap_err().to_string();
    assert_eq!(error, "a rank has 0 sums of its shares, expected 1");
    let error = same_bits(&Alone, 2, &[Numbers::of(vec![&[1.]])], 3).unwrap_err().to_string();
    assert_eq!(error, "the sums of a rank differ in length");
}
