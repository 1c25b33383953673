//! Launches of `rows.cu`; ids are on the host.

use candle_core::{D, DType, Device, Result, Tensor};
use cukernel::{Grid, Module, args, empty, suffix, upload};

use super::check;
use crate::tape::{Sink, apply_kernels};

/// The kernels.
pub const MODULE: Module = Module::new("rows", include_str!("rows.cu"));

/// Threads of a block, which reads or writes one row.
const THREADS: u32 = 128;

/// As [`super::rows`].
pub fn rows(x: &Tensor, ids: &Tensor) -> Result<Tensor> {
    let x = x.contiguous()?;
    let width = x.dim(D::Minus1)?;
    let shape = [ids.dims(), &[width]].concat();
    let ids: Vec<u32> = ids.flatten_all()?.to_vec1()?;
    check("rows", &ids, x.elem_count() / width.max(1))?;
    apply_kernels("rows", &[&x], || {
        let y = empty(shape, x.dtype(), x.device())?;
        let device_ids = upload(&ids, ids.len(), x.device())?;
        let kernel = format!("gather_{}", suffix(x.dtype())?);
        // SAFETY: the ids are below the number of rows of x, and y has a row for each.
        unsafe {
            MODULE.launch(
                x.device(),
                &kernel,
                Grid::new(ids.len(), THREADS),
                &args![x, device_ids, y, width],
            )?;
        }
        let like = x.clone();
        let backward = move |dy: &Tensor, sink: &mut Sink| {
            let dx = like.zeros_like()?.detach();
            Groups::of(&ids).sum_into(dy, Targets::Ids, &dx)?;
            sink.add(0, dx)
        };
        Ok((y, backward))
    })
}

/// The places of every id.
pub struct Groups {
    /// Ascending, each once.
    pub ids: Vec<u32>,
    /// The places of the first id, in order, then those of the second, and so on.
    order: Vec<u32>,
    /// Where the places of each begin in `order`, and its end.
    starts: Vec<u32>,
}

/// Which row of the result a sum is.
pub enum Targets {
    /// Its id's.
    Ids,
    /// The next.
    InOrder,
}

impl Groups {
    /// Of ids that may repeat.
    pub fn of(ids: &[u32]) -> Self {
        let mut order: Vec<u32> = (0..ids.len() as u32).collect();
        order.sort_by_key(|&at| ids[at as usize]); // stable
        let (mut distinct, mut starts) = (Vec::new(), Vec::new());
        for (place, &at) in (0_u32..).zip(&order) {
            if distinct.last() != Some(&ids[at as usize]) {
                distinct.push(ids[at as usize]);
                starts.push(place);
            }
        }
        starts.push(order.len() as u32);
        Self { ids: distinct, order, starts }
    }

    /// The sums of the rows of `values` (…, width) of each id, f32 (ids, width).
    pub fn sums(&self, values: &Tensor) -> Result<Tensor> {
        let sums = empty((self.ids.len(), values.dim(D::Minus1)?), DType::F32, values.device())?;
        self.sum_into(values, Targets::InOrder, &sums)?;
        Ok(sums)
    }

    /// Writes the sums of the rows of `values` to rows of `out`, of their type or f32.
    fn sum_into(&self, values: &Tensor, targets: Targets, out: &Tensor) -> Result<()> {
        let (device, width) = (values.device(), out.dim(D::Minus1)?);
        let upload = |numbers: &[u32], device: &Device| upload(numbers, numbers.len(), device);
        let targets = match targets {
            Targets::Ids => upload(&self.ids, device)?,
            Targets::InOrder => upload(&(0..self.ids.len() as u32).collect::<Vec<_>>(), device)?,
        };
        let (order, starts) = (upload(&self.order, device)?, upload(&self.starts, device)?);
        let kernel = match (values.dtype(), out.dtype()) {
            (DType::BF16, DType::F32) => "group_wide_bf16".to_string(),
            (dtype, _) => format!("group_{}", suffix(dtype)?),
        };
        let args = args![values, order, starts, targets, out, width];
        // SAFETY: the places are those of rows of `values`, the targets those of rows of `out`, each once.
        unsafe { MODULE.launch(device, &kernel, Grid::new(self.ids.len(), THREADS), &args) }
    }
}

/// Adds rows (ids, width) to the rows `ids`, each once, of a table, in place.
pub fn add_to_rows(table: &Tensor, ids: &[u32], values: &Tensor) -> Result<()> {
    let device_ids = upload(ids, ids.len(), table.device())?;
    let args = args![table, device_ids, values, table.dim(1)?];
    // SAFETY: the ids are below the number of rows of the table, and there is a row of values for each.
    unsafe { MODULE.launch(table.device(), "add_to_rows", Grid::new(ids.len(), THREADS), &args) }
}
