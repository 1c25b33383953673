//! The plain BERT baseline: post-norm, softmax attention, GELU, biases, dropout that works.
//!
//! ```text
//! z ← LN(z + drop(ATTN(z)))
//! z ← LN(z + drop(FF(z)))
//! ```
//! Devlin et al. 2019; parameter names are BERT's own. `candle-transformers` has the forward pass only. With rotary positions
//! (Su et al. 2021) queries and keys are turned, and there is no table of positions: a baseline for those of SIBERT.

use std::collections::HashMap;

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

use crate::affine::{Dense, LayerNorm};
use crate::blocks::Group;
use crate::config::ModelConfig;
use crate::mode::{Mode, Selection};
use crate::ops::{self, Weights};

/// The weight of a decoder that is not tied, or a copy of the token table.
const OWN_WEIGHT: &str = "cls.predictions.decoder.weight";
/// The bias of the decoder, and its copy in files of transformers.
const BIAS: &str = "cls.predictions.bias";
const OWN_BIAS: &str = "cls.predictions.decoder.bias";

/// Token, position and segment embeddings and their layer norm.
struct Embeddings {
    word_embeddings: Tensor,             // (vocab, hidden)
    position_embeddings: Option<Tensor>, // (positions, hidden)
    token_type_embeddings: Tensor,       // (segments, hidden)
    norm: LayerNorm,
}

impl Embeddings {
    fn new(config: &ModelConfig, vb: VarBuilder) -> Result<Self> {
        let normal = Init::Randn { mean: 0., stdev: config.initializer_range };
        let table = |rows: usize, name: &str| {
            vb.pp(name).get_with_hints((rows, config.hidden_size), "weight", normal)
        };
        let absolute = config.rotary_base().is_none();
        let positions = || table(config.max_position_embeddings, "position_embeddings");
        Ok(Self {
            word_embeddings: table(config.vocab_size, "word_embeddings")?,
            position_embeddings: absolute.then(positions).transpose()?,
            token_type_embeddings: table(config.type_vocab_size, "token_type_embeddings")?,
            norm: LayerNorm::new(config.hidden_size, config.layer_norm_eps, vb.pp("LayerNorm"))?,
        })
    }

    fn forward(&self, input_ids: &Tensor, token_type_ids: &Tensor) -> Result<Tensor> {
        let (words, types) = (&self.word_embeddings, &self.token_type_embeddings);
        let sum = match &self.position_embeddings {
            Some(positions) => ops::embed([words, types, positions], input_ids, token_type_ids),
            None => ops::embed_without_positions([words, types], input_ids, token_type_ids),
        };
        self.norm.forward(&sum?) // (batch, seq, hidden)
    }

    /// The tables of rows, and the few segments and the norm as a whole each.
    fn blocks(&self) -> Vec<Group> {
        let tables = [Some(&self.word_embeddings), self.position_embeddings.as_ref()];
        let tables = tables.into_iter().flatten().map(|table| Group::table(table.id()));
        let segments = Group::whole([self.token_type_embeddings.id()]);
        tables.chain([segments]).chain(self.norm.blocks()).collect()
    }
}

/// Softmax self-attention with biases.
struct Attention {
    query: Dense,
    key: Dense,
    value: Dense,
    output: Dense,
    num_heads: usize,
    rotary_base: Option<f64>,
    dropout: f32,
}

impl Attention {
    fn new(config: &ModelConfig, vb: VarBuilder) -> Result<Self> {
        let dense = |name: &str| {
            Dense::new(config.hidden_size, config.hidden_size, config.initializer_range, vb.pp(name))
        };
        Ok(Self {
            query: dense("self.query")?,
            key: dense("self.key")?,
            value: dense("self.value")?,
            output: dense("output.dense")?,
            num_heads: config.num_attention_heads,
            rotary_base: config.rotary_base(),
            dropout: config.attention_probs_dropout_prob,
        })
    }

    fn forward(&self, x: &Tensor, keep: &Tensor, rows: Option<&Selection>, mode: Mode) -> Result<Tensor> {
        let (query, key) = (self.turn(self.query.forward(x)?)?, self.turn(self.key.forward(x)?)?);
        let value = self.value.forward(x)?;
        let inputs = [&query, &key, &value];
        let weights = Weights::softmax(query.dim(2)? / self.num_heads);
        let mixed = mode.attention(inputs, keep, self.num_heads, weights, self.dropout)?;
        self.output.forward(&Selection::of(rows, &mixed)?)
    }

    /// Queries or keys, turned by the angles of their positions where these are rotary.
    fn turn(&self, x: Tensor) -> Result<Tensor> {
        match self.rotary_base {
            Some(base) => ops::rotary(&x, self.num_heads, base),
            None => Ok(x),
        }
    }

    fn blocks(&self) -> Vec<Group> {
        [&self.query, &self.key, &self.value, &self.output].into_iter().flat_map(Dense::blocks).collect()
    }
}

/// One post-norm layer.
struct Layer {
    attention: Attention,
    attention_norm: LayerNorm,
    intermediate: Dense,
    output: Dense,
    output_norm: LayerNorm,
    dropout: f32,
}

