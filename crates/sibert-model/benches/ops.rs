//! Every operation against the machine's limit: `cargo bench -p sibert-model`, with RAYON_NUM_THREADS as wanted; or those whose
//! names contain a word: `cargo bench -p sibert-model --bench ops -- attention`.
//!
//! Element-wise operations are held against the time in which memory moves the bytes that they must read and write,
//! those made of products against one large product of `gemm`, both measured in the same run on the same threads. What
//! is still in a cache is faster than memory.

use std::hint::black_box;
use std::time::Instant;

use candle_core::{DType, Device, Result, Tensor, Var};
use rayon::prelude::*;
use sibert_model::ops::{self, Weights};
use sibert_model::{Gradients, Precision, Recycler, Tape};

#[global_allocator]
static ALLOCATOR: Recycler = Recycler::new();

const BATCH: usize = 16;
const SEQ: usize = 128;
const HIDDEN: usize = 256;
const WIDE: usize = 4 * HIDDEN;
const HEADS: usize = 4;
const SHORT: usize = 32;
const SMALL: usize = 16;
const MASKED: usize = 307;
const VOCAB: usize = 8192;
const TOKENS: usize = BATCH * SEQ;

/// Times a pass is repeated; the median counts.
const REPEATS: usize = 21;

/// The work that an operation cannot avoid.
enum Work {
    /// f32 numbers read or written, forward and backward.
    Floats(usize, usize),
    /// Multiplications and additions, forward and backward.
    Flops(usize, usize),
}

fn main() -> Result<()> {
    rayon::ThreadPoolBuilder::new().build().map_err(candle_core::Error::wrap)?.install(run)
}

