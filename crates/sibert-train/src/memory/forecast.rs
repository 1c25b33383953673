//! The memory that training will need, from the settings alone.
//!
//! ```text
//! parameters + gradients + optimizer state     of every step
//! activations                                  what the tape keeps of a micro-batch for the backward pass
//! logits                                       of the masked tokens, and their gradient
//! working memory                               of the backward pass beside what it still keeps
//! ```
//! T tokens of a micro-batch, M of them masked, width H, feed-forward width I. A layer of SIBERT keeps (T, H) of two norms, of
//! query, key, value and of their mixture, and (T, I) behind the rectifier, half of that where it is kept in bfloat16. A layer of
//! BERT keeps both sides of its GELU and of its norms. The last layer computes the masked rows only.

use sibert_model::{ModelConfig, ModelType};

use crate::config::{GeneralRule, Optimizer, RunConfig};

/// Bytes of a number.
const F32: f64 = 4.;
/// What a recycled buffer is larger than what was asked for, on the average of its sizes.
const ROUNDED: f64 = 1.06;
/// Freed buffers that the allocator never gives back: `FREE` of `sibert_model::Recycler`.
const KEPT: f64 = (256 << 20) as f64;
/// Buffers of all sizes together, against the most that are used at the same time: measured, docs/commands/doctor.md.
const SPREAD: f64 = 1.5;
/// Code, stacks and small blocks that training touches first: measured too.
const TOUCHED: f64 = (6 << 20) as f64;

/// Bytes of the parts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Forecast {
    /// Of encoder and head.
    pub parameters: f64,
    /// At most as many as of the parameters: untouched rows of the token table have none.
    pub gradients: f64,
    /// What the rules keep between steps.
    pub optimizer_state: f64,
    /// What the tape keeps of one micro-batch.
    pub activations: f64,
    /// Logits and their gradient.
    pub logits: f64,
    /// The most of the parts of one step at the same time.
    pub training: f64,
}

/// The memory of the process before it trains, text prepared, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Before {
    /// Resident now.
    pub resident: f64,
    /// The most until now.
    pub peak: f64,
    /// The part of what is resident that is large buffers, in use or kept for the next.
    pub buffers: f64,
}

/// Numbers of one micro-batch.
#[derive(Clone, Copy)]
struct Sizes {
    tokens: f64,
    masked: f64,
    hidden: f64,
    wide: f64,
    /// The memory of a number that only products read, in numbers of f32.
    stored: f64,
    vocab: f64,
    layers: f64,
}

impl Forecast {
    /// The memory of a run.
    pub fn of(config: &RunConfig, model: &ModelConfig) -> Self {
        let sizes = Sizes::of(config, model);
        let counts = Counts::of(model, &sizes);
        let parameters = F32 * (counts.encoder() + counts.head);
        let rows = (config.batch_size as f64 * config.seq_len as f64).min(sizes.vocab);
        let untouched = if counts.tied { 0. } else { (sizes.vocab - rows) * sizes.hidden };
        let gradients = parameters - F32 * untouched;
        let optimizer_state = F32 * state(config, &counts);
        let Kept { embeddings, layer, last, head } = Kept::of(model, &sizes);
        let activations = F32 * (embeddings + (sizes.layers - 1.) * layer + last + head);
        let logits = F32 * 2. * sizes.masked * sizes.vocab;
        // With the last layer passed, what its neighbour's widest map needs comes beside all that is kept below.
        let below = activations - F32 * (last + head);
        let decoder = F32 * sizes.vocab * sizes.hidden;
        let gradient = match model.model_type {
            ModelType::Sibert => sizes.stored * sizes.wide,
            ModelType::Bert => 2. * sizes.wide, // on both sides of the GELU
        };
        let working = F32 * sizes.tokens * (gradient + 2. * sizes.hidden);
        // The directions of a tied table; behind the decoder their gradient takes their place.
        let directed = counts.tied && model.model_type == ModelType::Sibert;
        let first = activations + logits + if directed { decoder } else { 0. };
        let later = below + if sizes.layers > 1. { working } else { 0. } + decoder;
        let earlier = if config.accumulation_steps > 1 { gradients } else { 0. };
        let earlier = earlier + gradients * f64::from(config.shares.next_power_of_two().ilog2()); // a sum a level
        let step = (first.max(later) + earlier).max(gradients + update(config, &counts));
        let training = ROUNDED * (parameters + optimizer_state + step);
        Self { parameters, gradients, optimizer_state, activations, logits, training }
    }

    /// The largest memory of a process that begins to train now.
    ///
    /// The allocator keeps freed buffers, [`KEPT`] bytes of them or hardly more than were ever used at the same time. Of what
    /// was kept of the text's preparation little has the sizes that training needs.
    pub fn peak(&self, before: &Before) -> f64 {
        let Before { resident, peak, buffers } = *before;
        let budget = KEPT.max(self.training * (1. + 1. / 32.)).max(buffers);
        let held = (buffers + SPREAD * self.training).min(budget).max(self.training);
        (resident - buffers + held + TOUCHED).max(peak)
    }
}

