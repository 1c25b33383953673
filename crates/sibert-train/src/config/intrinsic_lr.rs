//! The intrinsic learning rate ηλ: once the norm has settled, η and λ matter only through this product (Li et al. 2022,
//! section 4).

use std::fmt;

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// The default of ηλ: the best value of docs/results/paper.md for 500 to 8,000 steps, and half the paper's 8e-6 for a
/// million. A clipped step then turns the encoder by √C·√(2ηλ) = 0.006 rad, whatever its scale.
const AUTO: f64 = 4e-6;

/// The setting of ηλ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum IntrinsicLr {
    /// The default, which worked at every length tried.
    Auto,
    /// A value of the user.
    Rate(f64),
}

impl IntrinsicLr {
    /// The value of ηλ.
    pub fn value(self) -> f64 {
        match self {
            Self::Rate(rate) => rate,
            Self::Auto => AUTO,
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
