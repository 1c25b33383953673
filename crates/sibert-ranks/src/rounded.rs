//! Sums of numbers that travel as bf16: half the bytes, and a third of the digits.

use anyhow::Result;
use half::bf16;

use crate::Communicator;
use crate::shares::of_rank;

/// Numbers that are sent at a time: 4 MiB.
const BUCKET: usize = 1 << 21;

/// Replaces the numbers by their sums over all ranks, the same on each.
///
/// A number is rounded to bf16 before it is sent, and so is a sum. Sums are made in f32, in the order of the ranks; so their
/// bits depend on how many there are.
///
/// # Errors
/// If the lengths differ, or the engine fails.
pub fn in_bf16(ranks: &dyn Communicator, numbers: &mut [f32]) -> Result<()> {
    let (rank, size) = (ranks.rank(), ranks.size());
    for numbers in numbers.chunks_mut(BUCKET) {
        let mut words = packed(numbers);
        let parts: Vec<usize> = (0..size).map(|rank| of_rank(words.len(), rank, size).len()).collect();
        let mine = parts[rank];
        let mut received = vec![0.; mine * size];
        ranks.exchange(&words, &parts, &mut received, &vec![mine; size])?;
        let mut sums = vec![0.; 2 * mine];
        for of_rank in received.chunks(mine.max(1)) {
            sums.iter_mut().zip(unpacked(of_rank)).for_each(|(sum, number)| *sum += number);
        }
        ranks.all_gather_numbers(&packed(&sums), &mut words, &parts)?;
        numbers.iter_mut().zip(unpacked(&words)).for_each(|(number, sum)| *number = sum);
    }
    Ok(())
}

/// Two numbers, rounded, in the bits of each word, which is moved and never computed with.
fn packed(numbers: &[f32]) -> Vec<f32> {
    let half = |number: f32| u32::from(bf16::from_f32(number).to_bits());
    let pair = |pair: &[f32]| half(pair[0]) | half(pair.get(1).copied().unwrap_or(0.)) << 16;
    numbers.chunks(2).map(|numbers| f32::from_bits(pair(numbers))).collect()
}

/// The numbers that [`packed`] put into words.
fn unpacked(words: &[f32]) -> impl Iterator<Item = f32> {
    let number = |bits: u32| f32::from_bits(bits << 16);
    words.iter().flat_map(move |word| [word.to_bits(), word.to_bits() >> 16]).map(number)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Threads;

    fn sums(size: usize, length: usize, number: impl Fn(usize, usize) -> f32 + Sync) -> Vec<Vec<f32>> {
        Threads::run(size, |ranks| {
            let mut numbers: Vec<f32> = (0..length).map(|i| number(ranks.rank(), i)).collect();
            in_bf16(&ranks, &mut numbers).unwrap();
            numbers
        })
    }

    #[test]
    fn numbers_that_bf16_has_are_added_exactly() {
        let number = |rank: usize, i: usize| ((i % 61) as f32 - 30.) * if rank == 0 { 1. } else { 0.5 };
        for (size, length) in [(1, 7), (2, 1), (3, 2), (3, 1001), (4, 0)] {
            let expected: Vec<f32> =
                (0..length).map(|i| (0..size).map(|rank| number(rank, i)).sum()).collect();
            sums(size, length, number).iter().for_each(|sums| assert_eq!(*sums, expected));
        }
    }

    #[test]
    fn others_are_right_to_the_digits_of_bf16_and_the_same_everywhere() {
        let number = |rank: usize, i: usize| 1. + (rank * 31 + i) as f32 / 997.;
        let found = sums(3, BUCKET + 5, number);
        assert!(found[0] == found[1] && found[1] == found[2]);
        for (i, sum) in found[0].iter().enumerate().step_by(1013).chain([(BUCKET + 4, &found[0][BUCKET + 4])])
        {
            let exact: f32 = (0..3).map(|rank| number(rank, i)).sum();
            assert!((sum / exact - 1.).abs() <= 2_f32.powi(-7), "{i}: {sum}, expected {exact}");
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        let number = |rank: usize, _| if rank == 1 { f32::NAN } else { 1. };
        assert!(sums(2, 3, number).concat().iter().all(|sum| sum.is_nan()));
        assert_eq!(sums(2, 1, |_, _| f32::INFINITY)[1], [f32::INFINITY]);
    }
}