fn run() -> Result<()> {
    let bandwidth = copy_bandwidth();
    let flops = product_rate()?;
    println!(
        "{} threads: memory {:.1} GB/s, product {:.0} GFLOP/s\n",
        rayon::current_num_threads(),
        bandwidth / 1e9,
        flops / 1e9
    );
    println!("{:36} {:>12} {:>12}   of the limit", "operation", "forward", "backward");

    let stream = TOKENS * HIDDEN;
    let hidden = || Tensor::randn(0f32, 1., (BATCH, SEQ, HIDDEN), &Device::Cpu);
    let matrix = |m: usize, n: usize| Tensor::randn(0f32, 0.05, (m, n), &Device::Cpu);
    let vector = |n: usize| Tensor::randn(0f32, 0.05, n, &Device::Cpu);
    let keep = Tensor::ones((BATCH, SEQ), DType::F32, &Device::Cpu)?;
    let ids = |count: usize, below: usize| {
        let id = |i: usize| (i.wrapping_mul(2_654_435_761) % below) as u32;
        Tensor::from_iter((0..count).map(id), &Device::Cpu)
    };
    let (tokens, zeros) =
        (ids(TOKENS, VOCAB)?.reshape((BATCH, SEQ))?, ids(TOKENS, 1)?.reshape((BATCH, SEQ))?);
    let (positions, labels) = (ids(MASKED, TOKENS)?, ids(MASKED, VOCAB)?);

    let limits = (bandwidth, flops);
    let measure = |name: &str, work: Work, inputs: Vec<Tensor>, f: &dyn Fn(&[Tensor]) -> Result<Tensor>| {
        report(name, work, limits, &inputs, f)
    };
    measure("normalize", Work::Floats(2 * stream, 3 * stream), vec![hidden()?], &|x| ops::normalize(&x[0]))?;
    let affine = vec![hidden()?, vector(HIDDEN)?, vector(HIDDEN)?];
    measure("normalize_affine", Work::Floats(2 * stream, 3 * stream), affine.clone(), &|x| {
        ops::normalize_affine(&x[0], &x[1], &x[2])
    })?;
    measure("layer_norm", Work::Floats(2 * stream, 3 * stream), affine, &|x| {
        ops::layer_norm(&x[0], &x[1], &x[2], 1e-12)
    })?;
    measure("dropout", Work::Floats(2 * stream, 2 * stream), vec![hidden()?], &|x| {
        ops::dropout(&x[0], 0.1, 1, 0)
    })?;
    measure("residual", Work::Floats(3 * stream, 2 * stream), vec![hidden()?, hidden()?], &|x| {
        ops::residual(&x[0], &x[1], 0.1, 1, 0)
    })?;
    for dim in [HIDDEN / HEADS, SMALL] {
        let heads = HIDDEN / dim;
        measure(
            &format!("rotary, heads of {dim}"),
            Work::Floats(2 * stream, 2 * stream),
            vec![hidden()?],
            &|x| ops::rotary(&x[0], heads, 1e4),
        )?;
        measure(
            &format!("unit_heads, heads of {dim}"),
            Work::Floats(2 * stream, 3 * stream),
            vec![hidden()?],
            &|x| ops::unit_heads(&x[0], heads),
        )?;
        measure(
            &format!("unit_heads_rotary, of {dim}"),
            Work::Floats(2 * stream, 3 * stream),
            vec![hidden()?],
            &|x| ops::unit_heads_rotary(&x[0], heads, 1e4),
        )?;
    }
    let wide = TOKENS * WIDE;
    let activation = vec![Tensor::randn(0f32, 1., (TOKENS, WIDE), &Device::Cpu)?];
    measure("gelu", Work::Floats(2 * wide, 3 * wide), activation, &|x| ops::gelu(&x[0]))?;
    measure(
        "embed",
        Work::Floats(2 * stream, stream),
        vec![matrix(VOCAB, HIDDEN)?, matrix(2, HIDDEN)?, matrix(SEQ, HIDDEN)?],
        &|x| ops::embed([&x[0], &x[1], &x[2]], &tokens, &zeros),
    )?;
    measure("rows", Work::Floats(2 * MASKED * HIDDEN, stream), vec![hidden()?], &|x| {
        ops::rows(&x[0], &positions)
    })?;
    let logits = MASKED * VOCAB;
    measure("cross_entropy", Work::Floats(logits, 2 * logits), vec![matrix(MASKED, VOCAB)?], &|x| {
        ops::cross_entropy(&x[0], &labels)
    })?;
    for precision in [Precision::F32, Precision::Bf16, Precision::Bf16x3] {
        let named = |name: &str| format!("{name} {precision:?}").to_lowercase();
        let product = |m: usize, n: usize, k: usize| Work::Flops(2 * m * n * k, 4 * m * n * k);
        let linear = |name: &str, x: Tensor, out: usize, width: usize| {
            let rows = x.elem_count() / width;
            measure(&named(name), product(rows, out, width), vec![x, matrix(out, width)?], &|x| {
                precision.scope(|| ops::linear(&x[0], &x[1]))
            })
        };
        linear("linear 256x256", hidden()?, HIDDEN, HIDDEN)?;
        linear("linear 1024x256", hidden()?, WIDE, HIDDEN)?;
        linear("linear 256x1024", matrix(TOKENS, WIDE)?, HIDDEN, WIDE)?;
        linear("linear 8192x256", matrix(MASKED, HIDDEN)?, VOCAB, HIDDEN)?;
        let relu = vec![hidden()?, matrix(WIDE, HIDDEN)?, vector(WIDE)?];
        measure(&named("linear_bias_relu"), product(TOKENS, WIDE, HIDDEN), relu, &|x| {
            precision.scope(|| ops::linear_bias_relu(&x[0], &x[1], &x[2]))
        })?;
        let block = vec![hidden()?, matrix(WIDE, HIDDEN)?, vector(WIDE)?, matrix(HIDDEN, WIDE)?];
        measure(&named("feed_forward"), product(2 * TOKENS, WIDE, HIDDEN), block, &|x| {
            precision.scope(|| ops::feed_forward(&x[0], &x[1], &x[2], &x[3]))
        })?;
        let scores = BATCH * SEQ * SEQ * HIDDEN;
        for (rule, weights) in [("relu", Weights::Relu), ("softmax", Weights::softmax(HIDDEN / HEADS))] {
            let dropout = Some(ops::Dropout { p: 0.1, key: 1, offset: 0 });
            let name = named(&format!("attention {rule}"));
            measure(
                &name,
                Work::Flops(4 * scores, 10 * scores),
                vec![hidden()?, hidden()?, hidden()?],
                &|x| precision.scope(|| ops::attention(&x[0], &x[1], &x[2], &keep, HEADS, weights, dropout)),
            )?;
            // the same tokens, in short sequences and small heads
            let (batch, seq, heads) = (TOKENS / SHORT, SHORT, HIDDEN / SMALL);
            let short = || Tensor::randn(0f32, 1., (batch, seq, HIDDEN), &Device::Cpu);
            let keep = keep.reshape((batch, seq))?;
            let scores = batch * seq * seq * HIDDEN;
            measure(
                &format!("{name}, {SHORT} tokens"),
                Work::Flops(4 * scores, 10 * scores),
                vec![short()?, short()?, short()?],
                &|x| precision.scope(|| ops::attention(&x[0], &x[1], &x[2], &keep, heads, weights, None)),
            )?;
        }
    }
    Ok(())
}

