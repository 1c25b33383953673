//! The heads of tasks: a class, labels or a score of the first token, the start and end of a span, or a class of each token.

use std::collections::HashMap;
use std::fmt;

use candle_core::{Result, Tensor, bail};
use candle_nn::VarBuilder;

use crate::affine::Dense;
use crate::blocks::Group;
use crate::config::{ModelConfig, ModelType};
use crate::mode::Mode;
use crate::ops;

/// The question that a task asks of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadKind {
    /// One of so many classes.
    Classes(usize),
    /// As many of so many labels as hold.
    Labels(usize),
    /// A number.
    Score,
    /// The tokens where a span starts and ends.
    Span,
    /// One of so many classes for each token.
    Tokens(usize),
}

impl HeadKind {
    /// Numbers that the head gives for a text, or for a token.
    pub fn outputs(self) -> usize {
        match self {
            HeadKind::Classes(count) | HeadKind::Labels(count) | HeadKind::Tokens(count) => count,
            HeadKind::Score => 1,
            HeadKind::Span => 2,
        }
    }

    /// Whether it gives its numbers for every token, and not once for a text.
    pub fn is_of_tokens(self) -> bool {
        match self {
            HeadKind::Classes(_) | HeadKind::Labels(_) | HeadKind::Score => false,
            HeadKind::Span | HeadKind::Tokens(_) => true,
        }
    }

    /// The name above the last map's parameters, transformers' own.
    pub fn root(self) -> &'static str {
        match self {
            HeadKind::Span => "qa_outputs",
            _ => "classifier",
        }
    }

    /// The names above all of the head's parameters: of the pooler, where there is one, and of the last map.
    pub(super) fn roots(self, model_type: ModelType) -> Vec<&'static str> {
        match self.is_of_tokens() {
            false => vec![pooler(model_type), self.root()],
            true => vec![self.root()],
        }
    }

    /// Refuses fewer than two classes, and no label.
    pub(super) fn validate(self) -> Result<()> {
        match self {
            HeadKind::Tokens(classes @ (0 | 1)) => {
                bail!("a head of {classes} classes for each token, expected at least 2")
            }
            HeadKind::Labels(0) => bail!("a head of no labels, expected at least 1"),
            HeadKind::Classes(classes @ (0 | 1)) => bail!("a head of {classes} classes, expected at least 2"),
            _ => Ok(()),
        }
    }

    /// Refuses a checkpoint whose head was made for another task.
    pub(super) fn check(self, tensors: &HashMap<String, Tensor>) -> Result<()> {
        let (name, expected) = (format!("{}.weight", self.root()), self.outputs());
        match tensors.get(&name).map(|weight| weight.dims()) {
            Some(&[found, _]) if found != expected => bail!(
                "the checkpoint's head `{name}` has {found} outputs, expected {expected} for {self}: it was made for \
                 another task"
            ),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for HeadKind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            HeadKind::Classes(classes) => write!(f, "{classes} classes"),
            HeadKind::Labels(labels) => write!(f, "{labels} labels"),
            HeadKind::Tokens(classes) => write!(f, "{classes} classes of each token"),
            HeadKind::Score => f.write_str("a score"),
            HeadKind::Span => f.write_str("a span"),
        }
    }
}

/// The pooler is a head's in SIBERT (it is not scale invariant) and the encoder's, by name, in BERT.
fn pooler(model_type: ModelType) -> &'static str {
    match model_type {
        ModelType::Sibert => "cls.pooler",
        ModelType::Bert => "bert.pooler",
    }
}

/// Hidden states to logits.
pub(super) enum Head {
    /// Pooler → tanh → dropout → classifier, of the first tokens.
    Pooled { pooler: Dense, dropout: f32, classifier: Dense },
    /// Dropout, if any, → one linear map, of every token.
    Tokens { dropout: f32, outputs: Dense },
}

impl Head {
    /// Takes the parameters below the kind's roots.
    pub fn new(config: &ModelConfig, kind: HeadKind, vb: VarBuilder) -> Result<Self> {
        let (hidden, std) = (config.hidden_size, config.initializer_range);
        let last = |vb: VarBuilder| Dense::new(hidden, kind.outputs(), std, vb.pp(kind.root()));
        let dropout = config.hidden_dropout_prob;
        Ok(match kind {
            HeadKind::Classes(_) | HeadKind::Labels(_) | HeadKind::Score => Self::Pooled {
                pooler: Dense::new(hidden, hidden, std, vb.pp(pooler(config.model_type)).pp("dense"))?,
                dropout,
                classifier: last(vb)?,
            },
            HeadKind::Span => Self::Tokens { dropout: 0., outputs: last(vb)? },
            HeadKind::Tokens(_) => Self::Tokens { dropout, outputs: last(vb)? },
        })
    }

    /// First hidden states (batch, hidden) to (batch, outputs), or all (batch, seq, hidden) to (batch, seq, outputs).
    pub fn forward(&self, hidden: &Tensor, mode: Mode) -> Result<Tensor> {
        match self {
            Self::Pooled { pooler, dropout, classifier } => {
                let pooled = ops::tanh(&pooler.forward(hidden)?)?; // (batch, hidden)
                classifier.forward(&mode.dropout(&pooled, *dropout)?)
            }
            Self::Tokens { dropout: 0., outputs } => outputs.forward(hidden),
            Self::Tokens { dropout, outputs } => outputs.forward(&mode.dropout(hidden, *dropout)?),
        }
    }

    /// The blocks of pooler and last map.
    pub fn blocks(&self) -> Vec<Group> {
        match self {
            Self::Pooled { pooler, classifier, .. } => {
                pooler.blocks().into_iter().chain(classifier.blocks()).collect()
            }
            Self::Tokens { outputs, .. } => outputs.blocks(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::parameters::Parameters;

    #[test]
    fn pooled_states_are_dropped_in_training_as_those_of_the_whole_batch() {
        let config = ModelConfig { hidden_size: 32, ..ModelConfig::preset(ModelType::Bert, "tiny").unwrap() };
        let vb = Parameters::initialised(1).builder(DType::F64, &Device::Cpu);
        let head = Head::new(&config, HeadKind::Classes(3), vb).unwrap();
        let hidden = Tensor::randn(0f64, 1., (4, 32), &Device::Cpu).unwrap();
        let logits = |hidden: &Tensor, mode: Mode| {
            head.forward(hidden, mode).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap()
        };
        let whole = logits(&hidden, Mode::train(1));
        let row = |i: usize| logits(&hidden.narrow(0, i, 1).unwrap(), Mode::train(1).from_row(i));
        assert_eq!((0..4).flat_map(row).collect::<Vec<_>>(), whole);
        let undropped = logits(&hidden, Mode::Eval);
        assert!(whole.iter().zip(&undropped).all(|(a, b)| a != b), "{whole:?} {undropped:?}");
    }
}
