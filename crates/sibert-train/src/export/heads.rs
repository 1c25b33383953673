//! The heads as operations of ONNX, and which head a checkpoint has.

use anyhow::{Context, Result, ensure};
use sibert_model::{ModelConfig, ModelType};

use super::graph::{Builder, Name, int};
use super::layers::{gelu, layer_norm, linear, unit};
use super::named;
use super::proto::Size;
use crate::args::Part;
use crate::pretrained::Pretrained;

const MASKED_LM: &str = "cls.predictions.transform.dense.weight";
const CLASSIFIER: &str = "classifier.weight";
const SPAN: &str = "qa_outputs.weight";

/// What follows the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// Nothing: the output is `last_hidden_state`.
    None,
    /// Logits of every token's words.
    MaskedLm,
    /// Logits of a text's classes, or its score: so many numbers.
    Texts(usize),
    /// Logits of every token's classes.
    Tokens(usize),
    /// Logits of start and end.
    Span,
}

impl Head {
    /// The head that was asked for, or the one that the checkpoint has.
    ///
    /// # Errors
    /// If it does not have the one that was asked for.
    pub fn of(pretrained: &Pretrained, part: Option<Part>) -> Result<Self> {
        let outputs = |name: &str| pretrained.tensors.get(name).map(|weight| weight.dims()[0]);
        let architecture = pretrained.config_json["architectures"][0].as_str().unwrap_or_default();
        let is_of_tokens = architecture.ends_with("ForTokenClassification");
        let task = match (outputs(CLASSIFIER), outputs(SPAN)) {
            (Some(classes), _) if is_of_tokens => Some(Self::Tokens(classes)),
            (Some(classes), _) => Some(Self::Texts(classes)),
            (_, Some(_)) => Some(Self::Span),
            _ => None,
        };
        let masked_lm = outputs(MASKED_LM).map(|_| Self::MaskedLm);
        match part {
            None => Ok(task.or(masked_lm).unwrap_or(Self::None)),
            Some(Part::Encoder) => Ok(Self::None),
            Some(Part::MaskedLm) => masked_lm.with_context(|| {
                format!("--part masked-lm: the model has no head for masked words ({MASKED_LM})")
            }),
            Some(Part::Task) => task.with_context(|| {
                format!("--part task: the model has no head of a task ({CLASSIFIER} or {SPAN}): fine-tune it first")
            }),
        }
    }

    /// Adds it to the graph, behind the hidden states (batch, sequence, hidden).
    ///
    /// # Errors
    /// If the model lacks one of its parameters.
    pub fn build(self, graph: &mut Builder, config: &ModelConfig, hidden: &Name) -> Result<()> {
        let known = |size: usize| Size::Known(size as i64);
        let (batch, seq) = (named("batch"), named("sequence"));
        match self {
            Self::None => {
                graph.output("last_hidden_state", hidden, &[batch, seq, known(config.hidden_size)]);
            }
            Self::MaskedLm => {
                let logits = masked_lm(graph, config, hidden)?;
                graph.output("logits", &logits, &[batch, seq, known(config.vocab_size)]);
            }
            Self::Texts(classes) => {
                let pooled = pooled(graph, config, hidden)?;
                let logits = linear(graph, &pooled, "classifier")?;
                graph.output("logits", &logits, &[batch, known(classes)]);
            }
            Self::Tokens(classes) => {
                let logits = linear(graph, hidden, "classifier")?;
                graph.output("logits", &logits, &[batch, seq, known(classes)]);
            }
            Self::Span => {
                let logits = linear(graph, hidden, "qa_outputs")?; // (batch, sequence, 2)
                for (at, name) in (0..).zip(["start_logits", "end_logits"]) {
                    let at = graph.whole(at);
                    let side = graph.op_with("Gather", &[&logits, &at], vec![int("axis", 2)]);
                    graph.output(name, &side, &[batch.clone(), seq.clone()]);
                }
            }
        }
        Ok(())
    }
}

/// Dense, GELU, layer norm, decoder.
fn masked_lm(graph: &mut Builder, config: &ModelConfig, hidden: &Name) -> Result<Name> {
    let dense = linear(graph, hidden, "cls.predictions.transform.dense")?;
    let active = gelu(graph, &dense);
    let norm = layer_norm(graph, &active, "cls.predictions.transform.LayerNorm", config)?;
    if config.model_type == ModelType::Sibert {
        return match config.has_tied_decoder() {
            true => directions(graph, &norm, "sibert.embeddings.word_embeddings.weight"),
            false => linear(graph, &norm, "cls.predictions.decoder"),
        };
    }
    let decoder = match config.has_tied_decoder() {
        true => "bert.embeddings.word_embeddings.weight",
        false => "cls.predictions.decoder.weight",
    };
    let table = graph.parameter(decoder)?;
    let table = graph.op("Transpose", &[&table]); // the table itself is in the file once
    let product = graph.op("MatMul", &[&norm, &table]);
    let own = "cls.predictions.decoder.bias";
    let bias = if graph.has("cls.predictions.bias") { "cls.predictions.bias" } else { own };
    let bias = graph.parameter(bias)?;
    Ok(graph.op("Add", &[&product, &bias]))
}

/// `x Êᵀ`, Ê being the rows of a table divided by their lengths.
fn directions(graph: &mut Builder, x: &Name, table: &str) -> Result<Name> {
    let table = graph.parameter(table)?;
    let table = unit(graph, &table);
    let table = graph.op("Transpose", &[&table]);
    Ok(graph.op("MatMul", &[x, &table]))
}

/// The first token's state, transformed (batch, hidden).
fn pooled(graph: &mut Builder, config: &ModelConfig, hidden: &Name) -> Result<Name> {
    let name = match config.model_type {
        ModelType::Sibert => "cls.pooler.dense",
        ModelType::Bert => "bert.pooler.dense",
    };
    ensure!(
        graph.has(&format!("{name}.weight")),
        "the model has a classifier without a pooler, {name}.weight"
    );
    let first = graph.whole(0);
    let first = graph.op_with("Gather", &[hidden, &first], vec![int("axis", 1)]);
    let dense = linear(graph, &first, name)?;
    Ok(graph.op("Tanh", &[&dense]))
}
