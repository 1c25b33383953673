//! Spectral descent against the matrix products that it consists of: `cargo bench -p sisgd --bench spectral`.
//!
//! Beside each block's step, in the same rounds and with the same threads, candle multiplies matrices with as many
//! multiplications as the step's formula needs at least: `X P` and half of `Xᵀ X`, and of (n, n) half of the 18 products of
//! Newton-Schulz, half because they are symmetric, or the two inverses of Zolotarev's function, n³/2 each. The ratio of the
//! medians is what is to be small.

use candle_core::backprop::GradStore;
use candle_core::{Device, Result, Tensor, Var};
use sisgd::{Block, Factor, Polar, Spectral, SpectralConfig};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 9;

/// Blocks of one kind: what they are in a model, rows, columns, and how many of them.
const CASES: [(&str, usize, usize, usize); 6] = [
    ("query of tiny", 128, 128, 8),
    ("feed-forward of tiny", 512, 128, 4),
    ("decoder of tiny", 2048, 128, 1),
    ("query of base", 768, 768, 4),
    ("feed-forward of base", 3072, 768, 2),
    ("decoder of base", 30522, 768, 1),
];

fn main() -> Result<()> {
    let threads = rayon::current_num_threads();
    println!("{threads} threads, medians of {ROUNDS} rounds");
    for (polar, name, small) in
        [(Polar::NewtonSchulz, "Newton-Schulz", 9), (Polar::Zolotarev, "Zolotarev", 1)]
    {
        println!(
            "{name:24} {:>14} {:>10} {:>10} {:>10} {:>6}",
            "shape", "ms", "GFLOP/s", "products", "ratio"
        );
        CASES.into_iter().try_for_each(|case| measure(case, polar, small))?;
    }
    Ok(())
}

/// The step of some blocks beside `small` products (n, n) and those with the matrix.
fn measure(
    (name, rows, columns, count): (&str, usize, usize, usize),
    polar: Polar,
    small: usize,
) -> Result<()> {
    let normal = |shape| Tensor::randn(0f32, 1., shape, &Device::Cpu);
    let mut grads = GradStore::default();
    let block = |i: usize| {
        let var = Var::from_tensor(&normal((rows, columns))?)?;
        grads.insert(&var, normal((rows, columns))?);
        Ok(Block { factor: Factor::Orthogonal, vars: vec![(format!("var{i}"), var)] })
    };
    let blocks = (0..count).map(block).collect::<Result<Vec<_>>>()?;
    let mut spectral =
        Spectral::new(blocks, SpectralConfig { polar: Some(polar), ..SpectralConfig::ROTATION })?;
    let (n, m) = (rows.min(columns), rows.max(columns));
    let multiplications = (count * (3 * m * n * n / 2 + small * n * n * n)) as f64;
    let (a, b) = (normal((m, n))?, normal((n, n))?);
    let products = (multiplications / (m * n * n) as f64).ceil() as usize;
    let mut times = [vec![], vec![]];
    for _ in 0..ROUNDS {
        let start = Instant::now();
        spectral.step(&grads, 0.01)?;
        times[0].push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        for _ in 0..products {
            black_box(a.matmul(&b)?);
        }
        let made = (products * m * n * n) as f64;
        times[1].push(start.elapsed().as_secs_f64() * multiplications / made);
    }
    let [step, products] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    });
    let shape = format!("{count} x {rows}x{columns}");
    let rate = |seconds: f64| 2e-9 * multiplications / seconds;
    println!(
        "{name:24} {shape:>14} {:>10.2} {:>10.1} {:>10.1} {:>6.2}",
        1e3 * step,
        rate(step),
        rate(products),
        step / products
    );
    Ok(())
}
