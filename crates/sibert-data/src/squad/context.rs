//! Contexts as tokens, each with the bytes of the original text it stands for.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use rayon::prelude::*;
use tokenizers::Tokenizer;
use unicode_segmentation::GraphemeCursor;

use super::Question;

/// The tokens of a context.
pub(super) struct Tokens {
    /// Their ids, without special ones.
    pub(super) ids: Vec<u32>,
    /// First byte and end of each in the context; both ascend.
    pub(super) offsets: Arc<[(usize, usize)]>,
}

impl Tokens {
    fn of(context: &str, tokenizer: &Tokenizer) -> Result<Self> {
        let encoding = tokenizer.encode(context, false).map_err(|error| anyhow!(error))?;
        let mut offsets = encoding.get_offsets().to_vec();
        for token in 0..offsets.len() {
            let next = offsets.get(token + 1).map_or(context.len(), |next| next.0);
            offsets[token].1 = with_marks(context, offsets[token].1, next);
        }
        Ok(Self { ids: encoding.get_ids().to_vec(), offsets: offsets.into() })
    }

    /// The tokens that share a character with these bytes; none if there is none.
    pub(super) fn showing(&self, bytes: &Range<usize>) -> Option<Range<usize>> {
        let first = self.offsets.partition_point(|offset| offset.1 <= bytes.start);
        let end = self.offsets.partition_point(|offset| offset.0 < bytes.end);
        (first < end).then_some(first..end)
    }
}

/// `end` moved behind the marks that belong to the character before it, but not past `next`.
///
/// A normaliser that strips accents leaves a combining one to no token; an answer is not to lose it.
fn with_marks(context: &str, end: usize, next: usize) -> usize {
    let uncovered = context.as_bytes().get(end..next).unwrap_or_default();
    if uncovered.first().is_none_or(u8::is_ascii) {
        return end;
    }
    let mut cursor = GraphemeCursor::new(end, context.len(), true);
    match cursor.is_boundary(context, 0) {
        Ok(false) => {
            cursor.next_boundary(context, 0).ok().flatten().map_or(end, |boundary| boundary.min(next))
        }
        _ => end,
    }
}

/// The tokens of every context, and which each question's are; a context is encoded once.
///
/// # Errors
/// If the tokenizer fails on one.
pub(super) fn encode(questions: &[Question], tokenizer: &Tokenizer) -> Result<(Vec<Tokens>, Vec<usize>)> {
    let mut known: HashMap<&str, usize> = HashMap::new();
    let mut contexts: Vec<&str> = Vec::new();
    let mut indices = Vec::with_capacity(questions.len());
    for question in questions {
        let index = *known.entry(&question.context).or_insert(contexts.len());
        if index == contexts.len() {
            contexts.push(&question.context);
        }
        indices.push(index);
    }
    let tokens = contexts.par_iter().map(|context| Tokens::of(context, tokenizer)).collect::<Result<_>>()?;
    Ok((tokens, indices))
}
