//! Stochastic spectral descent on blocks that are scale invariant: a rule without state, whose rate is an angle.
//!
//! ```text
//! matrix    U = the orthogonal factor of G (nearly: [`Polar`])    a bias is one more column
//! bands     U = the orthogonal factors of its bands side by side  the heads of a map of attention
//! table     U_i = G_i/‖G_i‖ for the rows that occur, else 0
//! vectors   U = G
//! W ← cos θ·W − sin θ·‖W‖·U/‖U‖                                  then back to ‖W‖; U = 0 changes nothing
//! ```
//! The step of a block depends on the direction of its gradient alone, and on the block's norm as on a unit of length. So
//! `W → c·W` with `G → G/c`, which is what the scale of a scale-invariant encoder does, and any factor on the loss leave
//! the directions of all steps as they are, exactly so for powers of two. There is nothing to forget, hence no weight
//! decay, and nothing to keep, hence no state.
//!
//! U is not quite orthogonal to W, and the norms would drift without end: in a run of any length a block could outgrow the
//! others in the residual stream. [`SpectralConfig::keep_norms`] brings every block back to the norm that it had.
//!
//! With [`Length::Absolute`] and momentum the same code is Muon (Jordan 2024). Stochastic spectral descent is Carlson et
//! al.'s (2015); SWAN (Ma et al. 2025) and SinkGD (Scetbon et al. 2025) are stateless relatives for decoders.

mod block;
mod config;
mod device;
mod step;

use crate::gradients::{Checked, collect, fit};
use crate::guard::Guarded;
use crate::ops::group::has_kernels;
use crate::refusal::Refusal;
use crate::state::Velocity;
use crate::{
    CheckedStep, Deferred, Gradient, GradientSource, Guard, NamedVars, Optimizer, Report, RotationReport,
    vars,
};
use candle_core::{Result, Tensor, Var, bail};
use std::collections::HashMap;

pub use block::{Block, Factor};
pub(crate) use config::{Law, stretch};
pub use config::{Length, Polar, SpectralConfig};
use step::{Momentum, Part};

/// Spectral descent over blocks of parameters.
#[derive(Debug)]
pub struct Spectral {
    /// All variables, block after block.
    vars: NamedVars,
    /// The factor of each block, and how many variables it has.
    blocks: Vec<(Factor, usize)>,
    config: SpectralConfig,
    velocity: Velocity,
    guarded: Guarded,
}

impl Spectral {
    /// An optimizer of `blocks`.
    ///
    /// # Errors
    /// If the configuration is not [valid](SpectralConfig::validate); if a block's variables do not fit its factor; if the
    /// list is empty, has a name or a variable twice, or holds one that is neither f32 nor f64; if the way to orthogonal
    /// factors does not exist on the variables' device.
    pub fn new(blocks: Vec<Block>, config: SpectralConfig) -> Result<Self> {
        config.validate()?;
        blocks.iter().try_for_each(Block::validate)?;
        let shapes = blocks.iter().map(|block| (block.factor, block.vars.len())).collect();
        let vars: NamedVars = blocks.into_iter().flat_map(|block| block.vars).collect();
        vars::validate(&vars)?;
        let loops = !has_kernels(&vars) && vars.iter().all(|(_, var)| var.device().is_cpu());
        let config = config.on(loops)?;
        let velocity = Velocity::new(&vars, config.momentum > 0.)?;
        let guarded = Guarded::new(&Guard::new(), &vars);
        Ok(Self { vars, blocks: shapes, config, velocity, guarded })
    }

    /// One step by the angle θ, or what [`Length`] makes of the rate; see the [module](self).
    ///
    /// # Errors
    /// If a variable has no gradient or one that is not finite or does not fit, naming it; if θ is not positive, or not below
    /// a right angle; if a block is zero, whose norm gives a relative step no length. No parameter has changed then.
    pub fn step(&mut self, grads: &dyn GradientSource, lr: f64) -> Result<RotationReport> {
        self.check(grads, lr)?.apply()
    }

