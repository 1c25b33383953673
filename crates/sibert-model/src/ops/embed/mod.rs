//! The sum of a token's three embeddings.

mod composed;
mod cpu;
pub(super) mod cuda;

use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor, bail};

use super::{Path, by_dtype, path, slice};
use crate::ops::rows;
use crate::tape::{Backward, Record, Sink, apply};

/// `y[b, t] = words[ids[b, t]] + types[type_ids[b, t]] + positions[t]`, from three tables (n, d) and u32 ids
/// (batch, seq) to (batch, seq, d).
///
/// On a [tape](crate::tape) the gradients of the tables are those of the rows that occur.
///
/// # Errors
/// If an id is outside its table, the sequence is longer than the positions, the ids are not u32 or of two shapes, or
/// the tables differ in width or dtype.
pub fn embed([words, types, positions]: [&Tensor; 3], ids: &Tensor, type_ids: &Tensor) -> Result<Tensor> {
    let (_, seq) = ids.dims2()?;
    if ids.dtype() != DType::U32 || type_ids.dtype() != DType::U32 {
        bail!("embed: ids of dtype {} and {} are not u32", ids.dtype().as_str(), type_ids.dtype().as_str())
    }
    if ids.dims() != type_ids.dims() {
        bail!("embed: ids of shape {:?} and segments of shape {:?} differ", ids.dims(), type_ids.dims())
    }
    if words.dim(1)? != types.dim(1)? || words.dim(1)? != positions.dim(1)? {
        let widths = [words, types, positions].map(|table| table.dims().to_vec());
        bail!("embed: tables of shapes {widths:?} differ in width")
    }
    if seq > positions.dim(0)? {
        bail!("embed: a sequence of {seq} tokens is longer than the {} positions", positions.dim(0)?)
    }
    let path = path(words);
    if let Path::Composed = path {
        return composed::embed([words, types, positions], ids, type_ids);
    }
    let [words, types, positions] = [words.contiguous()?, types.contiguous()?, positions.contiguous()?];
    let op = Embed { ids: ids.flatten_all()?.to_vec1()?, types: type_ids.flatten_all()?.to_vec1()?, seq };
    rows::check("embed", &op.ids, words.dim(0)?)?;
    rows::check("embed", &op.types, types.dim(0)?)?;
    if let Path::Kernels = path {
        return cuda::embed([&words, &types, &positions], op);
    }
    apply(
        op,
        &[&words, &types, &positions],
        |op| words.apply_op3_no_bwd(&types, &positions, op),
        |op| words.apply_op3(&types, &positions, op),
    )
}

/// `y[b, t] = words[ids[b, t]] + types[type_ids[b, t]]`: as [`embed`] with positions of zeros, which learn nothing.
///
/// # Errors
/// As [`embed`], for a sequence of any length.
pub fn embed_without_positions(
    [words, types]: [&Tensor; 2],
    ids: &Tensor,
    type_ids: &Tensor,
) -> Result<Tensor> {
    let positions = Tensor::zeros((ids.dims2()?.1, words.dim(1)?), words.dtype(), words.device())?;
    embed([words, types, &positions], ids, type_ids)
}

struct Embed {
    ids: Vec<u32>,
    types: Vec<u32>,
    seq: usize,
}

impl Embed {
    /// The position of every token.
    fn positions(&self) -> Vec<u32> {
        (0..self.seq as u32).cycle().take(self.ids.len()).collect()
    }
}

impl Record for Embed {
    type Backward = Self;

    fn name(&self) -> &'static str {
        "embed"
    }

    fn keep(self, _inputs: &[&Tensor], _y: &Tensor) -> Self {
        self
    }
}

impl Backward for Embed {
    fn backward(self: Box<Self>, dy: &Tensor, sink: &mut Sink) -> Result<()> {
        for (i, ids) in [&self.ids, &self.types, &self.positions()].into_iter().enumerate() {
            if sink.wants(i) {
                sink.add_rows(i, ids, dy)?;
            }
        }
        Ok(())
    }
}

