//! Rows of an embedding table.

mod composed;
mod cpu;

use candle_core::{CpuStorage, CustomOp2, DType, Layout, Result, Shape, Tensor, bail};

use crate::tape::apply2;

use super::{by_dtype, slice};

/// `y[i] = table[ids[i]]`, from table (n, d) and u32 ids (…) to (…, d).
///
/// The gradient of the table is dense; rows that occur more than once are added in the order of `ids`.
///
/// # Errors
/// If an id is not below n, `ids` is not u32, or the table is neither f32 nor f64.
pub fn rows(table: &Tensor, ids: &Tensor) -> Result<Tensor> {
    table.dims2()?;
    if ids.dtype() != DType::U32 {
        bail!("rows: expected ids of dtype u32, found {}", ids.dtype().as_str())
    }
    if !table.device().is_cpu() {
        return composed::rows(table, ids);
    }
    apply2(&table.contiguous()?, &ids.contiguous()?, Rows)
}

struct Rows;

impl CustomOp2 for Rows {
    fn name(&self) -> &'static str {
        "rows"
    }

    fn cpu_fwd(
        &self,
        table: &CpuStorage,
        lt: &Layout,
        ids: &CpuStorage,
        li: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let ((len, width), ids) = (lt.shape().dims2()?, slice(ids, li)?);
        cpu::check(ids, len)?;
        let y = by_dtype!(self.name(), table, T => cpu::forward::<T>(slice(table, lt)?, ids, width));
        Ok((y, Shape::from([li.dims(), &[width]].concat())))
    }

    fn bwd(
        &self,
        table: &Tensor,
        ids: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let backward = RowsBackward { len: table.dim(0)? };
        Ok((Some(dy.contiguous()?.apply_op2_no_bwd(ids, &backward)?), None))
    }
}

/// `dtable[r] = Σ_{ids[i] = r} dy[i]`.
struct RowsBackward {
    len: usize,
}

impl CustomOp2 for RowsBackward {
    fn name(&self) -> &'static str {
        "rows-backward"
    }

    fn cpu_fwd(
        &self,
        dy: &CpuStorage,
        ldy: &Layout,
        ids: &CpuStorage,
        li: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (ids, width) = (slice(ids, li)?, super::width(ldy));
        let dtable =
            by_dtype!(self.name(), dy, T => cpu::backward::<T>(slice(dy, ldy)?, ids, self.len, width));
        Ok((dtable, Shape::from((self.len, width))))
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
