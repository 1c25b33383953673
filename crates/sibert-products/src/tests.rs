use rayon::ThreadPoolBuilder;

use super::bf16::tests::{bits, numbers, place, view};
use super::*;

/// `gemm` on one thread is the oracle.
#[test]
fn divided_products_have_the_bits_of_gemm_on_any_number_of_threads() -> Result<(), Box<dyn std::error::Error>>
{
    let state = &mut 9;
    for (way, dims) in [(300, 70, 700), (70, 300, 40), (2500, 33, 64), (40, 2500, 20), (33, 600, 1030)]
        .into_iter()
        .enumerate()
    {
        let (m, n, k) = dims;
        let spare = |rows: usize, columns: usize| 2 * (rows + 5) * (columns + 5);
        let (a, b) = (numbers(spare(m, k), state), numbers(spare(k, n), state));
        let (bias, old) = (numbers(n, state), numbers(m * n, state));
        for layout in [0, 1, 5, 6] {
            let (a, b) = (view(&a, (m, k), layout % 5), view(&b, (k, n), layout / 5));
            let finish =
                [Finish::Bias(&bias), Finish::BiasRelu(&bias), Finish::Plus(Matrix::rows(&old, n))][way % 3];
            let [mut finished, mut added] = [old.clone(), old.clone()];
            // SAFETY: the views and the results have these dimensions.
            unsafe {
                native::product(k, a, b, Place { finish, ..place(dims, finished.as_mut_ptr(), n, false) });
                native::product(k, a, b, place(dims, added.as_mut_ptr(), n, true));
            }
            for threads in [1, 2, 3, 4, 6, 12] {
                let pool = ThreadPoolBuilder::new().num_threads(threads).build()?;
                let (mut sum, precision) = (old.clone(), Precision::F32);
                pool.install(|| add_parallel(precision, dims, a, b, &mut sum));
                let product = pool.install(|| parallel(precision, dims, a, b, finish));
                assert!(bits(&sum) == bits(&added), "{dims:?} added by {threads} threads");
                assert!(bits(&product) == bits(&finished), "{dims:?} by {threads} threads");
            }
        }
    }
    Ok(())
}

#[test]
#[should_panic(expected = "what a product is finished with has other dimensions")]
fn a_bias_of_another_length_is_refused() {
    let x = [1.; 6];
    parallel::<f32>(
        Precision::F32,
        (2, 2, 3),
        Matrix::rows(&x, 3),
        Matrix::rows(&x, 2),
        Finish::Bias(&x[..3]),
    );
}

#[test]
#[should_panic(expected = "numbers in bfloat16 for a product that has not stored them")]
fn a_product_in_f32_refuses_operands_in_bfloat16() {
    let (x, rounded) = ([1.; 6], [half::bf16::ONE; 6]);
    let rounded = Numbers::Bf16(Matrix::rows(&rounded, 3));
    parallel::<f32>(Precision::F32, (2, 2, 3), rounded, Matrix::rows(&x, 2), Finish::Nothing);
}

/// What a precision stores is what the next product would have rounded: by the way of this processor, whichever it is.
#[test]
fn products_of_stored_results_have_the_bits_of_products_of_the_results() {
    let (m, n, k) = (70, 75, 600);
    let state = &mut 13;
    let (a, b, c) = (numbers(m * k, state), numbers(k * n, state), numbers(n * m, state));
    let (a, b, c) = (Matrix::rows(&a, k), Matrix::rows(&b, n), Matrix::rows(&c, m));
    for precision in [Precision::F32, Precision::Bf16, Precision::Bf16x3] {
        let whole = parallel(precision, (m, n, k), a, b, Finish::Nothing);
        let kept = stored(precision, (m, n, k), a, b, Finish::Nothing);
        assert_eq!(matches!(kept, Stored::Bf16(_)), precision.stores_bf16());
        let expected = parallel(precision, (m, m, n), Matrix::rows(&whole, n), c, Finish::Nothing);
        let found = parallel(precision, (m, m, n), kept.rows(n), c, Finish::Nothing);
        assert!(bits(&found) == bits(&expected), "{precision}");
    }
}
