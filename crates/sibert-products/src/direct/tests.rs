use super::super::bf16::tests::{bits, numbers, place, view};
use super::super::native;
use super::*;

/// What `multiply` leaves in a result with gaps between its rows; `gemm` is the oracle.
fn compare(name: &str, multiply: impl Fn(Product)) {
    let state = &mut 11;
    for dims in
        [(2, 512, 3), (5, 64, 16), (32, 16, 32), (33, 48, 37), (128, 32, 128), (13, 80, 512), (27, 32, 5)]
    {
        let (m, n, k) = dims;
        let (a, b) = (numbers(2 * (m + 5) * (k + 5), state), numbers(2 * (n + 5) * (k + 5), state));
        let (stride, old) = (n + 3, numbers(m * (n + 3), state));
        for (left, right) in [(0, 0), (1, 2), (2, 0), (3, 2), (4, 0)] {
            let (a, b) = (view(&a, (m, k), left), view(&b, (k, n), right));
            for add in [false, true] {
                let [mut own, mut expected] = [old.clone(), old.clone()];
                multiply(Product { k, a, b, place: place(dims, own.as_mut_ptr(), stride, add) });
                // SAFETY: the views and the result have these dimensions.
                unsafe { native::product(k, a, b, place(dims, expected.as_mut_ptr(), stride, add)) };
                assert!(bits(&own) == bits(&expected), "{name}: {dims:?} of views {left} and {right}, {add}");
            }
        }
    }
}

#[test]
fn direct_products_have_the_bits_of_gemm() {
    if !matches!(arch(), Arch::Scalar) {
        compare("the widest vectors", |product| arch().dispatch(product));
    }
    #[cfg(target_arch = "x86_64")]
    match pulp::x86::V3::try_new() {
        Some(avx2) => compare("AVX2", |product| Arch::V3(avx2).dispatch(product)),
        None => println!("NOT RUN: this processor has no AVX2"),
    }
}

#[test]
fn only_whole_vectors_of_contiguous_rows_are_multiplied_directly() {
    let x = [0.; 64];
    let takes = |b: Matrix<f32>, columns: usize| {
        super::takes(Precision::F32, 2, b, &place((2, columns, 2), std::ptr::null_mut(), 32, false))
    };
    assert!(!takes(Matrix::rows(&x, 32), 17));
    assert!(!takes(Matrix::rows(&x, 2).t(), 32));
    assert_eq!(takes(Matrix::rows(&x, 32), 32), !matches!(arch(), Arch::Scalar));
}
