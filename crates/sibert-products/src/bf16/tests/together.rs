//! Products whose operands many threads pack together, and numbers that are kept in bfloat16 for them.

use half::bf16;

use super::super::{Matrix, Numbers, Place, amx};
use super::{bits, numbers, place, rounded_numbers, view, wild, wild_products};
use crate::Finish;
use crate::bf16::round::flush;

/// A product by so many threads, who pack an operand together.
type Together = unsafe fn(usize, usize, Numbers<f32>, Numbers<f32>, Place);

/// The ways to a product by many threads that this processor has, of operands in `P` parts.
fn together<const P: usize>() -> Vec<(&'static str, Together)> {
    unsafe fn emulated<const P: usize>(
        threads: usize,
        k: usize,
        a: Numbers<f32>,
        b: Numbers<f32>,
        place: Place,
    ) {
        // SAFETY: the caller's promise.
        unsafe { amx::product::<P, _>(threads, || amx::Emulated, k, a, b, place) }
    }
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    unsafe fn tiles<const P: usize>(
        threads: usize,
        k: usize,
        a: Numbers<f32>,
        b: Numbers<f32>,
        place: Place,
    ) {
        // SAFETY: the caller's promise; only a processor with tiles has this way.
        unsafe { amx::product::<P, _>(threads, || amx::Tiles::configured(), k, a, b, place) }
    }
    let mut ways: Vec<(&str, Together)> = vec![("emulated tiles", emulated::<P>)];
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if amx::tiles_supported() {
        ways.push(("tiles", tiles::<P>));
    }
    #[cfg(target_arch = "x86_64")]
    if P == 1 && super::super::vectors::supported() {
        ways.push(("vectors", super::super::vectors::product::<P>));
    }
    ways
}

/// Operands that were rounded before, in every layout: the oracle's rounding is that of the crate `half`.
#[test]
fn operands_in_bfloat16_have_the_bits_of_those_that_are_rounded_on_the_way() {
    for (name, way) in together::<1>() {
        wild_products(|(m, n, k), a, b, old, add| {
            let (ra, rb) = (rounded_numbers(a.data), rounded_numbers(b.data));
            let ra = Numbers::Bf16(Matrix { data: &ra, row: a.row, column: a.column });
            let rb = Numbers::Bf16(Matrix { data: &rb, row: b.row, column: b.column });
            let result = |a: Numbers<f32>, b: Numbers<f32>| {
                let mut c = old.to_vec();
                // SAFETY: the views and `c` have these dimensions.
                unsafe { way(2, k, a, b, place((m, n, k), c.as_mut_ptr(), n, add)) };
                bits(&c)
            };
            let expected = result(a.into(), b.into());
            assert!(result(ra, rb) == expected, "{name} ({m}, {n}, {k}), both");
            assert!(result(ra, b.into()) == expected, "{name} ({m}, {n}, {k}), the left one");
            assert!(result(a.into(), rb) == expected, "{name} ({m}, {n}, {k}), the right one");
        });
    }
}

/// The bits that the numbers of the result have in bfloat16, which are zero where they would be subnormal; with what a product is
/// finished with, edges, and a depth of several blocks or of nothing.
#[test]
fn a_result_in_bfloat16_is_the_rounded_result() {
    let state = &mut 41;
    for (name, way) in together::<1>() {
        for dims in [(70, 75, 40), (64, 96, 256), (251, 33, 1027), (5, 1101, 513), (3, 18, 0)] {
            let (m, n, k) = dims;
            let (a, b) = (wild(m * k + 1, state), wild(k * n + 1, state));
            let (a, b) = (Matrix::rows(&a, k).into(), Matrix::rows(&b, n).into());
            let (bias, y) = (numbers(n, state), rounded_numbers(&numbers(m * n, state)));
            for finish in [Finish::Nothing, Finish::BiasRelu(&bias), Finish::Where(Matrix::rows(&y, n))] {
                let [mut exact, mut sums] = [0, 1].map(|_| vec![0f32; m * n]);
                let mut found = vec![bf16::NAN; m * n];
                // SAFETY: the matrices, the results and what they are finished with have these dimensions.
                unsafe {
                    way(2, k, a, b, Place { finish, ..place(dims, exact.as_mut_ptr(), n, false) });
                    let to = Some(found.as_mut_ptr());
                    way(
                        2,
                        k,
                        a,
                        b,
                        Place { finish, rounded: to, ..place(dims, sums.as_mut_ptr(), n, false) },
                    );
                }
                for (i, (found, &exact)) in found.iter().zip(&exact).enumerate() {
                    let expected = bf16::from_f32(flush(exact));
                    assert_eq!(found.to_bits(), expected.to_bits(), "{name} {dims:?} at {i}: {exact:e}");
                }
            }
        }
    }
}

/// However the threads divide the lines of both sides and the packing: sides longer than what is packed at once, a depth that is packed
/// in several pieces, fewer lines than threads, a result that was begun.
#[test]
fn many_threads_have_the_bits_of_one() {
    let state = &mut 31;
    for (name, way) in [together::<1>(), together::<2>()].concat() {
        for (layout, dims) in
            [(300, 75, 1200), (75, 300, 1200), (1100, 1060, 40), (40, 33, 60_000), (5, 3, 70)]
                .into_iter()
                .enumerate()
        {
            let (m, n, k) = dims;
            let (a, b, old) = (numbers(m * k, state), numbers(n * k, state), numbers(m * n, state));
            let a = view(&a, (m, k), layout as u64 % 2).into();
            let b = view(&b, (k, n), layout as u64 / 2 % 2).into();
            let result = |threads: usize| {
                let mut c = old.clone();
                // SAFETY: the views and `c` have these dimensions.
                unsafe { way(threads, k, a, b, place(dims, c.as_mut_ptr(), n, layout % 2 == 0)) };
                bits(&c)
            };
            let one = result(1);
            for threads in [2, 7, 32] {
                assert!(result(threads) == one, "{name} {dims:?} by {threads} threads");
            }
        }
    }
}