impl Sizes {
    fn of(config: &RunConfig, model: &ModelConfig) -> Self {
        let (rows, seq) = (config.micro_batch_size() as f64, config.seq_len as f64);
        let most = config.max_predictions_per_seq.map_or(f64::INFINITY, |most| most as f64);
        let masked = rows * (config.mask_probability * (seq - 2.)).ceil().max(1.).min(most);
        Self {
            tokens: rows * seq,
            masked,
            hidden: model.hidden_size as f64,
            wide: model.intermediate_size as f64,
            stored: if config.precision.stores_bf16() { 0.5 } else { 1. },
            vocab: model.vocab_size as f64,
            layers: model.num_hidden_layers as f64,
        }
    }
}

/// Numbers of parameters.
struct Counts {
    /// Tables, norm and projection of the embeddings.
    embeddings: f64,
    /// Matrices of all layers.
    matrices: f64,
    /// Biases and norms of all layers.
    vectors: f64,
    head: f64,
    /// Matrices of the head without its decoder.
    head_matrices: f64,
    /// Whether the decoder is the token table.
    tied: bool,
}

impl Counts {
    fn of(model: &ModelConfig, sizes: &Sizes) -> Self {
        let Sizes { hidden, wide, vocab, layers, .. } = *sizes;
        let sibert = model.model_type == ModelType::Sibert;
        let positions = if model.rotary_base().is_some() { 0. } else { model.max_position_embeddings as f64 };
        let tables = (vocab + positions + model.type_vocab_size as f64) * hidden;
        let projection = if sibert { hidden * hidden } else { 0. };
        let matrices = layers * (4. * hidden * hidden + 2. * hidden * wide);
        let vectors = layers * if sibert { wide } else { 9. * hidden + wide };
        let tied = model.has_tied_decoder();
        let decoder = match (tied, sibert) {
            (true, true) => 0.,
            (true, false) => vocab,
            (false, _) => vocab + vocab * hidden,
        };
        let pairs = if model.next_sentence_prediction { hidden * hidden + 3. * hidden + 2. } else { 0. };
        Self {
            embeddings: tables + 2. * hidden + projection,
            matrices,
            vectors,
            head: hidden * hidden + 3. * hidden + decoder + pairs,
            head_matrices: hidden * hidden,
            tied,
        }
    }

    fn encoder(&self) -> f64 {
        self.embeddings + self.matrices + self.vectors
    }
}

/// Numbers that the rules keep.
fn state(config: &RunConfig, counts: &Counts) -> f64 {
    let sibert = config.model.model_type == ModelType::Sibert;
    let of_head = || match config.head.as_ref().map_or(GeneralRule::Lamb, |head| head.optimizer) {
        GeneralRule::Spectral => 0.,
        GeneralRule::Lamb | GeneralRule::Adamw => 2.,
    };
    let velocity = if config.momentum > 0. { 1. } else { 0. };
    match config.optimizer {
        Optimizer::Muon if !sibert => {
            let turned = counts.matrices + counts.head_matrices;
            velocity * turned + of_head() * (counts.encoder() + counts.head - turned)
        }
        rule => {
            let moments = match rule {
                Optimizer::Adamw | Optimizer::Lamb => 2.,
                Optimizer::Sisgd => 0.,
                Optimizer::Sgd | Optimizer::Spectral | Optimizer::Muon => velocity,
            };
            let head = if sibert { of_head() } else { moments };
            moments * counts.encoder() + head * counts.head
        }
    }
}

/// Bytes that an update needs beside gradients and state: orthogonal factors are made of whole layers at a time.
fn update(config: &RunConfig, counts: &Counts) -> f64 {
    match config.optimizer {
        Optimizer::Spectral | Optimizer::Muon => F32 * 2. * counts.matrices,
        _ => 0.,
    }
}

/// Numbers that the tape keeps.
struct Kept {
    embeddings: f64,
    /// Of a layer before the last.
    layer: f64,
    last: f64,
    head: f64,
}

