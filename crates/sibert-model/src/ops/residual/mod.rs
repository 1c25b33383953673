//! A residual connection: a branch, dropped out, added to its stream.

mod composed;
mod cpu;
pub(super) mod cuda;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::buffer::{Values, tensor};
use super::dropout::cpu::Mask;
use super::{Path, by_dtype, by_float, path, slice, width};
use crate::tape::{Backward, Record, Sink, apply};

/// `z = x + y ∘ m / (1 − p)` in one pass, with the mask of `dropout(y, p, key, offset)`; `x + y` if p is zero.
///
/// # Errors
/// If the shapes differ, p is not in \[0, 1), or a dtype is not [supported](crate::ops).
pub fn residual(x: &Tensor, y: &Tensor, p: f32, key: u64, offset: usize) -> Result<Tensor> {
    join(x, y, Residual { p, key, offset, rows: None })
}

/// The same for x and y (n, d), the rows `ids` (n) of larger tensors: they are dropped out as the whole would be.
///
/// # Errors
/// As [`residual`], or if `ids` are not n numbers of dtype u32.
pub fn residual_rows(
    x: &Tensor,
    y: &Tensor,
    p: f32,
    key: u64,
    offset: usize,
    ids: &Tensor,
) -> Result<Tensor> {
    let rows: Vec<u32> = ids.to_vec1()?;
    if x.dims2()?.0 != rows.len() {
        bail!("residual: {} ids do not fit rows of shape {:?}", rows.len(), x.dims())
    }
    join(x, y, Residual { p, key, offset, rows: Some(rows) })
}

fn join(x: &Tensor, y: &Tensor, op: Residual) -> Result<Tensor> {
    if x.dims() != y.dims() {
        bail!("residual: shapes {:?} and {:?} differ", x.dims(), y.dims())
    }
    if !(0. ..1.).contains(&op.p) {
        bail!("residual: probability {} is not in [0, 1)", op.p)
    }
    match path(x) {
        Path::Cpu => (),
        Path::Kernels => return cuda::residual(x, y, op),
        Path::Composed => return composed::residual(x, y, &op),
    }
    let (x, y) = (x.contiguous()?, y.contiguous()?);
    apply(op, &[&x, &y], |op| x.apply_op2_no_bwd(&y, op), |op| x.apply_op2(&y, op))
}

struct Residual {
    p: f32,
    key: u64,
    offset: usize,
    rows: Option<Vec<u32>>,
}

impl Residual {
    /// The mask, if there is any, and where in its stream the elements of rows of `width` are.
    fn mask(&self, width: usize) -> (Option<Mask>, cpu::Elements<'_>) {
        let mask = (self.p > 0.).then(|| Mask::new(self.p, self.key));
        let elements = match &self.rows {
            None => cpu::Elements::From(self.offset),
            Some(ids) => cpu::Elements::Rows { offset: self.offset, ids, width },
        };
        (mask, elements)
    }

    /// `dx = dz`, without a copy, and `dy = dz ∘ m / (1 − p)`.
    fn gradients(&self, dz: &Tensor) -> Result<[Tensor; 2]> {
        let dz = dz.contiguous()?;
        let (Some(mask), elements) = self.mask(width(dz.layout())) else { return Ok([dz.clone(), dz]) };
        let dy = {
            let values = Values::of(&dz);
            by_float!("residual", dz.dtype(), T => {
                let dz = values.slice::<T>()?;
                let dropped = cpu::forward(
                    dz,
                    dz,
                    mask,
                    &elements,
                    #[inline(always)]
                    |_, dropped| dropped,
                );
                tensor(dropped, values.shape())?
            })
        };
        Ok([dz, dy])
    }
}

impl Record for Residual {
    type Backward = Self;

    fn name(&self) -> &'static str {
        "residual"
    }

    fn keep(self, _inputs: &[&Tensor], _z: &Tensor) -> Self {
        self
    }
}

impl Backward for Residual {
    fn backward(self: Box<Self>, dz: &Tensor, sink: &mut Sink) -> Result<()> {
        let [dx, dy] = self.gradients(dz)?;
        sink.add(0, dx)?;
        sink.add(1, dy)
    }
}

