use super::super::super::tests::{bits, numbers, view, wild, wild_products};
use super::super::copies;
use super::{product, supported, takes};
use crate::compute::product::Matrix;

/// Packed and by copies, from the same old result.
fn compare(dims: (usize, usize, usize), a: Matrix<f32>, b: Matrix<f32>, old: &[f32], add: bool) {
    let [mut packed, mut copied] = [old.to_vec(), old.to_vec()];
    // SAFETY: the views and the results have these dimensions; the caller has asked whether there are the instructions.
    unsafe {
        product(dims, a, b, packed.as_mut_ptr(), dims.1, add);
        copies::product(dims, a, b, copied.as_mut_ptr(), dims.1, add);
    }
    assert!(bits(&packed) == bits(&copied), "{dims:?}");
}

#[test]
fn rounding_in_packing_has_the_bits_of_rounded_copies() {
    if !supported() {
        return println!("NOT RUN: this processor has no AVX2, so its packing was not compared with copies");
    }
    wild_products(|dims, a, b, old, add| {
        if takes(dims) {
            compare(dims, a, b, old, add);
        }
    });
}

#[test]
fn several_packed_blocks_have_the_bits_of_rounded_copies() {
    if !supported() {
        return println!("NOT RUN: this processor has no AVX2, so its packing was not compared with copies");
    }
    let state = &mut 5;
    for (i, (m, n, k)) in
        [(391, 70, 600), (600, 17, 30), (97, 2100, 9), (400, 2070, 5), (2, 129, 3)].into_iter().enumerate()
    {
        let spare = |rows: usize, columns: usize| 2 * (rows + 5) * (columns + 5);
        let (a, b, old) = (wild(spare(m, k), state), numbers(spare(k, n), state), numbers(m * n, state));
        for layout in 0..25 {
            let (a, b) = (view(&a, (m, k), layout % 5), view(&b, (k, n), layout / 5));
            compare((m, n, k), a, b, &old, i % 2 == 0);
        }
    }
}
