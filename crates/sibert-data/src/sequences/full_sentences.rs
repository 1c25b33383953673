//! Text that runs on from sequence to sequence, over the ends of documents.
//!
//! ```text
//! [CLS] document one … [SEP] document two … [SEP]
//! [CLS] … the rest of document two [SEP] document three [SEP]
//! ```
//!
//! Sequence `i` is the ids `i·(L−2) .. (i+1)·(L−2)` of the stream, so that nothing has to be remembered. A separator
//! at either end of them would stand next to `[CLS]` or another `[SEP]`: it is left out, and the row padded by one.

use crate::shards::Stream;

use super::{Layout, Row};

/// Sequences of a stream that is not empty; its last id is a separator and needs none.
pub fn len(stream: &Stream, seq_len: usize) -> u64 {
    (stream.len() - 1).div_ceil(seq_len as u64 - 2)
}

/// Reads a sequence into an empty row.
pub fn read(stream: &Stream, layout: &Layout, index: u64, row: &mut Row) {
    let (body, special) = (layout.seq_len as u64 - 2, layout.special);
    let ids = &mut row.ids;
    ids.push(special.cls);
    stream.read(index * body..((index + 1) * body).min(stream.len()), ids);
    if ids[1] == special.sep {
        ids.remove(1);
    }
    if ids.last() != Some(&special.sep) {
        ids.push(special.sep);
    }
}
