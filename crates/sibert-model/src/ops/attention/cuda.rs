//! The launches of the kernels of attention.cu and its companions.
//!
//! | family | for | file |
//! |---|---|---|
//! | tensor cores | bf16, head dimensions up to 128 that are multiples of 8 | tensor_cores.cu, .._forward, .._backward |
//! | plain | f32, and any other head dimension up to 256 | plain.cu |

use candle_core::{DType, Device, Result, Tensor, bail};
use cukernel::{Arg, Grid, Module, aligned, args, empty, suffix};

use super::{Dropout, Problem, Weights};
use crate::tape::{Backward, Sink};

#[cfg(test)]
mod tests;

/// The longest head that has a kernel.
const LONGEST: usize = 256;

/// Statistics of queries are padded to a multiple of so many, the tile of the backward pass.
const QUERIES: usize = 64;

/// Two numbers a row are kept for the backward pass.
pub fn attention(
    [q, k, v]: [Tensor; 3],
    (problem, keep): (Problem, Tensor),
) -> Result<(Tensor, impl Backward)> {
    let keep = keep.to_dtype(DType::F32)?.contiguous()?;
    let (o, statistics) = forward(&problem, [&q, &k, &v], &keep)?;
    let kept = o.clone();
    let backward = move |d: &Tensor, sink: &mut Sink| {
        let gradients = backward(&problem, [&q, &k, &v], &keep, &kept, &statistics, d)?;
        gradients.into_iter().enumerate().try_for_each(|(i, gradient)| sink.add_own(i, gradient))
    };
    Ok((o, backward))
}

/// `O` in the dtype of the query, and of each row what the backward pass needs, f32 (batch, heads, seq).
///
/// Query, key and value are (batch, seq, heads · dim), keep is f32 (batch, seq).
///
/// # Errors
/// If the shapes or types do not fit, the head has no kernel, or the device fails.
fn forward(problem: &Problem, qkv: [&Tensor; 3], keep: &Tensor) -> Result<(Tensor, Tensor)> {
    check(problem, &qkv, keep)?;
    let [q, k, v] = &all_aligned(qkv)?;
    let kernels = Kernels::of(problem, q)?;
    let o = empty(q.dims(), q.dtype(), q.device())?;
    let statistics = empty((problem.batch, problem.heads, problem.seq), DType::F32, q.device())?;
    // SAFETY: the kernel's arguments; `check` has compared shapes and types.
    unsafe { kernels.launch("forward", kernels.forward, &args![q, k, v, keep, o, statistics])? };
    Ok((o, statistics))
}

/// `dQ`, `dK` and `dV` from what `forward` gave and the gradient `d` of its result.
///
/// # Errors
/// If the shapes or types do not fit, the head has no kernel, or the device fails.
fn backward(
    problem: &Problem,
    qkv: [&Tensor; 3],
    keep: &Tensor,
    o: &Tensor,
    statistics: &Tensor,
    d: &Tensor,
) -> Result<[Tensor; 3]> {
    let [q, k, v] = qkv;
    check(problem, &[q, k, v, o, d], keep)?;
    let [q, k, v, o, d] = &all_aligned([q, k, v, o, d])?;
    let expected = [problem.batch, problem.heads, problem.seq];
    if statistics.dims() != expected || statistics.dtype() != DType::F32 {
        bail!("attention: expected statistics of type f32 and shape {expected:?}, found {statistics:?}")
    }
    let kernels = Kernels::of(problem, q)?;
    let pairs = kernels.pairs(o, d, statistics)?;
    let gradient = || empty(q.dims(), q.dtype(), q.device());
    let [dq, dk, dv] = [gradient()?, gradient()?, gradient()?];
    // SAFETY: the kernels' arguments; `check` has compared shapes and types.
    unsafe {
        kernels.launch("backward_query", kernels.query, &args![q, k, v, keep, d, pairs, dq])?;
        kernels.launch("backward_key_value", kernels.key_value, &args![q, k, v, keep, d, pairs, dk, dv])?;
    }
    Ok([dq, dk, dv])
}

