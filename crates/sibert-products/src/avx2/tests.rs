use super::super::bf16::tests::{bits, numbers, place, view, wild, wild_products};
use super::super::{Finish, Matrix, Place, native};
use super::{Exact, Packing, Rounded, product, supported, takes};
use crate::bf16::rounded::copies;

/// Whether the kernel can be compared with `gemm` here.
fn can_run() -> bool {
    if !supported() {
        println!("NOT RUN: this processor has no AVX2, so its kernel was not compared with `gemm`");
    }
    supported()
}

/// What the kernel makes of an old result, and what `gemm` does, by way of rounded copies or exactly.
fn compare_finished<P: Packing>(
    dims: (usize, usize, usize),
    a: Matrix<f32>,
    b: Matrix<f32>,
    old: &[f32],
    add: bool,
    finish: Finish<f32>,
    by_gemm: unsafe fn(usize, Matrix<f32>, Matrix<f32>, Place),
) {
    let [mut own, mut expected] = [old.to_vec(), old.to_vec()];
    let stride = old.len() / dims.0;
    // SAFETY: the views and the results have these dimensions; the caller has asked whether there are the instructions.
    unsafe {
        product::<P>(dims.2, a, b, Place { finish, ..place(dims, own.as_mut_ptr(), stride, add) });
        by_gemm(dims.2, a, b, Place { finish, ..place(dims, expected.as_mut_ptr(), stride, add) });
    }
    assert!(bits(&own) == bits(&expected), "{dims:?}");
}

/// Exact and rounded, finished in one of four ways; there may be gaps between the rows of the result.
fn compare(dims: (usize, usize, usize), a: Matrix<f32>, b: Matrix<f32>, old: &[f32], add: bool, way: usize) {
    let (m, n, _) = dims;
    let (bias, other) = (wild(n, &mut 3), wild(m * (n + 3), &mut 4));
    let finish = match way % 4 {
        0 => Finish::Nothing,
        1 => Finish::Bias(&bias),
        2 => Finish::BiasRelu(&bias),
        _ => Finish::Plus(Matrix::rows(&other, n + 3)),
    };
    compare_finished::<Exact>(dims, a, b, old, add, finish, native::product);
    compare_finished::<Rounded>(dims, a, b, old, add, finish, copies::product);
}

#[test]
fn products_of_wild_numbers_have_the_bits_of_gemm() {
    if can_run() {
        wild_products(|dims, a, b, old, add| {
            for way in (0..4).filter(|_| takes(dims)) {
                compare(dims, a, b, old, add, way);
            }
        });
    }
}

/// Edges of tiles and of blocks of rows, columns and depth, in every layout of both operands.
#[test]
fn products_of_several_blocks_have_the_bits_of_gemm() {
    let state = &mut 5;
    let shapes = [
        (391, 70, 600),
        (600, 17, 30),
        (97, 2100, 9),
        (400, 2070, 5),
        (2, 129, 3),
        (17, 16, 511),
        (6, 48, 512),
        (13, 31, 513),
        (385, 18, 1025),
        (96, 64, 1024),
    ];
    for (i, (m, n, k)) in shapes.into_iter().enumerate().filter(|_| can_run()) {
        let spare = |rows: usize, columns: usize| 2 * (rows + 5) * (columns + 5);
        let (a, b) = (wild(spare(m, k), state), wild(spare(k, n), state));
        let old = numbers(m * (n + i % 3), state);
        for layout in 0..25 {
            let (a, b) = (view(&a, (m, k), layout % 5), view(&b, (k, n), layout / 5));
            let way = i + layout as usize;
            compare((m, n, k), a, b, &old, way.is_multiple_of(2), way);
        }
    }
}
