//! The layers as operations of ONNX.

use anyhow::Result;
use candle_core::{Device, Tensor};
use sibert_model::{AttentionKind, ModelConfig, ModelType};

use super::graph::{Builder, Name, float, int, ints};

/// Stands for a score that nothing may attend to: the least number of f32.
const HIDDEN: f32 = f32::MIN;

/// The way from token ids to the last hidden states (batch, sequence, hidden).
pub struct Encoder<'a> {
    graph: &'a mut Builder,
    config: &'a ModelConfig,
    /// Inputs of whole numbers (batch, sequence).
    ids: Name,
    types: Name,
    mask: Name,
}

impl<'a> Encoder<'a> {
    /// An encoder with its inputs.
    pub fn new(graph: &'a mut Builder, config: &'a ModelConfig, [ids, types, mask]: [Name; 3]) -> Self {
        Self { graph, config, ids, types, mask }
    }

    /// Adds it to the graph.
    ///
    /// # Errors
    /// If the model lacks a parameter.
    pub fn build(mut self) -> Result<Name> {
        let layers = self.config.num_hidden_layers;
        match self.config.model_type {
            ModelType::Sibert => {
                let norm = self.embeddings()?;
                let norm = self.normalized(&norm);
                let norm = self.gain_and_bias(&norm, "sibert.embeddings.LayerNorm")?;
                let first = self.linear(&norm, "sibert.embeddings.projection")?;
                let stream =
                    (0..layers).try_fold(first, |stream, layer| self.sibert_layer(&stream, layer))?;
                Ok(self.normalized(&stream))
            }
            ModelType::Bert => {
                let sum = self.embeddings()?;
                let first = layer_norm(self.graph, &sum, "bert.embeddings.LayerNorm", self.config)?;
                (0..layers).try_fold(first, |stream, layer| self.bert_layer(&stream, layer))
            }
        }
    }

