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

/// `(a cos − b sin, b cos + a sin)` for the halves a and b of every head of x (…, seq, width), the sine taken `sign` times.
fn rotate<T: Real>(x: &[T], angles: &Angles, width: usize, sign: f64) -> Vec<T> {
    let (half, seq) = (angles.half, angles.seq());
    let mut y = uninit(x.len());
    for_each_row(
        &mut y,
        width,
        #[inline(always)]
        |row, y| {
            let x = &x[row * width..][..width];
            let [cos, sin] = [&angles.cos, &angles.sin].map(|table| &table[row % seq * half..][..half]);
            for (y, x) in y.chunks_exact_mut(2 * half).zip(x.chunks_exact(2 * half)) {
                let ((left, right), (a, b)) = (y.split_at_mut(half), x.split_at(half));
                for i in 0..half {
                    let (a, b, sin) = (a[i].wide(), b[i].wide(), sign * sin[i]);
                    left[i].write(T::narrow(a * cos[i] - b * sin));
                    right[i].write(T::narrow(b * cos[i] + a * sin));
                }
            }
        },
    );
    // SAFETY: a row is whole heads, of which both halves are written.
    unsafe { written(y) }
}