/// The tensors as the kernels read them, many bytes at once.
fn all_aligned<const N: usize>(tensors: [&Tensor; N]) -> Result<[Tensor; N]> {
    let mut all = tensors.map(Tensor::clone);
    for tensor in &mut all {
        *tensor = aligned(tensor)?;
    }
    Ok(all)
}

/// Refuses what the kernels would misread.
fn check(problem: &Problem, tensors: &[&Tensor], keep: &Tensor) -> Result<()> {
    let Problem { batch, seq, heads, dim, .. } = *problem;
    let (shape, dtype) = ([batch, seq, heads * dim], tensors[0].dtype());
    for tensor in tensors {
        if tensor.dims() != shape || tensor.dtype() != dtype {
            bail!(
                "attention: expected a tensor of type {} and shape {shape:?}, found {tensor:?}",
                dtype.as_str()
            )
        }
    }
    if keep.dims() != [batch, seq] || keep.dtype() != DType::F32 {
        bail!("attention: expected keep of type f32 and shape {:?}, found {keep:?}", [batch, seq])
    }
    Ok(())
}

/// The kernels for one problem.
struct Kernels<'a> {
    problem: &'a Problem,
    device: &'a Device,
    module: Module,
    suffix: &'static str,
    forward: Block,
    query: Block,
    key_value: Block,
}

/// The size of a block.
#[derive(Clone, Copy)]
struct Block {
    rows: usize, // of one head
    threads: u32,
    shared: usize, // bytes
}

/// The module for a number of columns and a rule of weights, both known to its compiler.
macro_rules! module {
    ($name:literal, $columns:expr, $weights:expr, [$($count:literal),*], $files:tt) => {
        match ($columns, $weights) {
            $(
                ($count, Weights::Relu) => module!($name, $count, "true", "relu", $files),
                ($count, Weights::Softmax { .. }) => module!($name, $count, "false", "softmax", $files),
            )*
            (columns, _) => bail!("attention: no kernel for {columns} columns"),
        }
    };
    ($name:literal, $count:literal, $relu:literal, $weights:literal, $files:tt) => {
        Module::new(
            concat!("attention-", $name, "-", $weights, "-", $count),
            module!(text $count, $relu, $files),
        )
    };
    (text $count:literal, $relu:literal, [$($file:literal),*]) => {
        concat!("#define COLUMNS ", $count, "\n#define RELU ", $relu, "\n", $(include_str!($file)),*)
    };
}

/// The module of the tensor cores' kernels for heads of so many columns.
fn tensor_cores(columns: usize, weights: Weights) -> Result<Module> {
    Ok(module!(
        "tensor-cores",
        columns,
        weights,
        [32, 64, 128],
        ["attention.cu", "tensor_cores.cu", "tensor_cores_forward.cu", "tensor_cores_backward.cu"]
    ))
}

/// The module of the plain kernels for heads of so many columns.
fn plain(columns: usize, weights: Weights) -> Result<Module> {
    Ok(module!("plain", columns, weights, [64, 128, 256], ["attention.cu", "plain.cu"]))
}

/// All modules.
pub fn modules() -> Result<Vec<Module>> {
    let rules = [Weights::Relu, Weights::Softmax { scale: 1. }]; // the factor is an argument
    let all = |of: fn(usize, Weights) -> Result<Module>, columns: [usize; 3]| {
        columns.into_iter().flat_map(move |columns| rules.map(|weights| of(columns, weights)))
    };
    all(tensor_cores, [32, 64, 128]).chain(all(plain, [64, 128, 256])).collect()
}

