//! Token, position and segment embeddings, normalised and lifted to degree two.
//!
//! ```text
//! z = drop(NA(E_token + E_position + E_segment)) Wᵀ        degrees: Embed 1 → NA 1 → L 2
//! ```
//! The paper's Figure 4 is a drawing that its text does not spell out; this path uses exactly its blocks
//! and degrees. With rotary positions there is no `E_position`: attention tells the places then.

use candle_core::{Result, Tensor};
use candle_nn::{Init, VarBuilder};

use crate::blocks::Group;
use crate::config::ModelConfig;
use crate::homogeneous::{Homogeneous, One, Two};
use crate::linear::Linear;
use crate::mode::Mode;

/// The input of the encoder: token ids to the residual stream.
pub struct Embeddings {
    word_embeddings: Homogeneous<One>,             // (vocab, hidden)
    position_embeddings: Option<Homogeneous<One>>, // (positions, hidden)
    token_type_embeddings: Homogeneous<One>,       // (segments, hidden)
    gain: Homogeneous<One>,                        // (hidden)
    bias: Homogeneous<One>,                        // (hidden)
    projection: Linear,
    dropout: f32,
}

impl Embeddings {
    /// Takes the parameters `{word,position,token_type}_embeddings.weight`, `LayerNorm.*`, `projection.weight`;
    /// without a table of positions if they are rotary.
    ///
    /// # Errors
    /// If a parameter is missing or has another shape.
    pub fn new(config: &ModelConfig, vb: VarBuilder) -> Result<Self> {
        let hidden = config.hidden_size;
        let normal = Init::Randn { mean: 0., stdev: config.initializer_range };
        let table = |rows: usize, name: &str| {
            vb.pp(name).get_with_hints((rows, hidden), "weight", normal).map(Homogeneous::parameter)
        };
        let norm = |name: &str, value: f64| {
            let init = Init::Const(value);
            vb.pp("LayerNorm").get_with_hints(hidden, name, init).map(Homogeneous::parameter)
        };
        let absolute = config.rotary_base().is_none();
        let positions = || table(config.max_position_embeddings, "position_embeddings");
        Ok(Self {
            word_embeddings: table(config.vocab_size, "word_embeddings")?,
            position_embeddings: absolute.then(positions).transpose()?,
            token_type_embeddings: table(config.type_vocab_size, "token_type_embeddings")?,
            gain: norm("weight", 1.)?,
            bias: norm("bias", 0.)?,
            projection: Linear::new(hidden, hidden, config.initializer_range, vb.pp("projection"))?,
            dropout: config.hidden_dropout_prob,
        })
    }

    /// Ids and segments (batch, seq) to the stream (batch, seq, hidden), of degree two.
    ///
    /// # Errors
    /// If an id is outside its table or the sequence is longer than the positions.
    pub fn forward(
        &self,
        input_ids: &Tensor,
        token_type_ids: &Tensor,
        mode: Mode,
    ) -> Result<Homogeneous<Two>> {
        let embeddings = self.embed(input_ids, token_type_ids)?; // (batch, seq, hidden)
        let normal = embeddings.normalize_affine(&self.gain, &self.bias)?;
        self.projection.forward(&normal.dropout(self.dropout, mode)?)
    }

    /// The sums of a token's embeddings.
    fn embed(&self, input_ids: &Tensor, token_type_ids: &Tensor) -> Result<Homogeneous<One>> {
        let (words, types) = (&self.word_embeddings, &self.token_type_embeddings);
        match &self.position_embeddings {
            Some(positions) => Homogeneous::embed([words, types, positions], input_ids, token_type_ids),
            None => Homogeneous::embed_without_positions([words, types], input_ids, token_type_ids),
        }
    }

    /// The token table (vocab, hidden), of degree one.
    pub(crate) fn words(&self) -> &Homogeneous<One> {
        &self.word_embeddings
    }

    /// The tables of rows; the few segments, and gain and bias, as a whole each; and the projection.
    ///
    /// A token table that is the `decoder`, too, has a gradient in every row, as a matrix has.
    pub(crate) fn blocks(&self, decoder: bool) -> Vec<Group> {
        let words = self.word_embeddings.id();
        let words = if decoder { Group::matrix([words]) } else { Group::table(words) };
        let positions = self.position_embeddings.as_ref().map(|table| Group::table(table.id()));
        let others = [
            Group::whole([self.token_type_embeddings.id()]),
            Group::whole([self.gain.id(), self.bias.id()]),
            Group::matrix([self.projection.id()]),
        ];
        [words].into_iter().chain(positions).chain(others).collect()
    }
}