impl CustomOp2 for Residual {
    fn name(&self) -> &'static str {
        "residual"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        y: &CpuStorage,
        ly: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (mask, elements) = self.mask(width(lx));
        let z = by_dtype!("residual", x, T => {
            let (x, y) = (slice::<T>(x, lx)?, slice::<T>(y, ly)?);
            match mask {
                Some(mask) => cpu::forward(x, y, mask, &elements, cpu::add),
                None => super::row_sums::map2(x, y, cpu::add),
            }
        });
        Ok((z, lx.shape().clone()))
    }

    fn bwd(
        &self,
        _x: &Tensor,
        _y: &Tensor,
        _z: &Tensor,
        dz: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [dx, dy] = self.gradients(dz)?;
        Ok((Some(dx), Some(dy)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::ops::dropout;
    use crate::ops::test_support::*;

    const P: f32 = 0.3;

    fn apply(inputs: &[Tensor]) -> Result<Tensor> {
        residual(&inputs[0], &inputs[1], P, 7, 0)
    }

    fn inputs(shape: &[usize]) -> [Tensor; 2] {
        [sample(shape, 1), sample(shape, 2)]
    }

    #[test]
    fn residual_matches_composed() {
        for p in [0., P] {
            for offset in [0, 3 * 37] {
                let fused = |inputs: &[Tensor]| residual(&inputs[0], &inputs[1], p, 7, offset);
                let composed = |inputs: &[Tensor]| {
                    composed::residual(&inputs[0], &inputs[1], &Residual { p, key: 7, offset, rows: None })
                };
                assert_matches(fused, composed, &inputs(&[3, 37]));
                assert_matches(fused, composed, &inputs(&[301, 37]));
            }
        }
    }

    #[test]
    fn residual_gradient_matches_finite_differences() {
        assert_gradients(apply, &inputs(&[3, 7]));
    }

    #[test]
    fn residual_has_degree_one() {
        assert_homogeneous(apply, &inputs(&[3, 37]), &[0, 1], 1);
    }

    #[test]
    fn residual_is_the_same_on_any_number_of_threads() {
        assert_same_on_any_number_of_threads(apply, &inputs(&[301, 137]));
    }

    #[test]
    fn rows_are_dropped_as_their_whole() {
        let ids = Tensor::new(&[1u32, 4, 4, 6], &Device::Cpu).unwrap();
        for width in [6, 7] {
            let [x, y] = inputs(&[8, width]);
            let whole = residual(&x, &y, P, 7, 5).unwrap().index_select(&ids, 0).unwrap();
            let [x, y] = [x, y].map(|x| x.index_select(&ids, 0).unwrap());
            let rows = |inputs: &[Tensor]| residual_rows(&inputs[0], &inputs[1], P, 7, 5, &ids);
            assert_eq!(values(&rows(&[x.clone(), y.clone()]).unwrap()), values(&whole));
            let op = || Residual { p: P, key: 7, offset: 5, rows: Some(ids.to_vec1().unwrap()) };
            assert_matches(rows, |inputs| composed::residual(&inputs[0], &inputs[1], &op()), &[x, y]);
        }
    }

    #[test]
    fn residual_adds_what_dropout_leaves() {
        let [x, y] = inputs(&[301, 37]);
        let expected = (&x + dropout(&y, P, 7, 5).unwrap()).unwrap();
        assert_eq!(values(&residual(&x, &y, P, 7, 5).unwrap()), values(&expected));
    }

    #[test]
    fn residual_refuses_what_does_not_fit() {
        let [x, y] = inputs(&[3, 7]);
        let error = residual(&x, &y.t().unwrap(), P, 7, 0).unwrap_err().to_string();
        assert!(error.contains("residual: shapes [3, 7] and [7, 3] differ"), "{error}");
        let error = residual(&x, &y, 1., 7, 0).unwrap_err().to_string();
        assert!(error.contains("residual: probability 1 is not in [0, 1)"), "{error}");
    }
}
