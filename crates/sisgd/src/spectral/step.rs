//! The step of each block on the host's numbers: the loops of the CPU, or ordinary tensor operations.

use super::block::Factor;
use super::config::{Law, stretch};
use crate::gradients::{Checked, total};
use crate::ops::dots::{Dots, dots};
use crate::ops::orthogonal::{self, Bands, Moved, WithBias};
use crate::ops::row_directions;
use crate::ops::scaled_add::{scale, scaled_add};
use crate::{Gradient, RotationReport};
use candle_core::{Result, Tensor, Var, bail};
use rayon::prelude::*;

/// A variable and the direction before it is factored, with their dot products.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    var: &'a Var,
    gradient: Gradient<'a>,
    dots: Dots,
}

impl<'a> Part<'a> {
    pub fn of_gradient(checked: &'a Checked<'a>) -> Self {
        Self { var: checked.var, gradient: checked.gradient(), dots: checked.dots }
    }

    pub fn of_direction(direction: &'a (&'a Var, Tensor, Dots)) -> Self {
        Self { var: direction.0, gradient: Gradient::Dense(&direction.1), dots: direction.2 }
    }
}

/// The buffers of Nesterov's momentum.
#[derive(Clone, Copy)]
pub(super) struct Momentum<'a> {
    pub velocity: &'a [Var],
    pub mu: f64,
}

impl Momentum<'_> {
    /// `V ← μ·V + G`, and `G + μ·V` of each variable.
    pub fn accumulate<'a>(self, gradients: &'a [Checked]) -> Result<Vec<(&'a Var, Tensor, Dots)>> {
        let direction = |(checked, v): (&'a Checked, &Var)| {
            scaled_add(v, checked.gradient(), 1. - self.mu, -1.)?;
            let direction = Var::from_tensor(&checked.whole()?.copy()?)?;
            scaled_add(&direction, Gradient::Dense(v), 0., -self.mu)?;
            let direction = direction.as_detached_tensor();
            let dots = dots(checked.var, Gradient::Dense(&direction))?;
            Ok((checked.var, direction, dots))
        };
        gradients.iter().zip(self.velocity).map(direction).collect()
    }
}

/// Moves every block; on the CPU they are divided among the threads.
pub(super) fn apply(blocks: &[(Factor, &[Part])], law: Law, gradients: &[Checked]) -> Result<RotationReport> {
    let step = |&(factor, parts): &(Factor, &[Part])| Block { parts, law }.descend(factor);
    let on_cpu = gradients.iter().all(|checked| checked.var.device().is_cpu());
    let moved = match on_cpu {
        true => blocks.par_iter().map(step).collect::<Result<Vec<_>>>()?,
        false => blocks.iter().map(step).collect::<Result<Vec<_>>>()?,
    };
    let moved = moved.into_iter().fold(Moved::default(), Moved::plus);
    Ok(RotationReport::new(total(gradients), moved))
}

/// One block and its step.
struct Block<'a> {
    parts: &'a [Part<'a>],
    law: Law,
}

impl Block<'_> {
    fn descend(&self, factor: Factor) -> Result<Moved> {
        let Dots { xx, xg, gg } = self.parts.iter().fold(Dots::default(), |sum, part| sum.plus(part.dots));
        if gg == 0. {
            return Ok(Moved { squared: xx, along: xx });
        }
        if let Some(bands) = factor.bands() {
            return self.matrix(bands, xx, gg.sqrt());
        }
        match (factor, self.parts) {
            (Factor::Rows, &[Part { var, gradient, .. }]) => {
                let directions = row_directions::directions(var, gradient)?;
                let (how, moved) = self.law.planned(xx, directions.along, directions.squared);
                row_directions::descend(var, gradient, &directions, how)?;
                Ok(moved)
            }
            (Factor::Rows, _) => bail!("a block of rows is one table"),
            (_, parts) => {
                let (how, moved) = self.law.planned(xx, xg, gg);
                parts
                    .iter()
                    .try_for_each(|part| scaled_add(part.var, part.gradient, 1. - how.keep, how.rate))?;
                Ok(moved)
            }
        }
    }

    /// A matrix, whose U is never there as a whole: what it does to the norm is known once it is done.
    fn matrix(&self, bands: Bands, xx: f64, grad_norm: f64) -> Result<Moved> {
        let parts = self.parts;
        let dense = parts.iter().map(|part| match part.gradient {
            Gradient::Dense(gradient) => Ok((part.var, gradient)),
            Gradient::Rows { .. } => bail!("the gradient of a matrix is given by rows"),
        });
        let (var, grad) = match *dense.collect::<Result<Vec<_>>>()? {
            [(w, g)] => (WithBias { matrix: w, bias: None }, WithBias { matrix: g, bias: None }),
            [(w, g), (b, g_b)] => {
                (WithBias { matrix: w, bias: Some(b) }, WithBias { matrix: g, bias: Some(g_b) })
            }
            _ => bail!("a block of a matrix has one or two variables"),
        };
        let (rows, columns) = bands.dims(var.matrix.dims2()?);
        let how = |squared| self.law.length(xx, squared, stretch(rows, columns));
        let moved = orthogonal::descend(bands, var, grad, grad_norm, self.law.way, how)?;
        if !self.law.keep_norms {
            return Ok(moved);
        }
        let back = (xx / moved.squared).sqrt();
        parts.iter().try_for_each(|part| scale(part.var, back))?;
        Ok(Moved { squared: xx, along: moved.along * back })
    }
}
