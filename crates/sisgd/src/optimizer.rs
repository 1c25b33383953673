//! The interface of all optimizers: a step is checked first and applied then.

use crate::{Deferred, GradientSource, Guard, Report};
use candle_core::{Result, Tensor, Var};
use std::collections::HashMap;
use std::fmt;

/// A rule, the variables that it updates, and its state; `Box<dyn Optimizer>` is any of them.
///
/// A training step with two optimizers, one for the encoder and one for the head, checks both before it applies either,
/// so that a bad gradient in the second cannot follow an update of the first:
///
/// ```
/// use candle_core::{Device, Result, Tensor, Var};
/// use sisgd::{GradientSource, Lamb, LambConfig, Optimizer, SiSgdConfig, SiSgd};
///
/// fn step(encoder: &mut dyn Optimizer, head: &mut dyn Optimizer, grads: &dyn GradientSource) -> Result<()> {
///     let (encoder, head) = (encoder.check(grads, 0.1)?, head.check(grads, 0.01)?);
///     println!("‖g‖ {}", encoder.apply()?.grad_norm());
///     head.apply()?;
///     Ok(())
/// }
///
/// # fn main() -> Result<()> {
/// let (x, bias) = (Var::new(&[3., 4.], &Device::Cpu)?, Var::new(&[f64::INFINITY], &Device::Cpu)?);
/// let mut encoder = SiSgd::new(vec![("x".into(), x.clone())], SiSgdConfig::default())?;
/// let mut head = Lamb::new(vec![("bias".into(), bias.clone())], LambConfig::default())?;
/// let loss = (x.sum_all()? + bias.sum_all()?)?;
/// let error = step(&mut encoder, &mut head, &loss.backward()?).unwrap_err();
/// assert!(error.to_string().contains("`bias` is not finite"));
/// assert_eq!(x.to_vec1::<f64>()?, [3., 4.]);
/// # Ok(())
/// # }
/// ```
pub trait Optimizer {
    /// The variables, in their order.
    fn vars(&self) -> &[(String, Var)];

    /// The number of steps taken.
    fn steps(&self) -> u64;

    /// Everything that a step with learning rate `lr` may be refused for, and nothing changed yet.
    ///
    /// It is one pass over parameters and gradients, whose norms the step needs anyway. On a GPU it is enqueued, and what
    /// it says of the numbers comes with the report, even if the step is dropped: see [`Guard`].
    ///
    /// # Errors
    /// Those of the optimizer's `step`.
    fn check<'a>(&'a mut self, grads: &'a dyn GradientSource, lr: f64) -> Result<CheckedStep<'a>>;

    /// Puts the optimizer under a guard that others have too; to be done before its first step.
    fn share_guard(&mut self, guard: &Guard);

    /// The tensors to save, by name: `step`, the number of steps, and if there are moments, copies of `exp_avg.NAME` and
    /// `exp_avg_sq.NAME` for each variable. The copies are where the variables are; on a GPU they are worth keeping only if
    /// no step was refused, see [`Guard`].
    ///
    /// # Errors
    /// If memory cannot be copied.
    fn state(&self) -> Result<Vec<(String, Tensor)>>;

    /// Takes back what [`state`](Self::state) gave; the next step is then bit for bit the one that would have followed.
    ///
    /// # Errors
    /// If an entry is missing, superfluous, or of another shape or dtype, naming it. Nothing has changed then.
    fn load_state(&mut self, state: &HashMap<String, Tensor>) -> Result<()>;
}

/// A step that nothing speaks against. Dropped, it changes nothing.
#[must_use = "a checked step changes nothing until it is applied"]
pub struct CheckedStep<'a, R = Report>(Box<dyn FnOnce() -> Result<Deferred<R>> + 'a>);

impl<'a, R: 'static> CheckedStep<'a, R> {
    /// A step that `change` takes, which only a device can refuse now; for rules of one's own.
    pub fn new(change: impl FnOnce() -> Result<Deferred<R>> + 'a) -> Self {
        Self(Box::new(change))
    }

    /// Updates the parameters and the state, and waits for the report.
    ///
    /// # Errors
    /// If the device fails; on a GPU, those of [`check`](Optimizer::check) too, and nothing has changed then.
    pub fn apply(self) -> Result<R> {
        self.enqueue()?.wait()
    }

    /// Updates the parameters and the state; on a GPU that is enqueued, and nothing waits for it.
    ///
    /// # Errors
    /// If the device fails.
    pub fn enqueue(self) -> Result<Deferred<R>> {
        (self.0)()
    }

    /// The same step with another report.
    pub fn map<Other: 'static>(self, f: impl FnOnce(R) -> Other + 'static) -> CheckedStep<'a, Other> {
        CheckedStep::new(move || Ok(self.enqueue()?.map(f)))
    }
}

impl<R> fmt::Debug for CheckedStep<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("CheckedStep")
    }
}