impl Kept {
    fn of(model: &ModelConfig, sizes: &Sizes) -> Self {
        let Sizes { tokens, masked, hidden, wide, stored, .. } = *sizes;
        match model.model_type {
            ModelType::Sibert => {
                let before = (1. + 3. + 1.) * hidden; // norm, query, key, value, mixture
                let behind = hidden + stored * wide; // norm, rectifier
                Self {
                    embeddings: 2. * tokens * hidden,
                    layer: tokens * (before + behind),
                    last: tokens * before + masked * (hidden + behind),
                    head: 4. * masked * hidden,
                }
            }
            ModelType::Bert => {
                let before = (3. + 1.) * hidden;
                let behind = 3. * hidden + 2. * wide; // both sides of the norms and of the GELU
                Self {
                    embeddings: 2. * tokens * hidden,
                    layer: tokens * (before + behind + hidden),
                    last: tokens * (before + hidden) + masked * (hidden + behind),
                    head: 4. * masked * hidden,
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{DType, Device};
    use sibert_model::{AttentionKind, PositionKind, PreTraining, Precision};

    use super::*;
    use crate::update::Update;

    /// Settings of a kind of run.
    fn settings(change: impl FnOnce(&mut RunConfig)) -> RunConfig {
        let mut config = RunConfig { vocab_size: 300, batch_size: 4, seq_len: 16, ..RunConfig::default() };
        config.model = crate::config::ModelSettings {
            hidden_size: 32,
            num_hidden_layers: 3,
            num_attention_heads: 2,
            intermediate_size: 96,
            max_position_embeddings: 24,
            ..config.model
        };
        change(&mut config);
        config
    }

    fn kinds() -> Vec<RunConfig> {
        let bert = |config: &mut RunConfig| {
            config.model.model_type = ModelType::Bert;
            config.clip = None;
        };
        vec![
            settings(|_| {}),
            settings(|config| config.model.next_sentence_prediction = true),
            settings(|config| {
                config.optimizer = Optimizer::Spectral;
                (config.weight_decay, config.clip) = (0., None);
                config.spectral = Some(crate::config::SpectralSettings::default());
                config.head = Some(crate::config::HeadConfig::under(Optimizer::Spectral));
                config.model.attention = Some(AttentionKind::Normalized);
                config.model.position_embedding_type = Some(PositionKind::Rotary);
                config.model.tie_word_embeddings = Some(true);
            }),
            settings(|config| {
                bert(config);
                config.optimizer = Optimizer::Adamw;
            }),
            settings(|config| {
                bert(config);
                config.optimizer = Optimizer::Muon;
                config.model.position_embedding_type = Some(PositionKind::Rotary);
            }),
            settings(|config| {
                bert(config);
                config.optimizer = Optimizer::Lamb;
                config.model.tie_word_embeddings = Some(false);
            }),
        ]
    }

    #[test]
    fn parameters_and_optimizer_state_are_those_of_the_model() {
        for config in kinds() {
            let shape = config.model.to_model_config(config.vocab_size, 0);
            let model = PreTraining::new(&shape, 0, DType::F32, &Device::Cpu).unwrap();
            let count: usize = model.parameters().iter().map(|(_, var)| var.elem_count()).sum();
            let forecast = Forecast::of(&config, &shape);
            assert_eq!(forecast.parameters, 4. * count as f64, "{:?}", config.optimizer);
            let state = Update::new(&model, &config).unwrap().state().unwrap();
            let numbers = state.iter().filter(|(_, tensor)| tensor.rank() > 0);
            let bytes: usize = numbers.map(|(_, tensor)| 4 * tensor.elem_count()).sum();
            assert_eq!(forecast.optimizer_state, bytes as f64, "{:?}", config.optimizer);
        }
    }

    #[test]
    fn a_feed_forward_block_needs_half_where_it_is_kept_in_bfloat16() {
        let of = |precision| {
            let config = settings(|config| config.precision = precision);
            Forecast::of(&config, &config.model.to_model_config(config.vocab_size, 0)).activations
        };
        let half = if Precision::Bf16.stores_bf16() { 4. * (2. * 64. + 4. * 3.) * 96. / 2. } else { 0. };
        assert_eq!(of(Precision::F32) - of(Precision::Bf16), half); // two layers of all tokens, one of the masked
        assert_eq!(of(Precision::F32), of(Precision::Bf16x3));
    }

    #[test]
    fn buffers_of_the_text_count_up_to_what_the_allocator_keeps() {
        let mib = |mib: f64| mib * f64::from(1 << 20);
        let peak = |training, resident, buffers, peak| {
            let before = Before { resident: mib(resident), peak: mib(peak), buffers: mib(buffers) };
            Forecast { training: mib(training), ..Forecast::default() }.peak(&before) / mib(1.)
        };
        assert_eq!(peak(20., 30., 0., 30.), 66.);
        assert_eq!(peak(100., 120., 80., 130.), 276.); // 230 of the 256 that are kept
        assert_eq!(peak(640., 120., 80., 130.), 706.); // 660 of buffers
        assert_eq!(peak(20., 130., 90., 400.), 400.); // the text needed more
    }

    #[test]
    fn parts_of_a_batch_save_activations_and_logits_in_proportion() {
        for config in kinds() {
            let shape = config.model.to_model_config(config.vocab_size, 0);
            let whole = Forecast::of(&config, &shape);
            let parts = Forecast::of(&RunConfig { accumulation_steps: 4, ..config }, &shape);
            assert_eq!((parts.activations, parts.logits), (whole.activations / 4., whole.logits / 4.));
            assert_eq!((parts.parameters, parts.gradients), (whole.parameters, whole.gradients));
        }
    }
}
