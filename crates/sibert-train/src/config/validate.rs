//! The rules that the settings of a run must obey, checked once.

use anyhow::{Error, Result, bail, ensure};
use sibert_data::Packing;
use sibert_model::{Bf16Route, ModelType, Precision};

use super::{GeneralRule, HeadConfig, Optimizer, Polar, RunConfig};
use crate::console::note_once;
use crate::device::DeviceName;

/// More threads than this take longer to start than to train.
pub const MOST_THREADS: usize = 1024;

/// Refuses a precision that the device cannot compute in; a GPU's is checked where it is opened.
///
/// # Errors
/// Names the mend.
pub fn precision_on(precision: Precision, device: DeviceName) -> Result<()> {
    match (precision, device) {
        (Precision::F32, _) | (Precision::Bf16, DeviceName::Cuda(_)) => Ok(()),
        (_, DeviceName::Cpu) => {
            let choice = Bf16Route::choice().map_err(Error::msg)?;
            if precision == Precision::Bf16x3 && choice.route != Bf16Route::Tiles {
                note_once(
                    "precision bf16x3 gains in AMX tiles alone: here f32 is faster and more exact".to_owned(),
                );
            }
            Ok(())
        }
        (Precision::Bf16, DeviceName::Metal) => {
            bail!("precision bf16 is for device cpu or cuda, not {device}: use f32")
        }
        (Precision::Bf16x3, _) => bail!("precision bf16x3 is for device cpu, not {device}: use f32"),
    }
}

impl RunConfig {
    /// Refuses settings that make no sense together.
    ///
    /// # Errors
    /// Names the first key that breaks a rule, its value and the rule.
    pub fn validate(&self) -> Result<()> {
        self.validate_counts()?;
        self.validate_data()?;
        self.validate_model()?;
        self.validate_optimizer()?;
        precision_on(self.precision, self.device)?;
        self.schedule.validate("schedule", self.max_steps)?;
        match (&self.head, self.model.model_type) {
            (Some(head), ModelType::Sibert) => head.validate(self.max_steps),
            (Some(head), ModelType::Bert) if self.optimizer == Optimizer::Muon => {
                ensure!(
                    head.optimizer != GeneralRule::Spectral,
                    "head.optimizer is spectral, but with muon [head] trains everything that is not a matrix: use adamw"
                );
                head.validate(self.max_steps)
            }
            (Some(_), ModelType::Bert) => {
                bail!("[head] is set but model.type is bert, whose parameters are all trained by optimizer")
            }
            (None, _) => Ok(()),
        }
    }

    fn validate_counts(&self) -> Result<()> {
        let counts = [
            ("max_steps", self.max_steps),
            ("batch_size", self.batch_size),
            ("accumulation_steps", self.accumulation_steps),
            ("shares", self.shares),
            ("rank_timeout", self.rank_timeout as usize),
            ("threads", self.threads.unwrap_or(1)),
            ("loader_threads", self.loader_threads),
            ("log_every", self.log_every),
            ("eval_every", self.eval_every),
            ("eval_sequences", self.eval_sequences),
            ("save_every", self.save_every),
            ("keep_last", self.keep_last),
        ];
        for (key, value) in counts {
            ensure!(value > 0, "{key} is 0, expected at least 1");
        }
        let threads = self.threads.unwrap_or(1);
        ensure!(threads <= MOST_THREADS, "threads is {threads}, expected at most {MOST_THREADS}");
        let Self { batch_size, accumulation_steps, shares, seed, .. } = self;
        ensure!(
            batch_size.is_multiple_of(*accumulation_steps),
            "batch_size {batch_size} is not a multiple of accumulation_steps {accumulation_steps}"
        );
        ensure!(
            batch_size.is_multiple_of(*shares * *accumulation_steps),
            "batch_size {batch_size} is not a multiple of shares {shares} times accumulation_steps {accumulation_steps}"
        );
        ensure!(*seed <= i64::MAX as u64, "seed {seed} is above {}, the largest integer of TOML", i64::MAX);
        Ok(())
    }

    fn validate_data(&self) -> Result<()> {
        ensure!(!self.out.as_os_str().is_empty(), "out is empty, expected a folder");
        ensure!(self.sentences >= 100, "sentences is {}, expected at least 100", self.sentences);
        ensure!(self.vocab_size >= 100, "vocab_size is {}, expected at least 100", self.vocab_size);
        let epochs = self.epochs.unwrap_or(1.);
        ensure!(epochs.is_finite() && epochs > 0., "epochs is {epochs}, expected a number above 0");
        let held_out = self.held_out;
        ensure!((0.0..1.0).contains(&held_out), "held_out is {held_out}, expected 0 or more and below 1");
        self.masking().validate()?;
        self.validate_sources()?;
        let (seq_len, positions) = (self.seq_len, self.model.max_position_embeddings);
        ensure!(seq_len >= 8, "seq_len is {seq_len}, expected at least 8");
        ensure!(
            seq_len <= positions,
            "seq_len {seq_len} is longer than model.max_position_embeddings {positions}"
        );
        Ok(())
    }