impl Layer {
    fn new(config: &ModelConfig, vb: VarBuilder) -> Result<Self> {
        let (hidden, wide, std) = (config.hidden_size, config.intermediate_size, config.initializer_range);
        let norm = |name: &str| LayerNorm::new(hidden, config.layer_norm_eps, vb.pp(name));
        Ok(Self {
            attention: Attention::new(config, vb.pp("attention"))?,
            attention_norm: norm("attention.output.LayerNorm")?,
            intermediate: Dense::new(hidden, wide, std, vb.pp("intermediate.dense"))?,
            output: Dense::new(wide, hidden, std, vb.pp("output.dense"))?,
            output_norm: norm("output.LayerNorm")?,
            dropout: config.hidden_dropout_prob,
        })
    }

    fn forward(&self, x: &Tensor, keep: &Tensor, rows: Option<&Selection>, mode: Mode) -> Result<Tensor> {
        let attended = self.attention.forward(x, keep, rows, mode.fork(0))?;
        let x = Selection::of(rows, x)?;
        let x =
            self.attention_norm.forward(&mode.fork(1).add_dropout(&x, &attended, self.dropout, rows)?)?;
        let wide = ops::gelu(&self.intermediate.forward(&x)?)?; // (batch, seq, intermediate)
        let narrow = self.output.forward(&wide)?;
        self.output_norm.forward(&mode.fork(2).add_dropout(&x, &narrow, self.dropout, rows)?)
    }

    fn blocks(&self) -> Vec<Group> {
        let attention = [self.attention.blocks(), self.attention_norm.blocks()];
        let feed_forward = [self.intermediate.blocks(), self.output.blocks(), self.output_norm.blocks()];
        attention.into_iter().chain(feed_forward).flatten().collect()
    }
}

/// The BERT encoder: token ids to hidden states.
pub struct Bert {
    embeddings: Embeddings,
    layers: Vec<Layer>,
    dropout: f32,
}

impl std::fmt::Debug for Bert {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Bert").field("layers", &self.layers.len()).finish_non_exhaustive()
    }
}

impl Bert {
    /// Takes the parameters below `embeddings` and `encoder.layer.N`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape.
    pub fn new(config: &ModelConfig, vb: VarBuilder) -> Result<Self> {
        let embeddings = Embeddings::new(config, vb.pp("embeddings"))?;
        let vb = vb.pp("encoder.layer");
        let layers =
            (0..config.num_hidden_layers).map(|i| Layer::new(config, vb.pp(i))).collect::<Result<_>>()?;
        Ok(Self { embeddings, layers, dropout: config.hidden_dropout_prob })
    }

    /// Ids, segments and mask (batch, seq) to the last hidden states (batch, seq, hidden).
    ///
    /// `keep` is 1 where a token is real and 0 where it is padding. Of `rows` alone the states are (n, hidden), as of
    /// SIBERT's encoder.
    ///
    /// # Errors
    /// If the shapes do not fit, an id is outside its table, or the sequence is longer than the positions.
    pub fn forward(
        &self,
        input_ids: &Tensor,
        token_type_ids: &Tensor,
        keep: &Tensor,
        rows: Option<&Selection>,
        mode: Mode,
    ) -> Result<Tensor> {
        let embedded = self.embeddings.forward(input_ids, token_type_ids)?;
        let embedded = mode.fork(0).dropout(&embedded, self.dropout)?;
        self.layers.iter().enumerate().try_fold(embedded, |x, (i, layer)| {
            let rows = rows.filter(|_| i + 1 == self.layers.len());
            layer.forward(&x, keep, rows, mode.fork(i + 1))
        })
    }

    /// The blocks of the embeddings and of every layer.
    pub(crate) fn blocks(&self) -> Vec<Group> {
        let layers = self.layers.iter().flat_map(Layer::blocks);
        self.embeddings.blocks().into_iter().chain(layers).collect()
    }

    /// The token table (vocab, hidden), to which BERT ties its decoder.
    pub(crate) fn word_embeddings(&self) -> &Tensor {
        &self.embeddings.word_embeddings
    }
}

/// The tensors under BERT's names, of a model whose decoder is its token table or, not `tied`, has a weight of its own.
pub(crate) fn canonical(tensors: HashMap<String, Tensor>, tied: bool) -> HashMap<String, Tensor> {
    let has_bias = tensors.contains_key(BIAS);
    let rename = |(name, tensor): (String, Tensor)| match name.as_str() {
        OWN_WEIGHT if !tied => Some((name, tensor)),
        OWN_BIAS if !has_bias => Some((BIAS.to_owned(), tensor)),
        _ => Some((canonical_name(&name)?, tensor)),
    };
    tensors.into_iter().filter_map(rename).collect()
}

/// BERT's names for tensors saved under older or shorter names.
///
/// Adds the `bert.` prefix where it is missing, renames `gamma` and `beta`, and drops the copies that a tied
/// decoder leaves (`cls.predictions.decoder.*`) and `embeddings.position_ids`, which is no parameter.
pub fn canonical_name(name: &str) -> Option<String> {
    let name = name.replace(".gamma", ".weight").replace(".beta", ".bias");
    if name.ends_with("position_ids") || name.starts_with("cls.predictions.decoder.") {
        return None;
    }
    let bare = ["embeddings.", "encoder.", "pooler."].iter().any(|root| name.starts_with(root));
    Some(if bare { format!("bert.{name}") } else { name })
}