impl CustomOp3 for Embed {
    fn name(&self) -> &'static str {
        "embed"
    }

    fn cpu_fwd(
        &self,
        words: &CpuStorage,
        lw: &Layout,
        types: &CpuStorage,
        lt: &Layout,
        positions: &CpuStorage,
        lp: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, width) = lw.shape().dims2()?;
        let y = by_dtype!("embed", words, T => {
            let tables = [slice::<T>(words, lw)?, slice(types, lt)?, slice(positions, lp)?];
            cpu::forward(tables, &self.ids, &self.types, self.seq, width)
        });
        Ok((y, Shape::from((self.ids.len() / self.seq.max(1), self.seq, width))))
    }

    fn bwd(
        &self,
        words: &Tensor,
        types: &Tensor,
        positions: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let table = |ids: &[u32], table: &Tensor| rows::table_gradient(ids, dy, table).map(Some);
        Ok((table(&self.ids, words)?, table(&self.types, types)?, table(&self.positions(), positions)?))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::ops::test_support::*;

    fn ids() -> [Tensor; 2] {
        let ids = Tensor::new(&[[1u32, 4, 1], [0, 1, 6]], &Device::Cpu).unwrap();
        [ids, Tensor::new(&[[0u32, 0, 1], [1, 0, 0]], &Device::Cpu).unwrap()]
    }

    fn apply(inputs: &[Tensor]) -> Result<Tensor> {
        let [ids, types] = ids();
        embed([&inputs[0], &inputs[1], &inputs[2]], &ids, &types)
    }

    fn tables() -> Vec<Tensor> {
        vec![sample(&[7, 5], 1), sample(&[2, 5], 2), sample(&[4, 5], 3)]
    }

    #[test]
    fn embed_matches_composed() {
        let [ids, types] = ids();
        let naive = |inputs: &[Tensor]| composed::embed([&inputs[0], &inputs[1], &inputs[2]], &ids, &types);
        assert_matches(apply, naive, &tables());
    }

    #[test]
    fn embed_gradient_matches_finite_differences() {
        assert_gradients(apply, &tables());
    }

    #[test]
    fn embed_has_degree_one() {
        assert_homogeneous(apply, &tables(), &[0, 1, 2], 1);
    }

    #[test]
    fn embed_without_positions_is_the_sum_of_two_look_ups() {
        let [ids, types] = ids();
        let of = |inputs: &[Tensor]| embed_without_positions([&inputs[0], &inputs[1]], &ids, &types);
        let naive = |inputs: &[Tensor]| {
            let rows = |table: &Tensor, ids: &Tensor| table.index_select(&ids.flatten_all()?, 0);
            (rows(&inputs[0], &ids)? + rows(&inputs[1], &types)?)?.reshape((2, 3, 5))
        };
        assert_matches(of, naive, &tables()[..2]);
        assert_gradients(of, &tables()[..2]);
        assert_homogeneous(of, &tables()[..2], &[0, 1], 1);
    }

    #[test]
    fn embed_refuses_what_does_not_fit() {
        let [ids, types] = ids();
        let tables = tables();
        let refusal = |words: &Tensor, positions: &Tensor, types: &Tensor| {
            embed([words, &tables[1], positions], &ids, types).unwrap_err().to_string()
        };
        let error = refusal(&sample(&[6, 5], 1), &tables[2], &types);
        assert!(error.contains("embed: id 6 at position 5 is not below the table's 6 rows"), "{error}");
        let error = refusal(&tables[0], &sample(&[2, 5], 1), &types);
        assert!(error.contains("3 tokens is longer than the 2 positions"), "{error}");
        let error = refusal(&tables[0], &tables[2], &types.narrow(1, 0, 2).unwrap());
        assert!(error.contains("[2, 3] and segments of shape [2, 2] differ"), "{error}");
    }
}
