//! The hyper-parameters of spectral descent.

use crate::ops::orthogonal::{Move, Moved, Way};
use crate::require;
use candle_core::{Result, bail};
use sibert_products::Precision;
use std::f64::consts::FRAC_PI_2;

/// The meaning of a step's rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// An angle θ: `W ← cos θ·W − sin θ·‖W‖·U/‖U‖`. For blocks whose scale does not matter.
    Rotation,
    /// A share of the norm: `W ← W − θ·‖W‖·U/‖U‖`. For blocks whose scale matters and has to be learned.
    Relative,
    /// A length: `W ← (1 − ηλ)·W − η·√max(1, rows/columns)·U`. With momentum this is Muon's.
    Absolute,
}

impl Length {
    /// Whether a block's norm is the unit of its steps.
    pub(super) fn is_relative(self) -> bool {
        self != Self::Absolute
    }
}

/// How the orthogonal factor of a gradient is approximated, from its Gram matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polar {
    /// Five polynomials with Jordan's coefficients (2024, Muon's): eighteen products of (n, n), n being the short side.
    NewtonSchulz,
    /// A rational function (Zolotarev's): two inverses of (n, n), an eighth of the multiplications. On the CPU alone.
    Zolotarev,
}

/// The hyper-parameters of [`Spectral`](super::Spectral).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpectralConfig {
    /// The meaning of the rate.
    pub length: Length,
    /// Whether every block is brought back to the norm that it had before the step.
    pub keep_norms: bool,
    /// `μ` in [0, 1) of Nesterov's momentum: U is the factor of `G + μ·V`, where `V ← μ·V + G`. 0 is none, and no state.
    pub momentum: f64,
    /// `λ`, decoupled; of [`Length::Absolute`] alone.
    pub weight_decay: f64,
    /// How orthogonal factors are approximated; none is [`Zolotarev`](Polar::Zolotarev) on the CPU and
    /// [`NewtonSchulz`](Polar::NewtonSchulz) elsewhere.
    pub polar: Option<Polar>,
    /// The precision of the products that make the orthogonal factors on the CPU: f32 or bf16x3. The factors begin with a Gram
    /// matrix, which squares the singular values: rounded to the 8 bits of bf16 it would lose those below about 2⁻⁴·⁵ of the
    /// largest. Zolotarev's function takes that matrix in f32, and the last product alone in this precision.
    pub precision: Precision,
}

impl SpectralConfig {
    /// The rule for scale-invariant blocks: rotations that keep the norms, without state.
    pub const ROTATION: Self = Self {
        length: Length::Rotation,
        keep_norms: true,
        momentum: 0.,
        weight_decay: 0.,
        polar: None,
        precision: Precision::F32,
    };

    /// The rule for a head: steps relative to the norms, which may grow; without state.
    pub const RELATIVE: Self = Self { length: Length::Relative, keep_norms: false, ..Self::ROTATION };

    /// Muon with the momentum 0.95 and the decay 0.01.
    pub const MUON: Self = Self {
        length: Length::Absolute,
        keep_norms: false,
        momentum: 0.95,
        weight_decay: 0.01,
        polar: Some(Polar::NewtonSchulz),
        ..Self::ROTATION
    };

    /// Refuses values for which the step means nothing.
    ///
    /// # Errors
    /// A momentum outside [0, 1); a negative decay, or one beside steps that know no decay; norms kept beside steps of
    /// absolute length; products in bf16.
    pub fn validate(&self) -> Result<()> {
        let Self { length, keep_norms, momentum, weight_decay, precision, polar: _ } = *self;
        require::fraction("momentum", momentum)?;
        require::non_negative("weight_decay", weight_decay)?;
        if precision == Precision::Bf16 {
            bail!("orthogonal factors in bf16 lose the small singular values: use bf16x3 or f32");
        }
        if length.is_relative() && weight_decay > 0. {
            bail!(
                "weight_decay {weight_decay} has no meaning for steps relative to the norm, which forget by themselves: set it to 0"
            );
        }
        if keep_norms && !length.is_relative() {
            bail!("norms are kept by relative steps only: set keep_norms to false with an absolute length");
        }
        Ok(())
    }

    /// With the way to orthogonal factors chosen, on the CPU's loops or elsewhere.
    ///
    /// # Errors
    /// If the settings ask for inverses where there are products only.
    pub(super) fn on(self, loops: bool) -> Result<Self> {
        let polar = match (self.polar, loops) {
            (Some(Polar::Zolotarev), false) => {
                bail!(
                    "orthogonal factors by Zolotarev's function are made on the CPU alone: use Newton-Schulz here"
                )
            }
            (Some(polar), _) => polar,
            (None, true) => Polar::Zolotarev,
            (None, false) => Polar::NewtonSchulz,
        };
        Ok(Self { polar: Some(polar), ..self })
    }

    /// The meaning of a rate for every block.
    pub(super) fn law(&self, lr: f64) -> Law {
        let (keep, rate) = match self.length {
            Length::Rotation => (lr.cos(), lr.sin()),
            Length::Relative => (1., lr),
            Length::Absolute => (1. - lr * self.weight_decay, lr),
        };
        Law {
            keep,
            rate,
            relative: self.length.is_relative(),
            keep_norms: self.keep_norms,
            way: Way { polar: self.polar.unwrap_or(Polar::NewtonSchulz), precision: self.precision },
        }
    }

    /// Conditions on a step's rate.
    pub(super) fn check_rate(&self, lr: f64) -> Result<()> {
        require::learning_rate(lr, self.weight_decay)?;
        if self.length == Length::Rotation && lr >= FRAC_PI_2 {
            bail!("lr {lr} is an angle in radians, expected below a right angle, {FRAC_PI_2:.4}");
        }
        Ok(())
    }
}

/// `W ← keep·W − rate·U`, the rate being one of `‖W‖/‖U‖` if it is relative, else of `√max(1, rows/columns)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Law {
    pub keep: f64,
    pub rate: f64,
    pub relative: bool,
    /// Whether `‖W‖` is restored then.
    pub keep_norms: bool,
    /// To the orthogonal factors.
    pub way: Way,
}

impl Law {
    /// The step without the way back to the norm, from `‖W‖²`, `‖U‖²` and the stretch of the block's shape.
    pub fn length(&self, xx: f64, uu: f64, stretch: f64) -> Move {
        let unit = if self.relative { (xx / uu).sqrt() } else { stretch };
        Move { keep: self.keep, rate: self.rate * unit }
    }

    /// The step of a block whose products with U are known before, with what it does.
    pub fn planned(&self, xx: f64, xu: f64, uu: f64) -> (Move, Moved) {
        let Move { keep, rate } = self.length(xx, uu, 1.);
        let (along, squared) =
            (keep * xx - rate * xu, keep * keep * xx - 2. * keep * rate * xu + rate * rate * uu);
        if !self.keep_norms {
            return (Move { keep, rate }, Moved { squared, along });
        }
        let back = (xx / squared).sqrt();
        (Move { keep: keep * back, rate: rate * back }, Moved { squared: xx, along: along * back })
    }
}

/// `√max(1, rows/columns)`.
pub(crate) fn stretch(rows: usize, columns: usize) -> f64 {
    (rows as f64 / columns as f64).max(1.).sqrt()
}