    fn prefix(&self) -> &'static str {
        self.config.model_type.prefix()
    }

    /// The sum of the embeddings of tokens, segments and, where there is a table of them, positions.
    fn embeddings(&mut self) -> Result<Name> {
        let root = format!("{}.embeddings", self.prefix());
        let (ids, types) = (self.ids.clone(), self.types.clone());
        let words = self.graph.parameter(&format!("{root}.word_embeddings.weight"))?;
        let words = self.graph.op("Gather", &[&words, &ids]);
        let segments = self.graph.parameter(&format!("{root}.token_type_embeddings.weight"))?;
        let segments = self.graph.op("Gather", &[&segments, &types]);
        let sum = self.graph.op("Add", &[&words, &segments]);
        let positions = format!("{root}.position_embeddings.weight");
        if !self.graph.has(&positions) {
            return Ok(sum);
        }
        let table = self.graph.parameter(&positions)?;
        let positions = self.first_rows(&table);
        Ok(self.graph.op("Add", &[&sum, &positions]))
    }

    /// As many rows of a table as a sequence has tokens.
    fn first_rows(&mut self, table: &Name) -> Name {
        let shape = self.graph.op("Shape", &[&self.ids.clone()]);
        let (zero, one) = (self.graph.ints(&[0]), self.graph.ints(&[1]));
        let seq = self.graph.op_with("Gather", &[&shape, &one], vec![int("axis", 0)]);
        self.graph.op("Slice", &[table, &zero, &seq, &zero])
    }

    /// x Wᵀ, plus a bias where there is one.
    fn linear(&mut self, x: &Name, name: &str) -> Result<Name> {
        linear(self.graph, x, name)
    }

    fn gain_and_bias(&mut self, x: &Name, name: &str) -> Result<Name> {
        let gain = self.graph.parameter(&format!("{name}.weight"))?;
        let bias = self.graph.parameter(&format!("{name}.bias"))?;
        let scaled = self.graph.op("Mul", &[x, &gain]);
        Ok(self.graph.op("Add", &[&scaled, &bias]))
    }

    /// Mean 0 and deviation 1 in each row, without eps; zeros where a row does not vary.
    fn normalized(&mut self, x: &Name) -> Name {
        let last = || vec![ints("axes", &[-1]), int("keepdims", 1)];
        let mean = self.graph.op_with("ReduceMean", &[x], last());
        let centred = self.graph.op("Sub", &[x, &mean]);
        let squared = self.graph.op("Mul", &[&centred, &centred]);
        let variance = self.graph.op_with("ReduceMean", &[&squared], last());
        over_root(self.graph, &centred, &variance)
    }

    /// `stream + ATTN(N(stream))`, then `stream + FF(N(stream))`.
    fn sibert_layer(&mut self, stream: &Name, layer: usize) -> Result<Name> {
        let root = format!("sibert.encoder.layer.{layer}");
        let input = self.normalized(stream);
        let attended = self.attention(&input, &root)?;
        let attended = self.linear(&attended, &format!("{root}.attention.output.dense"))?;
        let stream = self.graph.op("Add", &[stream, &attended]);
        let input = self.normalized(&stream);
        let wide = self.linear(&input, &format!("{root}.intermediate.dense"))?;
        let wide = self.graph.op("Relu", &[&wide]);
        let narrow = self.linear(&wide, &format!("{root}.output.dense"))?;
        Ok(self.graph.op("Add", &[&stream, &narrow]))
    }

    /// `LN(z + ATTN(z))`, then `LN(z + FF(z))`.
    fn bert_layer(&mut self, stream: &Name, layer: usize) -> Result<Name> {
        let root = format!("bert.encoder.layer.{layer}");
        let attended = self.attention(stream, &root)?;
        let attended = self.linear(&attended, &format!("{root}.attention.output.dense"))?;
        let sum = self.graph.op("Add", &[stream, &attended]);
        let stream =
            layer_norm(self.graph, &sum, &format!("{root}.attention.output.LayerNorm"), self.config)?;
        let wide = self.linear(&stream, &format!("{root}.intermediate.dense"))?;
        let wide = gelu(self.graph, &wide);
        let narrow = self.linear(&wide, &format!("{root}.output.dense"))?;
        let sum = self.graph.op("Add", &[&stream, &narrow]);
        layer_norm(self.graph, &sum, &format!("{root}.output.LayerNorm"), self.config)
    }

    /// The mixed values of all heads (batch, sequence, hidden).
    fn attention(&mut self, x: &Name, root: &str) -> Result<Name> {
        let is_normalized = self.config.attention_kind() == AttentionKind::Normalized;
        let [query, key, value] = ["query", "key", "value"].map(|name| {
            let projected = self.linear(x, &format!("{root}.attention.self.{name}"))?;
            Ok::<_, anyhow::Error>(self.split(&projected))
        });
        let mut sides = [query?, key?]; // (batch, heads, sequence, width) each
        for side in &mut sides {
            if is_normalized {
                *side = unit(self.graph, side);
            }
            if let Some(base) = self.config.rotary_base() {
                *side = self.rotated(side, base)?;
            }
        }
        let [query, key] = sides;
        let key = self.graph.op_with("Transpose", &[&key], vec![ints("perm", &[0, 1, 3, 2])]);
        let scores = self.graph.op("MatMul", &[&query, &key]);
        let weights = match (self.config.model_type, is_normalized) {
            (ModelType::Sibert, false) => self.rectified(&scores),
            (ModelType::Sibert, true) => self.softmax(&scores, self.config.score_scale()),
            (ModelType::Bert, _) => self.softmax(&scores, 1. / (self.config.head_dim() as f64).sqrt()),
        };
        let mixed = self.graph.op("MatMul", &[&weights, &value?]);
        let mixed = self.graph.op_with("Transpose", &[&mixed], vec![ints("perm", &[0, 2, 1, 3])]);
        let whole = self.graph.ints(&[0, 0, self.config.hidden_size as i64]);
        Ok(self.graph.op("Reshape", &[&mixed, &whole]))
    }

    /// (batch, sequence, hidden) as (batch, heads, sequence, width).
    fn split(&mut self, x: &Name) -> Name {
        let (heads, width) = (self.config.num_attention_heads as i64, self.config.head_dim() as i64);
        let shape = self.graph.ints(&[0, 0, heads, width]);
        let split = self.graph.op("Reshape", &[x, &shape]);
        self.graph.op_with("Transpose", &[&split], vec![ints("perm", &[0, 2, 1, 3])])
    }

    /// The halves of each head, turned by the angles of the positions.
    fn rotated(&mut self, x: &Name, base: f64) -> Result<Name> {
        let half = self.config.head_dim() as i64 / 2;
        let [cos, sin] = self.angles(base)?;
        let (first, last) = (self.graph.ints(&[0]), self.graph.ints(&[-1]));
        let (middle, end) = (self.graph.ints(&[half]), self.graph.ints(&[2 * half]));
        let a = self.graph.op("Slice", &[x, &first, &middle, &last]);
        let b = self.graph.op("Slice", &[x, &middle, &end, &last]);
        let mut times = |x: &Name, by: &Name| self.graph.op("Mul", &[x, by]);
        let (ac, bs, bc, as_) = (times(&a, &cos), times(&b, &sin), times(&b, &cos), times(&a, &sin));
        let left = self.graph.op("Sub", &[&ac, &bs]);
        let right = self.graph.op("Add", &[&bc, &as_]);
        Ok(self.graph.op_with("Concat", &[&left, &right], vec![int("axis", -1)]))
    }

    /// Cosines and sines of the angles of a sequence's positions (sequence, width / 2).
    fn angles(&mut self, base: f64) -> Result<[Name; 2]> {
        let (positions, half) = (self.config.max_position_embeddings, self.config.head_dim() / 2);
        let angle = |at: usize| (at / half) as f64 * base.powf(-((at % half) as f64) / half as f64);
        let table = |turn: fn(f64) -> f64| {
            let values: Vec<f32> = (0..positions * half).map(|at| turn(angle(at)) as f32).collect();
            Tensor::from_vec(values, (positions, half), &Device::Cpu)
        };
        let cos = self.graph.table("rotary.cos", &table(f64::cos)?)?;
        let sin = self.graph.table("rotary.sin", &table(f64::sin)?)?;
        Ok([self.first_rows(&cos), self.first_rows(&sin)])
    }

    /// The mask as truth (batch, 1, 1, sequence).
    fn keep(&mut self) -> Name {
        let axes = self.graph.ints(&[1, 2]);
        let mask = self.graph.op("Unsqueeze", &[&self.mask.clone(), &axes]);
        self.graph.truth(&mask)
    }

    fn softmax(&mut self, scores: &Name, factor: f64) -> Name {
        let (factor, hidden, keep) = (self.graph.float(factor as f32), self.graph.float(HIDDEN), self.keep());
        let scaled = self.graph.op("Mul", &[scores, &factor]);
        let seen = self.graph.op("Where", &[&keep, &scaled, &hidden]);
        self.graph.op_with("Softmax", &[&seen], vec![int("axis", -1)])
    }

    /// Rectified scores over their row sum; a row without any stays zero.
    fn rectified(&mut self, scores: &Name) -> Name {
        let (zero, one, keep) = (self.graph.float(0.), self.graph.float(1.), self.keep());
        let positive = self.graph.op("Relu", &[scores]);
        let positive = self.graph.op("Where", &[&keep, &positive, &zero]);
        let last = self.graph.ints(&[-1]);
        let total = self.graph.op_with("ReduceSum", &[&positive, &last], vec![int("keepdims", 1)]);
        let attends = self.graph.is_positive(&total);
        let safe = self.graph.op("Where", &[&attends, &total, &one]);
        self.graph.op("Div", &[&positive, &safe])
    }
}

