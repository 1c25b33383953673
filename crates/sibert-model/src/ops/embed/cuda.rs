//! Launches of `embed.cu`; ids are on the host.

use candle_core::{DType, Result, Tensor};
use cukernel::{Grid, Module, args, empty, suffix, upload};
use sibert_products::Precision;

use super::Tokens;
use crate::tape::{Backward, Sink};

/// The kernels.
pub const MODULE: Module = Module::new("embed", include_str!("embed.cu"));

/// Threads of a block, which writes one row.
const THREADS: u32 = 128;

/// Here activations begin, so that the precision in force gives their type.
pub fn embed([words, types, positions]: [Tensor; 3], tokens: Tokens) -> Result<(Tensor, impl Backward)> {
    let dtype = match Precision::current() {
        Precision::F32 | Precision::Bf16x3 => DType::F32,
        Precision::Bf16 => DType::BF16,
    };
    let (device, width, count) = (words.device(), words.dim(1)?, tokens.ids.len());
    let y = empty((tokens.batch(), tokens.seq, width), dtype, device)?;
    let (ids, type_ids) = (upload(&tokens.ids, count, device)?, upload(&tokens.types, count, device)?);
    let kernel = format!("embed_{}", suffix(dtype)?);
    let args = args![words, types, positions, ids, type_ids, y, tokens.seq, width];
    // SAFETY: the ids were checked against their tables, whose width is that of y; y has a row for each.
    unsafe { MODULE.launch(device, &kernel, Grid::new(count, THREADS), &args)? };
    Ok((y, move |dy: &Tensor, sink: &mut Sink| tokens.backward(dy, sink)))
}
