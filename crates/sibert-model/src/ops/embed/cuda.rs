//! Launches of `embed.cu`; ids are on the host.

use candle_core::{DType, Result, Tensor};
use cukernel::{Grid, Module, args, empty, suffix, upload};

use super::Embed;
use crate::precision::Precision;
use crate::tape::{Sink, apply_kernels};

/// The kernels.
pub const MODULE: Module = Module::new("embed", include_str!("embed.cu"));

/// Threads of a block, which writes one row.
const THREADS: u32 = 128;

/// As [`super::embed`]; here activations begin, so that the precision in force gives their type.
pub(super) fn embed(tables: [&Tensor; 3], op: Embed) -> Result<Tensor> {
    let dtype = match Precision::current() {
        Precision::F32 => DType::F32,
        Precision::Bf16 => DType::BF16,
    };
    apply_kernels("embed", &tables, || {
        let [words, types, positions] = tables;
        let (device, width, tokens) = (words.device(), words.dim(1)?, op.ids.len());
        let y = empty((tokens / op.seq.max(1), op.seq, width), dtype, device)?;
        let (ids, type_ids) = (upload(&op.ids, tokens, device)?, upload(&op.types, tokens, device)?);
        let kernel = format!("embed_{}", suffix(dtype)?);
        let args = args![words, types, positions, ids, type_ids, y, op.seq, width];
        // SAFETY: the ids were checked against their tables, whose width is that of y; y has a row for each.
        unsafe { MODULE.launch(device, &kernel, Grid::new(tokens, THREADS), &args)? };
        let backward = move |dy: &Tensor, sink: &mut Sink| {
            for (i, ids) in [&op.ids, &op.types, &op.positions()].into_iter().enumerate() {
                if sink.wants(i) {
                    sink.add_rows(i, ids, dy)?;
                }
            }
            Ok(())
        };
        Ok((y, backward))
    })
}
