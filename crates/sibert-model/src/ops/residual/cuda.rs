//! Launches of `residual.cu`.

use candle_core::{D, Result, Tensor};
use cukernel::{Arg, Grid, Module, args, empty, suffix, upload};

use super::{Branch, Draws};
use crate::ops::dropout::mask::Mask;
use crate::tape::{Backward, Sink};

/// The kernels.
pub const MODULE: Module = Module::new("residual", include_str!("residual.cu"));

pub fn residual([x, y]: [Tensor; 2], branch: Branch) -> Result<(Tensor, impl Backward)> {
    let (places, dropped) = (Places::new(&branch, &x)?, branch.draws.p > 0.);
    let z = places.launch("residual", &[&x, &y])?;
    let backward = move |dz: &Tensor, sink: &mut Sink| {
        sink.add(0, dz.clone())?;
        sink.add(1, if dropped { places.launch("dropped", &[dz])? } else { dz.clone() })
    };
    Ok((z, backward))
}

/// Which elements of a stream of masks belong to the tensors.
struct Places {
    mask: Mask,
    offset: usize,
    ids: Option<Tensor>,
}

impl Places {
    fn new(Branch { draws, rows }: &Branch, x: &Tensor) -> Result<Self> {
        let Draws { p, key, offset } = *draws;
        let dropped_rows = rows.as_ref().filter(|_| p > 0.);
        let ids = dropped_rows.map(|ids| upload(ids, ids.len(), x.device())).transpose()?;
        Ok(Self { mask: Mask::new(p, key), offset, ids })
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
