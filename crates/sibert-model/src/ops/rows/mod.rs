//! Some of the rows of a tensor.

mod composed;
mod cpu;
pub(crate) mod cuda;

use candle_core::{CpuStorage, CustomOp2, D, DType, Layout, Result, Shape, Tensor, bail};

use crate::tape::apply2;

use super::buffer::{Values, tensor};
use super::{Path, by_dtype, by_float, path, slice, width};

/// `y[i] = x[ids[i]]`, from x (…, d), its rows counted through all leading dimensions, and u32 ids (…) to (…, d).
///
/// In the gradient of `x`, rows that occur more than once are added in the order of `ids`.
///
/// # Errors
/// If an id is not below the number of rows, `ids` is not u32, or the dtype of `x` is not [supported](crate::ops).
pub fn rows(x: &Tensor, ids: &Tensor) -> Result<Tensor> {
    if ids.dtype() != DType::U32 {
        bail!("rows: expected ids of dtype u32, found {}", ids.dtype().as_str())
    }
    match path(x) {
        Path::Cpu => (),
        Path::Kernels => return cuda::rows(x, ids),
        Path::Composed => return composed::rows(x, ids),
    }
    apply2(&x.contiguous()?, &ids.contiguous()?, Rows)
}

pub(super) use cpu::check;

/// `dx[r] = Σ_{ids[i] = r} dy[i]`, of the shape of `x` and zero in the rows that do not occur.
pub(super) fn table_gradient(ids: &[u32], dy: &Tensor, x: &Tensor) -> Result<Tensor> {
    let dy = dy.contiguous()?;
    let width = x.dim(D::Minus1)?;
    by_float!("rows", dy.dtype(), T => {
        let dy = Values::of(&dy);
        let rows = x.elem_count() / width.max(1);
        tensor(cpu::backward(dy.slice::<T>()?, ids, rows, width), x.shape())
    })
}

struct Rows;

impl CustomOp2 for Rows {
    fn name(&self) -> &'static str {
        "rows"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        ids: &CpuStorage,
        li: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (width, ids) = (width(lx), slice(ids, li)?);
        cpu::check("rows", ids, lx.shape().elem_count() / width.max(1))?;
        let y = by_dtype!(self.name(), x, T => cpu::forward::<T>(slice(x, lx)?, ids, width));
        Ok((y, Shape::from([li.dims(), &[width]].concat())))
    }

    fn bwd(
        &self,
        x: &Tensor,
        ids: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let ids = Values::of(ids);
        Ok((Some(table_gradient(ids.slice::<u32>()?, dy, x)?), None))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::ops::test_support::*;

    fn ids(len: u32, table: u32) -> Tensor {
        let ids = (0..len).map(|i| i.wrapping_mul(2_654_435_761) % table);
        Tensor::from_iter(ids, &Device::Cpu).unwrap().reshape((2, len as usize / 2)).unwrap()
    }

    #[test]
    fn rows_match_composed() {
        for inputs in [[sample(&[9, 5], 1), ids(20, 9)], [sample(&[2, 5], 1), ids(200, 2)]] {
            let apply = |table: &[Tensor]| rows(&table[0], &inputs[1]);
            let composed = |table: &[Tensor]| composed::rows(&table[0], &inputs[1]);
            assert_matches(apply, composed, &inputs[..1]);
        }
    }

    #[test]
    fn rows_follow_strided_ids() {
        let (table, ids) = (sample(&[9, 5], 1), ids(20, 9).t().unwrap());
        assert_close(&rows(&table, &ids).unwrap(), &composed::rows(&table, &ids).unwrap(), 0.);
    }

    #[test]
    fn rows_gradient_matches_finite_differences() {
        assert_gradients(|table| rows(&table[0], &ids(8, 5)), &[sample(&[5, 3], 1)]);
    }

    #[test]
    fn rows_have_degree_one() {
        assert_homogeneous(|table| rows(&table[0], &ids(8, 5)), &[sample(&[5, 3], 1)], &[0], 1);
    }

    #[test]
    fn rows_are_the_same_on_any_number_of_threads() {
        let ids = ids(5000, 300);
        assert_same_on_any_number_of_threads(|table| rows(&table[0], &ids), &[sample(&[300, 40], 1)]);
    }

    #[test]
    fn an_id_beyond_the_table_is_refused() {
        let ids = Tensor::new(&[1u32, 9], &Device::Cpu).unwrap();
        let error = rows(&sample(&[9, 5], 1), &ids).unwrap_err().to_string();
        assert!(error.contains("rows: id 9 at position 1 is not below the table's 9 rows"), "{error}");
    }
}
