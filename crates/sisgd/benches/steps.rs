//! Steps against the time to stream their bytes: `cargo bench -p sisgd`, with RAYON_NUM_THREADS as wanted.
//!
//! A step's bytes are those of the fewest passes that its equations allow. Beside it, in the same rounds and with the same
//! threads, plain loops read and write as many arrays of the same size; the ratio of the medians is what is to be small.

use candle_core::backprop::GradStore;
use candle_core::{Device, Result, Tensor, Var};
use rayon::prelude::*;
use sisgd::{AdamW, AdamWConfig, Gradient, GradientSource, Lamb, LambConfig, NamedVars, SiSgd, SiSgdConfig};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 21;
const CHUNK: usize = 1 << 14;

/// Passes over memory: arrays that are read, arrays that are read and written.
const DESCENT: &[(usize, usize)] = &[(2, 0), (1, 1)];
const ROWS: &[(usize, usize)] = &[(1, 0), (0, 1)];
const ADAMW: &[(usize, usize)] = &[(2, 0), (1, 3)];
const LAMB: &[(usize, usize)] = &[(2, 0), (2, 2), (2, 1)];

fn main() -> Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().build().map_err(candle_core::Error::wrap)?;
    println!("{} threads, medians of {ROUNDS} rounds", pool.current_num_threads());
    pool.install(|| {
        measure("16 matrices of a million", &[(1000, 1000)].repeat(16))?;
        let layer = [[(256, 256)].repeat(4), vec![(256, 1024), (1024, 256), (1, 1024)]].concat();
        measure(
            "4 layers of hidden size 256, vocabulary 8192",
            &[layer.repeat(4), vec![(8192, 256)]].concat(),
        )
    })
}

fn measure(name: &str, shapes: &[(usize, usize)]) -> Result<()> {
    let normal = |shape| Tensor::randn(0f32, 1., shape, &Device::Cpu);
    let var = |(i, &shape)| Ok((format!("var{i}"), Var::from_tensor(&normal(shape)?)?));
    let vars: NamedVars = shapes.iter().enumerate().map(var).collect::<Result<_>>()?;
    let (mut grads, mut rows) = (GradStore::default(), Rows(vec![]));
    for (_, var) in &vars {
        let grad = normal(var.dims2()?)?;
        // A twentieth of a table's rows.
        let ids = (0..var.dim(0)? as u32).step_by(20).collect::<Vec<_>>();
        rows.0.push((var.clone(), grad.narrow(0, 0, ids.len())?, ids));
        grads.insert(var, grad);
    }
    let mut sgd = SiSgd::new(vars.clone(), SiSgdConfig::default())?;
    let mut sparse = SiSgd::new(vars.clone(), SiSgdConfig::default())?;
    let mut adamw = AdamW::new(vars.clone(), AdamWConfig::default())?;
    let mut lamb = Lamb::new(vars.clone(), LambConfig::default())?;
    let len = vars.iter().map(|(_, var)| var.elem_count()).sum();
    let mut arrays: [Vec<f32>; 4] = std::array::from_fn(|_| vec![1.; len]);
    let mut stream = |passes: &[_]| stream(passes, &mut arrays);

    println!(
        "\n{name}: {len} parameters\n{:16} {:>8} {:>8} {:>8} {:>6}",
        "", "ms", "GB/s", "stream", "ratio"
    );
    let lr = 1e-3;
    compare("SiSgd", len, DESCENT, &mut stream, || sgd.step(&grads, lr).map(|_| ()))?;
    compare("SiSgd, rows", len, ROWS, &mut stream, || sparse.step(&rows, lr).map(|_| ()))?;
    compare("AdamW", len, ADAMW, &mut stream, || adamw.step(&grads, lr).map(|_| ()))?;
    compare("Lamb", len, LAMB, &mut stream, || lamb.step(&grads, lr).map(|_| ()))
}