/// Prints the times of an operation on variables, and what share of the limit it reaches.
fn report(
    name: &str,
    work: Work,
    (bandwidth, flops): (f64, f64),
    inputs: &[Tensor],
    f: &dyn Fn(&[Tensor]) -> Result<Tensor>,
) -> Result<()> {
    if std::env::args().skip(1).any(|word| !word.starts_with('-') && !name.contains(&word)) {
        return Ok(());
    }
    let vars = inputs.iter().map(Var::from_tensor).collect::<Result<Vec<_>>>()?;
    let inputs: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let (mut forward, mut backward) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        let began = Instant::now();
        let (y, tape) = Tape::record(|| f(&inputs))?;
        forward.push(began.elapsed().as_secs_f64());
        let (mut gradients, dy) = (Gradients::of(&vars), y.ones_like()?);
        let began = Instant::now();
        tape.backward_from(vec![(y, dy)], &mut gradients)?;
        backward.push(began.elapsed().as_secs_f64());
        black_box(gradients);
    }
    let (forward, backward) = (median(forward), median(backward));
    let least = match work {
        Work::Floats(forward, backward) => [forward, backward].map(|floats| 4. * floats as f64 / bandwidth),
        Work::Flops(forward, backward) => [forward, backward].map(|count| count as f64 / flops),
    };
    println!(
        "{name:36} {:9.3} ms {:9.3} ms   {:4.0} % {:4.0} %",
        1e3 * forward,
        1e3 * backward,
        100. * least[0] / forward,
        100. * least[1] / backward
    );
    Ok(())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Bytes a second, read and written, of a copy between buffers of 64 MiB: with those of the operations no more than the recycler keeps.
fn copy_bandwidth() -> f64 {
    let (from, mut to) = (vec![1f32; 1 << 24], vec![0f32; 1 << 24]);
    let mut times = Vec::new();
    for _ in 0..REPEATS {
        let began = Instant::now();
        to.par_chunks_mut(1 << 14)
            .zip(from.par_chunks(1 << 14))
            .for_each(|(to, from)| to.copy_from_slice(from));
        times.push(began.elapsed().as_secs_f64());
        black_box(&mut to);
    }
    (8 * from.len()) as f64 / median(times)
}

/// Floating-point operations a second of `gemm` at 1024 cubed.
fn product_rate() -> Result<f64> {
    const N: usize = 1024;
    let [a, b] = [(); 2].map(|()| vec![0.5f32; N * N]);
    let mut c = vec![0f32; N * N];
    let mut times = Vec::new();
    let (n, threads) = (N as isize, gemm::Parallelism::Rayon(rayon::current_num_threads()));
    for _ in 0..REPEATS {
        let began = Instant::now();
        // SAFETY: each buffer holds N x N elements, in rows of N.
        unsafe {
            let (c, a, b) = (c.as_mut_ptr(), a.as_ptr(), b.as_ptr());
            gemm::gemm(N, N, N, c, 1, n, false, a, 1, n, b, 1, n, 0., 1., false, false, false, threads);
        }
        times.push(began.elapsed().as_secs_f64());
    }
    Ok((2 * N * N * N) as f64 / median(times))
}
