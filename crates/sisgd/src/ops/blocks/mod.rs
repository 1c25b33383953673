//! The step of blocks of variables on the device: two launches for all that are no matrices and one more for each table, 28
//! for every matrix, 29 for one in bands, and one for the report.

use super::group::{Group, KERNELS};
use super::orthogonal::Matrix;
use super::row_directions;
use super::verdict::Verdict;
use crate::gradients::Fitting;
use crate::spectral::{Factor, Law, stretch};
use candle_core::{DType, Result, Tensor};
use cukernel::{Grid, args};
use std::ops::Range;

/// Numbers in a row of the table.
const WORDS: usize = 8;

/// Numbers of a move: `1 − keep`, the rate, `‖W'‖²` and `⟨W, W'⟩`.
const MOVE: usize = 4;

/// Blocks of variables as kernels see them.
pub(crate) struct Blocks {
    pub(super) table: Tensor,
    rows: Vec<Row>,
    /// `1/‖G_i‖` of the rows of all tables.
    inverses: Tensor,
    /// The partial sums of `⟨W, U⟩` and `‖U‖²`.
    parts: Tensor,
    /// The move of each block.
    moves: Tensor,
}

/// A block, and where what belongs to it is.
struct Row {
    factor: Factor,
    vars: Range<usize>,
    /// Rows and columns; of a table or matrix.
    dims: (usize, usize),
    inverses: Range<usize>,
    parts: Range<usize>,
}

impl Blocks {
    /// The table of a step over a group, whose variables are cut into blocks by their counts.
    pub fn new(group: &Group, blocks: &[(Factor, usize)], gradients: &[Fitting]) -> Result<Self> {
        let mut rows = Vec::with_capacity(blocks.len());
        let [mut var, mut inverse, mut part] = [0; 3];
        for &(factor, count) in blocks {
            let vars = var..var + count;
            let (dims, own_inverses, own_parts) = match (factor, gradients.get(var)) {
                (Factor::Whole, _) | (_, None) => ((1, 1), 0, 0),
                (Factor::Rows, Some(table)) => {
                    let dims = table.var.dims2()?;
                    (dims, dims.0, row_directions::parts_of(dims.0))
                }
                (_, Some(matrix)) => (matrix.var.dims2()?, 0, group.chunks_of(vars.clone()).len()),
            };
            let inverses = inverse..inverse + own_inverses;
            let parts = part..part + own_parts;
            (var, inverse, part) = (vars.end, inverses.end, parts.end);
            rows.push(Row { factor, vars, dims, inverses, parts });
        }
        let words: Vec<_> = rows.iter().flat_map(Row::words).collect();
        Ok(Self {
            table: cukernel::upload(&words, (rows.len(), WORDS), group.device())?,
            inverses: group.empty(inverse.max(1), DType::F64)?,
            parts: group.empty((part * 2).max(2), DType::F64)?,
            moves: group.empty(rows.len() * MOVE, DType::F64)?,
            rows,
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Enqueues the step along the gradients of a group; `sums` are the dot products of each of its variables.
    pub fn enqueue(&self, group: &Group, sums: &Tensor, verdict: &Verdict, law: Law) -> Result<()> {
        let Self { table, rows, inverses, moves, .. } = self;
        let Verdict { guard, report, .. } = verdict;
        let count = rows.len();
        for row in rows.iter().filter(|row| row.factor == Factor::Rows) {
            let inverses = inverses.narrow(0, row.inverses.start, row.inverses.len())?;
            row_directions::enqueue(group, row.vars.start, row.dims, &inverses, &self.parts_of(row)?)?;
        }
        if rows.iter().any(|row| row.factor.bands().is_none()) {
            self.plan(0..count, false, sums, law)?;
            let args = args![group.table, group.len, guard, table, count, inverses, moves];
            // SAFETY: the table's tensors have the lengths that it tells, and nothing else writes them.
            unsafe { KERNELS.launch(group.device(), "descend_blocks", group.blocks(), &args)? };
        }
        for (i, row) in rows.iter().enumerate() {
            let Some(bands) = row.factor.bands() else { continue };
            let matrix = Matrix { group, vars: row.vars.clone(), dims: row.dims, bands };
            let factor = matrix.factor(sums)?;
            matrix.products(&factor, &self.parts_of(row)?)?;
            self.plan(i..i + 1, true, sums, law)?;
            matrix.descend(&factor, guard, &moves.narrow(0, i * MOVE, MOVE)?)?;
        }
        let args = args![guard, report, moves, count];
        // SAFETY: the report has two numbers behind its sums, as only blocks are judged here.
        unsafe { KERNELS.launch(group.device(), "total_moves", Grid::new(1, 32), &args) }
    }

    /// The moves of those of some blocks that are matrices, or are none.
    fn plan(&self, blocks: Range<usize>, matrices: bool, sums: &Tensor, law: Law) -> Result<()> {
        let Law { keep, rate, relative, keep_norms, .. } = law;
        let [matrices, relative, keep_norms] = [matrices, relative, keep_norms].map(u32::from);
        let Self { table, parts, moves, .. } = self;
        let args = args![table, blocks.start, matrices, sums, parts, moves, keep, rate, relative, keep_norms];
        // SAFETY: the table tells where the variables' sums and the parts are; there is a move for each block.
        unsafe { KERNELS.launch(table.device(), "plan_blocks", Grid::new(blocks.len(), 32), &args) }
    }

    fn parts_of(&self, row: &Row) -> Result<Tensor> {
        self.parts.narrow(0, row.parts.start * 2, row.parts.len() * 2)
    }
}

impl Row {
    /// As in `blocks.cu`.
    fn words(&self) -> [i64; WORDS] {
        let bands = self.factor.bands();
        let factor = match self.factor {
            Factor::Whole => 0,
            Factor::Rows => 1,
            Factor::Orthogonal | Factor::RowBands(_) | Factor::ColumnBands(_) => 2,
        };
        let stretch = bands.map_or(1., |bands| {
            let (rows, columns) = bands.dims(self.dims);
            stretch(rows, columns)
        });
        let counts = [
            self.vars.start,
            self.vars.len(),
            factor,
            self.dims.1,
            self.inverses.start,
            self.parts.start,
            self.parts.len(),
        ];
        let [first, count, factor, width, row, part, parts] = counts.map(|count| count as i64);
        [first, count, factor, width, row, part, parts, stretch.to_bits() as i64]
    }
}
