//! Launches of `residual.cu`.

use candle_core::{D, Result, Tensor};
use cukernel::{Arg, Grid, Module, args, empty, suffix, upload};

use super::Residual;
use crate::ops::dropout::cpu::Mask;
use crate::tape::{Sink, apply_kernels};

/// The kernels.
pub const MODULE: Module = Module::new("residual", include_str!("residual.cu"));

/// As [`super::residual`] and [`super::residual_rows`].
pub(super) fn residual(x: &Tensor, y: &Tensor, op: Residual) -> Result<Tensor> {
    let (x, y) = (x.contiguous()?, y.contiguous()?);
    apply_kernels("residual", &[&x, &y], || {
        let places = Places::new(&op, &x)?;
        let z = places.launch("residual", &[&x, &y])?;
        let backward = move |dz: &Tensor, sink: &mut Sink| {
            sink.add(0, dz.clone())?;
            sink.add(1, if op.p > 0. { places.launch("dropped", &[dz])? } else { dz.clone() })
        };
        Ok((z, backward))
    })
}

/// Which elements of a stream of masks belong to the tensors.
struct Places {
    mask: Mask,
    offset: usize,
    ids: Option<Tensor>,
}

impl Places {
    fn new(op: &Residual, x: &Tensor) -> Result<Self> {
        let Residual { p, key, offset, rows } = op;
        let dropped_rows = rows.as_ref().filter(|_| *p > 0.);
        let ids = dropped_rows.map(|ids| upload(ids, ids.len(), x.device())).transpose()?;
        Ok(Self { mask: Mask::new(*p, *key), offset: *offset, ids })
    }

    /// A kernel from `inputs` to a result of their shape.
    fn launch(&self, kernel: &str, inputs: &[&Tensor]) -> Result<Tensor> {
        let x = inputs[0];
        let (z, n, offset) =
            (empty(x.shape(), x.dtype(), x.device())?, x.elem_count() as u64, self.offset as u64);
        let mut args: Vec<Arg> = Vec::new();
        for x in inputs {
            args.extend(args![x]);
        }
        args.extend(args![z]);
        let kernel = match &self.ids {
            None => {
                args.extend(args![n, offset]);
                format!("{kernel}_{}", suffix(x.dtype())?)
            }
            Some(ids) => {
                args.extend(args![ids, n, x.dim(D::Minus1)?, offset]);
                format!("{kernel}_rows_{}", suffix(x.dtype())?)
            }
        };
        args.extend(self.mask.args());
        let grid = Grid::elements(x.elem_count().div_ceil(4));
        // SAFETY: the inputs and the result have n elements, in rows of which there are as many as ids.
        unsafe { MODULE.launch(x.device(), &kernel, grid, &args)? };
        Ok(z)
    }
}
