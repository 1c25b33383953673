//! The products of linear layers, in f32 and bf16, against `gemm` in f32: `cargo bench -p sibert-products`, with
//! RAYON_NUM_THREADS as wanted.
//!
//! A layer makes three products: y = x Wᵀ, dx = dy W, and dW = dyᵀ x, here all added to what is there, so that no memory is
//! allocated. Ours and those of the crate `gemm`, on the same threads, take turns. A ratio is of our time to that of `gemm` in the same
//! round; shown are the median and the quartiles.

use std::time::Instant;

use sibert_products::{Matrix, Precision, Route, add_parallel};

const ROUNDS: usize = 31;

/// Rows of x, columns of x, rows of W.
const LAYERS: [(usize, usize, usize); 8] = [
    (2048, 256, 256),
    (2048, 256, 1024),
    (2048, 1024, 256),
    (307, 256, 8192),
    (4096, 128, 512),
    (4096, 512, 128),
    (614, 128, 2048),
    (2048, 384, 1536),
];

/// One product of (m, n, k) and its operands.
struct Product<'a> {
    name: &'static str,
    dims: (usize, usize, usize),
    a: Matrix<'a, f32>,
    b: Matrix<'a, f32>,
}

fn main() {
    let (route, threads) = (Route::current(), rayon::current_num_threads());
    println!("{threads} threads, {ROUNDS} rounds, bf16 by {}", route.sums());
    println!("{:18} {:14} {:>10}  {:>18}  {:>18}", "", "", "GFLOP/s", "f32 / gemm", "bf16 / gemm");
    for (rows, inside, outside) in LAYERS {
        let numbers = |count: usize| -> Vec<f32> {
            (0..count).map(|i| (i.wrapping_mul(2_654_435_761) % 1021) as f32 / 1021. - 0.5).collect()
        };
        let (x, w, dy) = (numbers(rows * inside), numbers(outside * inside), numbers(rows * outside));
        let (x, w, dy) = (Matrix::rows(&x, inside), Matrix::rows(&w, inside), Matrix::rows(&dy, outside));
        for product in [
            Product { name: "y = x Wᵀ", dims: (rows, outside, inside), a: x, b: w.t() },
            Product { name: "dx = dy W", dims: (rows, inside, outside), a: dy, b: w },
            Product { name: "dW = dyᵀ x", dims: (outside, inside, rows), a: dy.t(), b: x },
        ] {
            measure(&format!("{rows} x {inside} to {outside}"), &product);
        }
    }
}

fn measure(layer: &str, product: &Product) {
    let (m, n, k) = product.dims;
    let [mut ours, mut theirs] = [0, 1].map(|_| vec![0f32; m * n]);
    let mut add = |precision| add_parallel(precision, product.dims, product.a, product.b, &mut ours);
    let mut seconds = [vec![], vec![], vec![]];
    let repeats = (1 << 28) / (m * n * k) + 1;
    for _ in 0..ROUNDS {
        for (way, seconds) in seconds.iter_mut().enumerate() {
            let start = Instant::now();
            for _ in 0..repeats {
                match way {
                    0 => by_gemm(product, &mut theirs),
                    1 => add(Precision::F32),
                    _ => add(Precision::Bf16),
                }
            }
            seconds.push(start.elapsed().as_secs_f64() / repeats as f64);
        }
    }
    let [gemm, f32s, bf16s] = &seconds;
    let ratio = |ours: &[f64]| {
        let [low, middle, high] = quartiles(ours.iter().zip(gemm).map(|(ours, gemm)| ours / gemm).collect());
        format!("{middle:.2} ({low:.2}-{high:.2})")
    };
    let rate = 2e-9 * (m * n * k) as f64 / quartiles(f32s.clone())[1];
    println!("{layer:18} {:14} {rate:>10.0}  {:>18}  {:>18}", product.name, ratio(f32s), ratio(bf16s));
}

/// The peer's product.
fn by_gemm(&Product { dims: (m, n, k), a, b, .. }: &Product, c: &mut [f32]) {
    // SAFETY: the matrices have these dimensions, and `c` is (m, n).
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n as isize,
            true,
            a.data.as_ptr(),
            a.column as isize,
            a.row as isize,
            b.data.as_ptr(),
            b.column as isize,
            b.row as isize,
            1.,
            1.,
            false,
            false,
            false,
            gemm::Parallelism::Rayon(0),
        );
    }
}

/// The quartiles of some numbers.
fn quartiles(mut numbers: Vec<f64>) -> [f64; 3] {
    numbers.sort_by(f64::total_cmp);
    [1, 2, 3].map(|q| numbers[q * (numbers.len() - 1) / 4])
}
