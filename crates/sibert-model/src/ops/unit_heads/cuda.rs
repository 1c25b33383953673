//! Launches of `unit_heads.cu`.

use candle_core::{DType, Device, Result, Tensor};
use cukernel::{Module, args, empty, suffix};

use super::Heads;
use crate::ops::normalize::cuda::grid;
use crate::ops::rotary::cuda::table;
use crate::tape::{Backward, Sink};

/// The kernels.
pub const MODULE: Module = Module::new("unit-heads", include_str!("unit_heads.cu"));

pub fn unit_heads([x]: [Tensor; 1], heads: Heads) -> Result<(Tensor, impl Backward)> {
    let turns = Turns::new(&heads, x.device())?;
    let (y, inverses) = forward(&x, heads.dim, &turns)?;
    let kept = y.clone();
    let backward = move |dy: &Tensor, sink: &mut Sink| {
        sink.add_own(0, backward(&kept, &inverses, dy, heads.dim, &turns)?)
    };
    Ok((y, backward))
}

/// The rotation of the heads; none where `half` is 0.
struct Turns {
    /// Cosines and sines (2, seq, half), or one number that is not read.
    table: Tensor,
    count: usize,
    seq: usize,
    half: usize,
}

impl Turns {
    fn new(heads: &Heads, device: &Device) -> Result<Self> {
        let count = heads.count;
        Ok(match &heads.angles {
            Some(angles) => {
                Self { table: table(angles, device)?, count, seq: angles.seq(), half: angles.half }
            }
            None => Self { table: empty(1, DType::F32, device)?, count, seq: 1, half: 0 },
        })
    }
}

/// The result, and `1 / ‖x‖` of every head in f32.
fn forward(x: &Tensor, dim: usize, turns: &Turns) -> Result<(Tensor, Tensor)> {
    let heads = x.elem_count() / dim.max(1);
    let y = empty(x.shape(), x.dtype(), x.device())?;
    let inverses = empty(heads, DType::F32, x.device())?;
    let kernel = format!("unit_heads_{}", suffix(x.dtype())?);
    let Turns { table, count, seq, half } = turns;
    let args = args![x, y, inverses, table, *count, *seq, *half, heads, dim];
    // SAFETY: x and y have (heads, dim) elements, the table (2, seq, half), and `count` heads are a row.
    unsafe { MODULE.launch(x.device(), &kernel, grid(heads), &args)? };
    Ok((y, inverses))
}

/// The gradient of the input.
fn backward(y: &Tensor, inverses: &Tensor, dy: &Tensor, dim: usize, turns: &Turns) -> Result<Tensor> {
    let heads = y.elem_count() / dim.max(1);
    let dx = empty(y.shape(), y.dtype(), y.device())?;
    let kernel = format!("unit_heads_backward_{}", suffix(y.dtype())?);
    let Turns { table, count, seq, half } = turns;
    let args = args![y, inverses, dy, dx, table, *count, *seq, *half, heads, dim];
    // SAFETY: y, dy and dx have (heads, dim) elements, the inverses (heads), the table (2, seq, half).
    unsafe { MODULE.launch(y.device(), &kernel, grid(heads), &args)? };
    Ok(dx)
}
