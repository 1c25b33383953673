use candle_core::{Result, Tensor};

use super::Angles;
use crate::compute::buffer::{Values, tensor, uninit, written};
use crate::compute::by_float;
use crate::compute::real::Real;
use crate::compute::row_sums::for_each_row;
use crate::ops::op::width;
use crate::tape::{Backward, Sink};

pub fn rotary([x]: [Tensor; 1], angles: Angles) -> Result<(Tensor, impl Backward)> {
    let y = turned(&x, &angles, 1.)?;
    Ok((y, move |dy: &Tensor, sink: &mut Sink| sink.add(0, turned(dy, &angles, -1.)?)))
}

fn turned(x: &Tensor, angles: &Angles, sign: f64) -> Result<Tensor> {
    by_float!("rotary", x.dtype(), T => {
        tensor(rotate::<T>(Values::of(x).slice()?, angles, width(x), sign), x.shape())
    })
}

/// Every head of x (…, seq, width) turned by the angles of its position, or with `sign` −1 back.
fn rotate<T: Real>(x: &[T], angles: &Angles, width: usize, sign: f64) -> Vec<T> {
    let (dim, seq) = (2 * angles.half, angles.seq());
    let mut y = uninit(x.len());
    for_each_row(
        &mut y,
        width,
        #[inline(always)]
        |row, y| {
            let x = &x[row * width..][..width];
            for (y, x) in y.chunks_exact_mut(dim).zip(x.chunks_exact(dim)) {
                angles.turn(row % seq, sign, &x, y);
            }
        },
    );
    // SAFETY: a row is whole heads, of which both halves are written.
    unsafe { written(y) }
}
