//! Questions as inputs of a model: `[CLS] question [SEP] part of the context [SEP]`, a window for each part.

use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use rayon::prelude::*;
use tokenizers::Tokenizer;

use super::context::{self, Tokens};
use super::{Question, align};
use crate::Notes;
use crate::cut::{max_context, parts};
use crate::tokenizer::SpecialTokens;

/// `[CLS]` and twice `[SEP]`.
const SPECIAL: usize = 3;

/// How contexts are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSettings {
    /// Longest window in tokens.
    pub max_seq_len: usize,
    /// Tokens of the context that two neighbouring windows share. Google's `doc_stride` is the step between windows,
    /// transformers' is what they share, as here.
    pub doc_stride: usize,
    /// Longest question in tokens, the rest is cut; 0 cuts nothing.
    pub max_query_len: usize,
}

/// A question and as much of its context as a model sees at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Token ids, not padded.
    pub input_ids: Vec<u32>,
    /// 0 for the question, 1 for the context.
    pub token_type_ids: Vec<u32>,
    /// First and last token of the answer to train on; `(0, 0)`, the `[CLS]`, if it is not all in the window.
    pub span: (u32, u32),
    /// Which of the questions it is of.
    pub question: usize,
    pub(super) first: usize,              // position of the first token of the context
    pub(super) part: Range<usize>,        // tokens of the context
    pub(super) max_context: Range<usize>, // those that have their maximum context here
    pub(super) offsets: Arc<[(usize, usize)]>, // of all tokens of the context
}

impl Window {
    /// The bytes of the context that the token at a position stands for; none outside the context.
    pub fn bytes(&self, position: usize) -> Option<Range<usize>> {
        let token = self.token(position)?;
        self.offsets.get(token).map(|offset| offset.0..offset.1)
    }

    /// Whether no other window shows more around the token at a position.
    pub fn has_max_context(&self, position: usize) -> bool {
        self.token(position).is_some_and(|token| self.max_context.contains(&token))
    }

    /// Which token of the context stands at a position.
    fn token(&self, position: usize) -> Option<usize> {
        let token = self.part.start + position.checked_sub(self.first)?;
        self.part.contains(&token).then_some(token)
    }
}

/// Cuts the questions' contexts into windows, in the order of the questions.
///
/// The span to train on is that of the first answer: the tokens that share a character with it. That is what
/// transformers' run_qa.py finds, except for answers that begin or end with white space: those do not get the word
/// beyond it.
///
/// # Errors
/// If a question leaves no room for its context, `doc_stride` leaves no step, or the tokenizer fails.
pub fn windows(
    questions: &[Question],
    tokenizer: &Tokenizer,
    settings: &WindowSettings,
    notes: Notes,
) -> Result<Vec<Window>> {
    let special = SpecialTokens::of(tokenizer)?;
    let (contexts, indices) = context::encode(questions, tokenizer)?;
    let mut queries = queries(questions, tokenizer)?;
    let most = if settings.max_query_len == 0 { usize::MAX } else { settings.max_query_len };
    let cut = queries.iter().filter(|query| query.len() > most).count();
    if cut > 0 {
        notes(format!("{cut} of {} questions are cut to {most} tokens (--max-query-len)", questions.len()));
    }
    queries.iter_mut().for_each(|query| query.truncate(most));
    let one = |index: usize| -> Result<Vec<Window>> {
        let (question, query, tokens) = (&questions[index], &queries[index], &contexts[indices[index]]);
        let windows = cut_context(index, question, query, tokens, special, settings);
        windows.with_context(|| format!("question {}", question.id))
    };
    let windows: Vec<Vec<Window>> = (0..questions.len()).into_par_iter().map(one).collect::<Result<_>>()?;
    Ok(windows.into_iter().flatten().collect())
}

/// The questions' ids; white space before a question is dropped, some of SQuAD's have much.
fn queries(questions: &[Question], tokenizer: &Tokenizer) -> Result<Vec<Vec<u32>>> {
    let ids = |question: &Question| -> Result<Vec<u32>> {
        let encoding = tokenizer.encode_fast(question.question.trim_start(), false);
        Ok(encoding.map_err(|error| anyhow!(error))?.get_ids().to_vec())
    };
    questions.par_iter().map(ids).collect()
}

fn cut_context(
    index: usize,
    question: &Question,
    query: &[u32],
    tokens: &Tokens,
    special: SpecialTokens,
    settings: &WindowSettings,
) -> Result<Vec<Window>> {
    let room = room(query.len(), tokens.ids.len(), settings)?;
    let parts = parts(tokens.ids.len(), room, settings.doc_stride);
    let answer = question.answers.first().filter(|_| !question.impossible);
    let bytes = answer.and_then(|answer| align::bytes(&question.context, answer));
    let answer = bytes.and_then(|bytes| tokens.showing(&bytes));
    let first = query.len() + 2;
    let window = |(part, max_context): (&Range<usize>, Range<usize>)| {
        let ids = &tokens.ids[part.clone()];
        let input_ids = [&[special.cls], query, &[special.sep], ids, &[special.sep]].concat();
        let mut token_type_ids = vec![0; first];
        token_type_ids.resize(input_ids.len(), 1);
        let inside = answer.as_ref().filter(|answer| part.start <= answer.start && answer.end <= part.end);
        let position = |token: usize| (first + token - part.start) as u32;
        let span = inside.map_or((0, 0), |answer| (position(answer.start), position(answer.end - 1)));
        let (part, offsets) = (part.clone(), tokens.offsets.clone());
        Window { input_ids, token_type_ids, span, question: index, first, part, max_context, offsets }
    };
    Ok(parts.iter().zip(max_context(&parts)).map(window).collect())
}

/// How many tokens of a context fit beside a question.
fn room(query: usize, context: usize, settings: &WindowSettings) -> Result<usize> {
    let &WindowSettings { max_seq_len, doc_stride, .. } = settings;
    let room = max_seq_len.saturating_sub(query + SPECIAL);
    ensure!(
        room > 0,
        "its {query} tokens and {SPECIAL} special ones leave no room for the context in --max-seq-len {max_seq_len}: \
         give a longer one, or a shorter --max-query-len"
    );
    ensure!(
        context <= room || doc_stride < room,
        "its windows have room for {room} tokens of the context, neighbours cannot share {doc_stride}: give a \
         --doc-stride below {room}, a longer --max-seq-len, or a shorter --max-query-len"
    );
    Ok(room)
}
