//! The intrinsic learning rate ηλ: all that matters of both once the norm has settled (Li et al. 2022, section 4).

use std::fmt;

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// D = ηλ·T of a run whose length alone is known; see docs/results/search.md.
const AUTO_BUDGET: f64 = 1.0;

/// Largest η·λ that a length of run is turned into.
pub const LARGEST: f64 = 0.1;

/// ηλ as it is configured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum IntrinsicLr {
    /// By the length of the run.
    Auto,
    /// As stated.
    Rate(f64),
}

impl IntrinsicLr {
    /// ηλ of a run of `max_steps`.
    pub fn over(self, max_steps: usize) -> f64 {
        match self {
            Self::Rate(rate) => rate,
            Self::Auto => (AUTO_BUDGET / max_steps as f64).min(LARGEST),
        }
    }
}

impl Serialize for IntrinsicLr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Rate(rate) => serializer.serialize_f64(*rate),
        }
    }
}

impl<'de> Deserialize<'de> for IntrinsicLr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Text)
    }
}

struct Text;

impl Visitor<'_> for Text {
    type Value = IntrinsicLr;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a number or \"auto\"")
    }

    fn visit_f64<E: Error>(self, rate: f64) -> Result<IntrinsicLr, E> {
        Ok(IntrinsicLr::Rate(rate))
    }

    fn visit_i64<E: Error>(self, rate: i64) -> Result<IntrinsicLr, E> {
        Ok(IntrinsicLr::Rate(rate as f64))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<IntrinsicLr, E> {
        match text {
            "auto" => Ok(IntrinsicLr::Auto),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}