    fn validate_sources(&self) -> Result<()> {
        let Self { source, weights, shards, packing, .. } = self;
        if let Some(shards) = shards {
            let folder = shards.display();
            ensure!(source.is_empty(), "source and shards are both set: shards {folder} already hold a text");
            ensure!(
                self.validation.is_empty(),
                "validation and shards are both set: shards {folder} already hold the documents to evaluate on"
            );
            ensure!(
                self.tokenizer.is_none(),
                "tokenizer and shards are both set: shards {folder} were made with a tokenizer of their own"
            );
        } else {
            ensure!(
                weights.is_empty() || weights.len() == source.len(),
                "weights has {} numbers for {} sources, expected one for each source",
                weights.len(),
                source.len()
            );
        }
        weights.iter().try_for_each(|&weight| positive("weights", weight))?;
        ensure!(
            *packing == Packing::SentencePairs || !self.model.next_sentence_prediction,
            "model.next_sentence_prediction needs packing = \"sentence_pairs\", found \"{packing}\""
        );
        Ok(())
    }

    fn validate_model(&self) -> Result<()> {
        self.model.to_model_config(self.vocab_size, 0).validate()?;
        let segments = self.model.type_vocab_size;
        ensure!(
            segments >= 2 || self.packing != Packing::SentencePairs,
            "model.type_vocab_size is {segments}, expected at least 2 for packing = \"sentence_pairs\""
        );
        Ok(())
    }

    fn validate_optimizer(&self) -> Result<()> {
        validate_rates("", self.lr, self.weight_decay)?;
        positive("init_scale", self.init_scale)?;
        positive("loss_scale", self.loss_scale)?;
        self.validate_momentum()?;
        self.validate_rule()?;
        let Some(clip) = self.clip else { return Ok(()) };
        positive("clip", clip)?;
        match self.optimizer {
            Optimizer::Sisgd => {
                ensure!(clip >= 1.0, "clip is {clip}, expected √C of at least 1, or \"none\"");
                ensure!(
                    self.weight_decay > 0.0,
                    "clip is {clip}, but weight_decay is 0: every update would be clipped to 0"
                );
                Ok(())
            }
            Optimizer::Sgd => Ok(()),
            Optimizer::Spectral | Optimizer::Muon | Optimizer::Lamb | Optimizer::Adamw => {
                bail!("clip is {clip}, but only sisgd and sgd clip: set clip = \"none\"")
            }
        }
    }

    fn validate_momentum(&self) -> Result<()> {
        let momentum = self.momentum;
        ensure!((0.0..1.0).contains(&momentum), "momentum is {momentum}, expected at least 0 and below 1");
        let has_momentum = matches!(self.optimizer, Optimizer::Sgd | Optimizer::Spectral | Optimizer::Muon);
        ensure!(
            momentum == 0.0 || has_momentum,
            "momentum is {momentum}, but only sgd, spectral and muon have momentum"
        );
        Ok(())
    }
}

impl RunConfig {
    /// Refuses an optimizer that the model cannot have, and keys that mean nothing to the optimizer.
    ///
    /// # Errors
    /// Names the key and the remedy.
    pub fn validate_rule(&self) -> Result<()> {
        let Self { optimizer, lr, weight_decay, .. } = *self;
        ensure!(
            self.spectral.is_none() || optimizer == Optimizer::Spectral,
            "[spectral] is set, but optimizer is not spectral"
        );
        if self.spectral.and_then(|spectral| spectral.polar) == Some(Polar::Zolotarev) {
            ensure!(
                self.device == DeviceName::Cpu,
                "spectral.polar is zolotarev, which the CPU alone has, expected newton_schulz with device {}",
                self.device
            );
        }
        let model_type = self.model.model_type;
        match optimizer {
            Optimizer::Spectral => {
                ensure!(
                    model_type == ModelType::Sibert,
                    "optimizer is spectral, whose steps are angles, but the scale of a bert matters: use muon, or \
                     model.type = \"sibert\""
                );
                ensure!(lr < 1.0, "lr is {lr}, expected an angle below 1 radian; the default is 0.05");
                ensure!(
                    weight_decay == 0.0,
                    "weight_decay is {weight_decay}, but spectral has no decay: leave it out"
                );
                Ok(())
            }
            Optimizer::Muon => {
                ensure!(
                    model_type == ModelType::Bert,
                    "optimizer is muon, but model.type is sibert: use spectral, with momentum if wanted"
                );
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl HeadConfig {
    fn validate(&self, max_steps: usize) -> Result<()> {
        validate_rates("head.", self.lr, self.weight_decay)?;
        ensure!(
            self.weight_decay == 0.0 || self.optimizer != GeneralRule::Spectral,
            "head.weight_decay is {}, but head.optimizer spectral has no decay: leave it out",
            self.weight_decay
        );
        self.schedule.validate("head.schedule", max_steps)
    }
}

fn validate_rates(table: &str, lr: f64, weight_decay: f64) -> Result<()> {
    positive(&format!("{table}lr"), lr)?;
    ensure!(
        weight_decay >= 0.0 && weight_decay.is_finite(),
        "{table}weight_decay is {weight_decay}, expected 0 or more"
    );
    let decay = lr * weight_decay;
    ensure!(
        decay < 1.0,
        "{table}lr {lr} times {table}weight_decay {weight_decay} is {decay}, expected below 1"
    );
    Ok(())
}

fn positive(key: &str, value: f64) -> Result<()> {
    ensure!(value > 0.0 && value.is_finite(), "{key} is {value}, expected a finite number above 0");
    Ok(())
}