    /// The step with every check before the first change; see [`Optimizer::check`].
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn check<'a>(
        &'a mut self,
        grads: &'a dyn GradientSource,
        lr: f64,
    ) -> Result<CheckedStep<'a, RotationReport>> {
        let Self { vars, blocks, config, velocity, guarded } = self;
        config.check_rate(lr)?;
        let law = config.law(lr);
        if velocity.vars.is_none() {
            refuse_rows(vars, blocks, grads)?;
        }
        if has_kernels(vars) {
            let step = device::Step { blocks, law, momentum: config.momentum, guarded };
            return step.check(fit(vars, grads)?, velocity);
        }
        let Velocity { steps, vars: velocity } = velocity;
        let gradients = collect(vars, grads)?;
        if config.length.is_relative() {
            refuse_zero(blocks, &gradients)?;
        }
        Ok(CheckedStep::new(move || {
            let momentum = velocity.as_deref().map(|velocity| Momentum { velocity, mu: config.momentum });
            let directions = momentum.map(|momentum| momentum.accumulate(&gradients)).transpose()?;
            let parts = match &directions {
                Some(directions) => directions.iter().map(Part::of_direction).collect(),
                None => gradients.iter().map(Part::of_gradient).collect::<Vec<_>>(),
            };
            let report = step::apply(&by_block(blocks, &parts), law, &gradients)?;
            *steps += 1;
            Ok(Deferred::ready(report))
        }))
    }

    /// The hyper-parameters, with the [`Polar`] that was chosen.
    pub fn config(&self) -> SpectralConfig {
        self.config
    }
}

/// Cuts what belongs to the variables into what belongs to the blocks.
fn by_block<'a, T>(blocks: &[(Factor, usize)], mut rest: &'a [T]) -> Vec<(Factor, &'a [T])> {
    let cut = |&(factor, count): &(Factor, usize)| {
        let (own, others) = rest.split_at(count);
        rest = others;
        (factor, own)
    };
    blocks.iter().map(cut).collect()
}

impl Optimizer for Spectral {
    fn vars(&self) -> &[(String, Var)] {
        &self.vars
    }

    fn steps(&self) -> u64 {
        self.velocity.steps
    }

    fn check<'a>(&'a mut self, grads: &'a dyn GradientSource, lr: f64) -> Result<CheckedStep<'a>> {
        Ok(Spectral::check(self, grads, lr)?.map(Report::from))
    }

    fn share_guard(&mut self, guard: &Guard) {
        self.guarded = Guarded::new(guard, &self.vars);
    }

    fn state(&self) -> Result<Vec<(String, Tensor)>> {
        self.velocity.save(&self.vars)
    }

    fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        self.velocity.load(&self.vars, state)
    }
}

/// Refuses matrices whose gradients are given by rows.
fn refuse_rows(vars: &NamedVars, blocks: &[(Factor, usize)], grads: &dyn GradientSource) -> Result<()> {
    let matrices = by_block(blocks, vars).into_iter().filter(|(factor, _)| factor.bands().is_some());
    for (name, var) in matrices.flat_map(|(_, block)| block) {
        if let Some(Gradient::Rows { .. }) = grads.gradient(var) {
            bail!("the gradient of `{name}` is given by rows: a matrix needs the whole");
        }
    }
    Ok(())
}

/// Refuses blocks of zeros, which a step relative to their norm would never move.
fn refuse_zero(blocks: &[(Factor, usize)], gradients: &[Checked]) -> Result<()> {
    for (_, block) in by_block(blocks, gradients) {
        let moves = block.iter().any(|checked| checked.dots.gg > 0.);
        if moves && block.iter().all(|checked| checked.dots.xx == 0.) {
            bail!("{}", Refusal::Block { name: block[0].name });
        }
    }
    Ok(())
}
