//! The tiles of this processor against the emulated ones, to the bit.
//!
//! Where there are none the tests say that they were not run; `just amx` runs them on an emulated processor that has tiles.

use std::thread;

use half::bf16;

use super::super::operand::{Operand, Row};
use super::super::round::flush;
use super::super::tests::{bits, emulated_tiles, place, products_of, tiles, wild, wild_products, word};
use super::super::vectors;
use super::super::{Matrix, Numbers};
use super::pack::{PANEL, pack, panel_rows};
use super::{Emulated, Tiles, product, tiles_agree, tiles_supported};

/// Does `f` where there are tiles; says whether it has.
fn in_tiles(f: impl FnOnce()) {
    if !tiles_supported() {
        return println!(
            "NOT RUN: this processor has no AMX-BF16, so its tiles were not compared with the emulator"
        );
    }
    f();
    println!("RUN: the tiles of this processor have the emulator's bits");
}

/// Panics unless the tiles' result, and what is between its rows, has the bits of the emulator's; a NaN may be another NaN.
fn compare<const P: usize>(
    (m, n, k): (usize, usize, usize),
    a: Matrix<f32>,
    b: Matrix<f32>,
    old: &[f32],
    add: bool,
) {
    let stride = n + 3;
    let [mut found, mut expected] =
        [0, 1].map(|_| old.iter().copied().cycle().take(m * stride).collect::<Vec<f32>>());
    // SAFETY: the views and the results have these dimensions; the caller has asked for the tiles.
    unsafe {
        tiles::<P>(k, a, b, place((m, n, k), found.as_mut_ptr(), stride, add));
        emulated_tiles::<P>(k, a, b, place((m, n, k), expected.as_mut_ptr(), stride, add));
    }
    for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let same = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
        assert!(same, "({m}, {n}, {k}) in {P} parts at {at}: {found:e}, emulated {expected:e}");
    }
}

/// Numbers with an infinity, a NaN, a zero or one at an end of the range among every forty.
fn special(len: usize, state: &mut u64) -> Vec<f32> {
    const SPECIAL: [f32; 8] =
        [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -0., f32::MAX, f32::MIN, f32::MIN_POSITIVE, -1e-40];
    let number = |word: u64| match word % 40 {
        0 => SPECIAL[(word >> 32) as usize % SPECIAL.len()],
        _ => (word >> 40) as f32 / (1 << 23) as f32 - 1.,
    };
    (0..len).map(|_| number(word(state))).collect()
}

#[test]
fn tiles_have_the_bits_of_the_emulator() {
    in_tiles(|| {
        wild_products(compare::<1>);
        wild_products(compare::<2>);
    });
}

#[test]
fn tiles_have_infinities_and_nan_where_the_emulator_has() {
    in_tiles(|| {
        products_of(special, compare::<1>);
        products_of(special, compare::<2>);
    });
}

/// Twenty sums into one result, which begins with negative zeros.
#[test]
fn tiles_go_on_from_their_own_results() {
    const SIZES: (usize, usize, usize) = (70, 45, 32);
    in_tiles(|| {
        let (m, n, k) = SIZES;
        let state = &mut 17;
        let [mut found, mut expected] = [0, 1].map(|_| vec![-0f32; m * n]);
        for _ in 0..20 {
            let (a, b) = (wild(m * k, state), wild(k * n, state));
            let (a, b) = (Matrix::rows(&a, k), Matrix::rows(&b, n));
            // SAFETY: the matrices and the results have these dimensions, and there are tiles.
            unsafe {
                tiles::<1>(k, a, b, place(SIZES, found.as_mut_ptr(), n, true));
                emulated_tiles::<1>(k, a, b, place(SIZES, expected.as_mut_ptr(), n, true));
            }
            assert!(bits(&found) == bits(&expected));
        }
    });
}

/// Threads that the system stops and continues keep their registers: between products, and between configuration and product.
#[test]
fn threads_keep_their_tiles() {
    const SIZES: (usize, usize, usize) = (64, 64, 256);
    in_tiles(|| {
        let work = |seed: u64| {
            let (m, n, k) = SIZES;
            let (a, b) = (wild(m * k, &mut { seed }), wild(k * n, &mut (seed + 1)));
            let (a, b) = (Matrix::rows(&a, k), Matrix::rows(&b, n));
            let [mut found, mut expected] = [0, 1].map(|_| vec![0f32; m * n]);
            // SAFETY: the matrices and the results have these dimensions, and there are tiles.
            unsafe {
                product::<1, _>(
                    1,
                    || Emulated,
                    k,
                    a.into(),
                    b.into(),
                    place(SIZES, expected.as_mut_ptr(), n, false),
                );
                for _ in 0..100 {
                    let tiles = || {
                        let tiles = Tiles::configured();
                        thread::yield_now();
                        tiles
                    };
                    product::<1, _>(
                        1,
                        tiles,
                        k,
                        a.into(),
                        b.into(),
                        place(SIZES, found.as_mut_ptr(), n, false),
                    );
                    assert!(bits(&found) == bits(&expected), "thread of seed {seed}");
                }
            }
        };
        thread::scope(|scope| (0..4).for_each(|i| drop(scope.spawn(move || work(2 * i + 1)))));
    });
}

#[test]
fn a_processor_with_tiles_passes_the_check_before_they_are_used() {
    in_tiles(|| assert!(tiles_agree()));
}

/// The vectors of AVX-512 pack both operands, in one part and in two, as plain Rust does.
#[test]
fn vectors_pack_what_plain_rust_packs() {
    fn compare<const P: usize>(x: Operand) {
        let (lines, depth) = x.size();
        let rows = lines.div_ceil(PANEL) * panel_rows::<P>(depth);
        let [mut found, mut expected] = [0, 1].map(|_| vec![Row::ZERO; rows]);
        // SAFETY: the operand is inside its slice, and there are the vectors. Tiles pack by them alone.
        unsafe {
            pack::<P, Tiles>(x, found.as_mut_ptr(), (0, 1));
            pack::<P, Emulated>(x, expected.as_mut_ptr(), (0, 1));
        }
        assert!(found == expected, "{lines} lines of {depth} in {P} parts");
    }
    if !vectors::supported() {
        return println!(
            "NOT RUN: this processor has no AVX512-BF16, so packing by its vectors was not tested"
        );
    }
    for numbers in [wild, special] {
        products_of(numbers, |(m, n, k), a, b, _, _| {
            // Subnormal numbers, for which tiles read zero, are not stored in bfloat16.
            let rounded =
                [a, b].map(|x| x.data.iter().map(|&x| bf16::from_f32(flush(x))).collect::<Vec<_>>());
            let [ra, rb] = [(&rounded[0], a), (&rounded[1], b)]
                .map(|(data, x)| Numbers::Bf16(Matrix { data, row: x.row, column: x.column }));
            for x in [Operand::left(a.into(), m, k), Operand::right(b.into(), n, k)] {
                compare::<1>(x);
                compare::<2>(x);
            }
            compare::<1>(Operand::left(ra, m, k));
            compare::<1>(Operand::right(rb, n, k));
        });
    }
    println!("RUN: the vectors of this processor pack what plain Rust packs");
}