impl<'a> Kernels<'a> {
    fn of(problem: &'a Problem, q: &'a Tensor) -> Result<Self> {
        if problem.dim > LONGEST {
            bail!("attention: head dimension {} has no kernel, expected at most {LONGEST}", problem.dim)
        }
        if q.dtype() == DType::BF16 && problem.dim.is_multiple_of(8) && problem.dim <= 128 {
            Self::tensor_cores(problem, q)
        } else {
            Self::plain(problem, q)
        }
    }

    fn tensor_cores(problem: &'a Problem, q: &'a Tensor) -> Result<Self> {
        const PAIRS: usize = 2 * QUERIES * 8; // bytes
        let columns = problem.dim.next_power_of_two().max(32);
        // as M of tensor_cores_forward.cu
        let wide = columns == 32 || (columns == 64 && problem.weights == Weights::Relu);
        let block =
            |rows, tiles: usize, more| Block { rows, threads: 128, shared: tiles * 64 * columns * 2 + more };
        Ok(Self {
            problem,
            device: q.device(),
            module: tensor_cores(columns, problem.weights)?,
            suffix: if problem.dropout.is_some() { "bf16_dropout" } else { "bf16" },
            forward: block(if wide { 128 } else { 64 }, 4, 0),
            query: block(QUERIES, 4, 0),
            key_value: block(64, if columns <= 64 { 4 } else { 6 }, PAIRS),
        })
    }

    fn plain(problem: &'a Problem, q: &'a Tensor) -> Result<Self> {
        const SIDE: usize = 64;
        let columns = problem.dim.next_power_of_two().max(SIDE);
        let tiles = |count: usize| Block { rows: SIDE, threads: 256, shared: count * SIDE * (SIDE + 4) * 4 };
        Ok(Self {
            problem,
            device: q.device(),
            module: plain(columns, problem.weights)?,
            suffix: suffix(q.dtype())?,
            forward: tiles(3),
            query: tiles(3),
            key_value: tiles(4),
        })
    }

    /// Enqueues a kernel with a block for every tile of every head.
    ///
    /// # Safety
    /// The arguments are the kernel's before those of the problem.
    unsafe fn launch(&self, kernel: &str, block: Block, args: &[Arg]) -> Result<()> {
        let Problem { batch, seq, heads, .. } = *self.problem;
        let grid = Grid::new(batch * heads * seq.div_ceil(block.rows), block.threads).shared(block.shared);
        let kernel = format!("attention_{kernel}_{}", self.suffix);
        let args = [args, &self.options()?].concat();
        // SAFETY: the caller's promise.
        unsafe { self.module.launch(self.device, &kernel, grid, &args) }
    }

    /// The arguments that every kernel ends with.
    fn options(&self) -> Result<[Arg<'static>; 8]> {
        let Problem { seq, heads, dim, weights, dropout, .. } = *self.problem;
        let Dropout { p, key, offset } = dropout.unwrap_or_default();
        let scale = weights.scale() as f32;
        let threshold = (f64::from(p) * 2f64.powi(32)).round() as u32;
        let rescale = (1. / (1. - f64::from(p))) as f32;
        Ok(args![seq, heads, dim, scale, key, offset as u64, threshold, rescale])
    }

    /// Of every query its statistic and `Σ dO ∘ O`, (batch, heads, padded, 2).
    fn pairs(&self, o: &Tensor, d: &Tensor, statistics: &Tensor) -> Result<Tensor> {
        const ROWS: usize = 32; // of a block, eight threads each
        let Problem { batch, seq, heads, dim, .. } = *self.problem;
        let padded = seq.next_multiple_of(QUERIES);
        let pairs = empty((batch, heads, padded, 2), DType::F32, self.device)?;
        let kernel = format!("attention_rows_{}", suffix(o.dtype())?);
        let grid = Grid::new(batch * heads * padded / ROWS, 8 * ROWS as u32);
        let args = args![o, d, statistics, pairs, seq, heads, dim, padded];
        // SAFETY: the kernel's arguments; `check` has compared shapes and types.
        unsafe { self.module.launch(self.device, &kernel, grid, &args)? };
        Ok(pairs)
    }
}