/// Length 1 in each row; zeros stay.
pub fn unit(graph: &mut Builder, x: &Name) -> Name {
    let squared = graph.op("Mul", &[x, x]);
    let last = graph.ints(&[-1]);
    let length = graph.op_with("ReduceSum", &[&squared, &last], vec![int("keepdims", 1)]);
    over_root(graph, x, &length)
}

/// x / √squared, and 0 where that is 0 / 0.
fn over_root(graph: &mut Builder, x: &Name, squared: &Name) -> Name {
    let (one, positive) = (graph.float(1.), graph.is_positive(squared));
    let safe = graph.op("Where", &[&positive, squared, &one]);
    let root = graph.op("Sqrt", &[&safe]);
    let quotient = graph.op("Div", &[x, &root]);
    let zero = graph.float(0.);
    graph.op("Where", &[&positive, &quotient, &zero])
}

/// x Wᵀ, plus a bias where there is one.
///
/// # Errors
/// If the model has no such matrix.
pub fn linear(graph: &mut Builder, x: &Name, name: &str) -> Result<Name> {
    let weight = graph.transposed(&format!("{name}.weight"))?;
    let product = graph.op("MatMul", &[x, &weight]);
    let bias = format!("{name}.bias");
    if !graph.has(&bias) {
        return Ok(product);
    }
    let bias = graph.parameter(&bias)?;
    Ok(graph.op("Add", &[&product, &bias]))
}

/// The usual layer norm, with gain, bias and eps.
///
/// # Errors
/// If the model has no such norm.
pub fn layer_norm(graph: &mut Builder, x: &Name, name: &str, config: &ModelConfig) -> Result<Name> {
    let gain = graph.parameter(&format!("{name}.weight"))?;
    let bias = graph.parameter(&format!("{name}.bias"))?;
    let options = vec![int("axis", -1), float("epsilon", config.layer_norm_eps as f32)];
    Ok(graph.op_with("LayerNormalization", &[x, &gain, &bias], options))
}

/// x Φ(x), by the error function.
pub fn gelu(graph: &mut Builder, x: &Name) -> Name {
    let (root, one, half) = (graph.float(std::f32::consts::FRAC_1_SQRT_2), graph.float(1.), graph.float(0.5));
    let scaled = graph.op("Mul", &[x, &root]);
    let erf = graph.op("Erf", &[&scaled]);
    let twice = graph.op("Add", &[&erf, &one]);
    let phi = graph.op("Mul", &[&twice, &half]);
    graph.op("Mul", &[x, &phi])
}
