//! The scale-invariant encoder: a pre-norm stack on a stream of degree two, and a final norm.
//!
//! ```text
//! z ← z + drop(ATTN(N(z)))
//! z ← z + drop(FF(N(z)))        every layer (2 ; 2); after the last one N, (2 ; 0)
//! ```

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use crate::attention::Attention;
use crate::blocks::Group;
use crate::config::ModelConfig;
use crate::embeddings::Embeddings;
use crate::feed_forward::FeedForward;
use crate::homogeneous::{Homogeneous, One, Two, Zero};
use crate::mode::{Mode, Selection};

/// One encoder layer, from degree two to degree two.
pub struct Layer {
    attention: Attention,
    feed_forward: FeedForward,
    dropout: f32,
}

impl Layer {
    /// Takes the parameters below `attention`, `intermediate` and `output`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape.
    pub fn new(config: &ModelConfig, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            attention: Attention::new(config, vb.pp("attention"))?,
            feed_forward: FeedForward::new(config, vb)?,
            dropout: config.hidden_dropout_prob,
        })
    }

    /// (batch, seq, hidden) to the same shape, or to the selected rows (n, hidden), which attend to all the others.
    ///
    /// `keep` (batch, seq) is 0 where a key is padding.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn forward(
        &self,
        z: &Homogeneous<Two>,
        keep: &Tensor,
        rows: Option<&Selection>,
        mode: Mode,
    ) -> Result<Homogeneous<Two>> {
        let attended = self.attention.forward(&z.normalize()?, keep, rows, mode.fork(0))?;
        let z = z.select(rows)?.add_dropout(&attended, self.dropout, rows, mode.fork(1))?;
        let transformed = self.feed_forward.forward(&z.normalize()?)?;
        z.add_dropout(&transformed, self.dropout, rows, mode.fork(2))
    }

    fn blocks(&self) -> Vec<Group> {
        let mut blocks = self.attention.blocks();
        blocks.extend(self.feed_forward.blocks());
        blocks
    }
}

/// The whole scale-invariant part of SIBERT: token ids to vectors of degree zero.
pub struct Encoder {
    embeddings: Embeddings,
    layers: Vec<Layer>,
}

impl Encoder {
    /// Takes the parameters below `embeddings` and `encoder.layer.N`.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape.
    pub fn new(config: &ModelConfig, vb: VarBuilder) -> Result<Self> {
        let embeddings = Embeddings::new(config, vb.pp("embeddings"))?;
        let vb = vb.pp("encoder.layer");
        let layers =
            (0..config.num_hidden_layers).map(|i| Layer::new(config, vb.pp(i))).collect::<Result<_>>()?;
        Ok(Self { embeddings, layers })
    }

    /// Ids, segments and mask (batch, seq) to the last hidden states (batch, seq, hidden), of degree zero.
    ///
    /// `keep` is 1 where a token is real and 0 where it is padding. Of `rows` alone the states are (n, hidden), the same
    /// numbers: the last layer then computes no others, but for their keys and values.
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
    ) -> Result<Homogeneous<Zero>> {
        let stream = self.embeddings.forward(input_ids, token_type_ids, mode.fork(0))?;
        let stream = self.layers.iter().enumerate().try_fold(stream, |z, (i, layer)| {
            let rows = rows.filter(|_| i + 1 == self.layers.len());
            layer.forward(&z, keep, rows, mode.fork(i + 1))
        })?;
        stream.normalize()
    }

    /// The residual stream (batch, seq, hidden) before each layer and after the last, for inspection.
    ///
    /// # Errors
    /// As `forward`.
    pub fn streams(&self, input_ids: &Tensor, token_type_ids: &Tensor, keep: &Tensor) -> Result<Vec<Tensor>> {
        let mut stream = self.embeddings.forward(input_ids, token_type_ids, Mode::Eval)?;
        let mut streams = vec![stream.probe()];
        for layer in &self.layers {
            stream = layer.forward(&stream, keep, None, Mode::Eval)?;
            streams.push(stream.probe());
        }
        Ok(streams)
    }

    /// The token table (vocab, hidden), of degree one.
    pub(crate) fn words(&self) -> &Homogeneous<One> {
        self.embeddings.words()
    }

    /// The blocks of the embeddings, whose token table may be the `decoder`, too, and of every layer.
    pub(crate) fn blocks(&self, decoder: bool) -> Vec<Group> {
        let layers = self.layers.iter().flat_map(Layer::blocks);
        self.embeddings.blocks(decoder).into_iter().chain(layers).collect()
    }
}
