//! The losses of the heads, summed over the batch.

use candle_core::{Result, Tensor, bail};

use super::{HeadKind, Inputs};
use crate::ops;

/// The right answer for each text of a batch; classes, spans and places on the host.
#[derive(Clone, Debug)]
pub enum Targets {
    /// The class, u32 (batch).
    Classes(Tensor),
    /// The score, in the dtype of the parameters, on the model's device (batch).
    Scores(Tensor),
    /// The tokens where the span starts and ends, both real.
    Spans {
        /// Of each text, u32 (batch).
        starts: Tensor,
        /// Of each text, u32 (batch).
        ends: Tensor,
    },
    /// Whether each label holds, 0 or 1 in the dtype of the parameters, on the model's device (batch, labels).
    Labels(Tensor),
    /// Classes of some tokens.
    Tokens {
        /// Their places, counted through all texts of the batch with their padding, u32 (tokens).
        places: Tensor,
        /// Of each, u32 (tokens).
        classes: Tensor,
    },
}

/// The loss of a head, summed over its texts or tokens.
pub(super) fn loss(head: HeadKind, logits: &Tensor, inputs: &Inputs, targets: &Targets) -> Result<Tensor> {
    match (head, targets) {
        (HeadKind::Classes(_), Targets::Classes(classes)) => ops::cross_entropy(logits, classes),
        (HeadKind::Score, Targets::Scores(scores)) => ops::squared_error(logits, &scores.unsqueeze(1)?),
        (HeadKind::Span, Targets::Spans { starts, ends }) => {
            let spans = Tensor::stack(&[starts, ends], 1)?; // (batch, 2)
            ops::span_cross_entropy(logits, &inputs.attention_mask, &spans)
        }
        (HeadKind::Labels(_), Targets::Labels(labels)) => ops::binary_cross_entropy(logits, labels),
        (HeadKind::Tokens(_), Targets::Tokens { places, classes }) => {
            ops::cross_entropy(&ops::rows(logits, places)?, classes)
        }
        (_, targets) => {
            let found = match targets {
                Targets::Classes(_) => "classes",
                Targets::Scores(_) => "scores",
                Targets::Spans { .. } => "spans",
                Targets::Labels(_) => "labels",
                Targets::Tokens { .. } => "classes of tokens",
            };
            bail!("the model has a head for {head}, but the targets are {found}")
        }
    }
}