/// Runs `step` and the streaming of its bytes in turn and prints the medians.
fn compare(
    name: &str,
    len: usize,
    passes: &[(usize, usize)],
    mut stream: impl FnMut(&[(usize, usize)]),
    mut step: impl FnMut() -> Result<()>,
) -> Result<()> {
    let mut times = [vec![], vec![]];
    for _ in 0..ROUNDS {
        let start = Instant::now();
        step()?;
        times[0].push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        stream(passes);
        times[1].push(start.elapsed().as_secs_f64());
    }
    let [step, stream] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    });
    let bytes = 4 * len * passes.iter().map(|(read, written)| read + 2 * written).sum::<usize>();
    let rate = |seconds: f64| bytes as f64 / seconds / 1e9;
    println!("{name:16} {:8.2} {:8.1} {:8.1} {:6.2}", step * 1e3, rate(step), rate(stream), step / stream);
    Ok(())
}

/// Evaluates an expression in the version compiled for this processor.
macro_rules! vectorize {
    ([$($moved:ident),*] $body:expr) => {{
        let moved = Once(($($moved,)*));
        cukernel::simd::arch().dispatch(
            #[inline(always)]
            move || {
                let ($($moved,)*) = moved.take();
                $body
            },
        )
    }};
}

/// A value that a closure can give away only once, which the compiler inlines then.
struct Once<T>(T);

impl<T> Once<T> {
    #[inline(always)]
    fn take(self) -> T {
        self.0
    }
}

/// The least that passes over memory can do: additions.
fn stream(passes: &[(usize, usize)], [a, b, c, d]: &mut [Vec<f32>; 4]) {
    for pass in passes {
        let (a, b) = (a.par_chunks_mut(CHUNK), b.par_chunks_mut(CHUNK));
        let (c, d) = (c.par_chunks_mut(CHUNK), d.par_chunks_mut(CHUNK));
        match pass {
            (1, 0) => a.for_each(|a| vectorize!([a] consume(sum(a)))),
            (2, 0) => a.zip(b).for_each(|(a, b)| vectorize!([a, b] consume(sum(a) + sum(b)))),
            (0, 1) => a.for_each(|a| vectorize!([a] a.iter_mut().for_each(|a| *a += 1.))),
            (1, 1) => a.zip(b).for_each(|(a, b)| vectorize!([a, b] add([b], [a]))),
            (2, 1) => a.zip(b.zip(c)).for_each(|(a, (b, c))| vectorize!([a, b, c] add([b, c], [a]))),
            (1, 3) => a
                .zip(b)
                .zip(c.zip(d))
                .for_each(|((a, b), (c, d))| vectorize!([a, b, c, d] add([d], [a, b, c]))),
            (2, 2) => a
                .zip(b)
                .zip(c.zip(d))
                .for_each(|((a, b), (c, d))| vectorize!([a, b, c, d] add([c, d], [a, b]))),
            (reads, writes) => {
                unreachable!("no optimizer reads {reads} and writes {writes} vectors in one pass")
            }
        }
    }
}

#[inline(always)]
fn consume(sum: f32) {
    black_box(sum);
}

#[inline(always)]
fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0.; 64];
    for row in values.as_chunks::<64>().0 {
        lanes.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    lanes.iter().sum()
}

#[inline(always)]
fn add<const R: usize, const W: usize>(read: [&mut [f32]; R], mut written: [&mut [f32]; W]) {
    let len = written[0].len();
    let read = read.map(|array| &array[..len]);
    for i in 0..len {
        let sum: f32 = read.iter().map(|array| array[i]).sum();
        written.iter_mut().for_each(|array| array[i] += sum);
    }
}

/// Gradients by rows.
struct Rows(Vec<(Var, Tensor, Vec<u32>)>);

impl GradientSource for Rows {
    fn gradient(&self, var: &Var) -> Option<Gradient<'_>> {
        let (_, values, ids) = self.0.iter().find(|(other, ..)| other.id() == var.id())?;
        Some(Gradient::Rows { ids, values })
    }
}
