//! Results whose numbers are still on the device.

use candle_core::{Result, Tensor, bail};
use std::fmt;

/// A result that is there already, or that follows from a few numbers on the device.
///
/// Reading a number back waits for everything enqueued before it. A training loop that keeps its results deferred reads
/// those of many steps at once, with [`read`](Self::read), and the device never runs out of work:
///
/// ```
/// use candle_core::{Device, Result, Tensor};
/// use cukernel::Deferred;
///
/// # fn main() -> Result<()> {
/// let loss = |step: u32| -> Result<Deferred<f64>> {
///     let numbers = Tensor::new(&[1. / f64::from(step)], &Device::Cpu)?;
///     Ok(Deferred::new(numbers, |values| Ok(values[0])))
/// };
/// let steps = (1..=10).map(loss).collect::<Result<Vec<_>>>()?;
/// let losses = Deferred::read(steps)?.into_iter().collect::<Result<Vec<_>>>()?;
/// assert_eq!(losses[1], 0.5);
/// # Ok(())
/// # }
/// ```
#[must_use = "a deferred report may hold an error"]
pub struct Deferred<R>(State<R>);

type Finish<R> = Box<dyn FnOnce(&[f64]) -> Result<R>>;

enum State<R> {
    Ready(R),
    Pending { numbers: Tensor, finish: Finish<R> },
}

impl<R: 'static> Deferred<R> {
    /// A result that is there.
    pub fn ready(result: R) -> Self {
        Self(State::Ready(result))
    }

    /// The result of `finish` for the elements of a vector.
    pub fn new(numbers: Tensor, finish: impl FnOnce(&[f64]) -> Result<R> + 'static) -> Self {
        Self(State::Pending { numbers: numbers.detach(), finish: Box::new(finish) })
    }

    /// The vector of numbers that are awaited, if any; the optimizers' are f64.
    pub fn pending(&self) -> Option<&Tensor> {
        match &self.0 {
            State::Ready(_) => None,
            State::Pending { numbers, .. } => Some(numbers),
        }
    }

    /// The same with another result.
    pub fn map<S: 'static>(self, f: impl FnOnce(R) -> S + 'static) -> Deferred<S> {
        match self.0 {
            State::Ready(result) => Deferred::ready(f(result)),
            State::Pending { numbers, finish } => {
                Deferred(State::Pending { numbers, finish: Box::new(|values| finish(values).map(f)) })
            }
        }
    }

    /// Both results, of all their numbers in one vector.
    ///
    /// # Errors
    /// If the device fails.
    pub fn zip<S: 'static>(self, other: Deferred<S>) -> Result<Deferred<(R, S)>> {
        Ok(match (self.0, other.0) {
            (State::Ready(a), other) => Deferred(other).map(|b| (a, b)),
            (this, State::Ready(b)) => Deferred(this).map(|a| (a, b)),
            (
                State::Pending { numbers, finish },
                State::Pending { numbers: others, finish: finish_other },
            ) => {
                let len = numbers.elem_count();
                Deferred::new(joined(&[&numbers, &others])?, move |values| {
                    let (own, others) = values.split_at(len);
                    Ok((finish(own)?, finish_other(others)?))
                })
            }
        })
    }

    /// The result, given the values of [`pending`](Self::pending), or none if nothing is.
    ///
    /// # Errors
    /// If the numbers say that a step was refused; if they are more or fewer than awaited.
    pub fn finish(self, values: &[f64]) -> Result<R> {
        let awaited = self.len();
        if values.len() != awaited {
            bail!("a result awaits {awaited} numbers, found {}", values.len());
        }
        match self.0 {
            State::Ready(result) => Ok(result),
            State::Pending { finish, .. } => finish(values),
        }
    }

    /// The result; waits for the device.
    ///
    /// # Errors
    /// If the numbers say that a step was refused; if the device fails.
    pub fn wait(self) -> Result<R> {
        let values = self.pending().map(crate::download).transpose()?;
        self.finish(&values.unwrap_or_default())
    }

    /// The results of many steps, whose numbers are read in one copy; waits for the device.
    ///
    /// # Errors
    /// If the device fails; what became of each step is its own result.
    pub fn read(steps: Vec<Self>) -> Result<Vec<Result<R>>> {
        let pending: Vec<_> = steps.iter().filter_map(Self::pending).collect();
        let values = if pending.is_empty() { Vec::new() } else { crate::download(&joined(&pending)?)? };
        let mut rest = values.as_slice();
        let finish = |step: Self| {
            let (own, others) = rest.split_at(step.len());
            rest = others;
            step.finish(own)
        };
        Ok(steps.into_iter().map(finish).collect())
    }

    fn len(&self) -> usize {
        self.pending().map_or(0, Tensor::elem_count)
    }
}

impl<R> fmt::Debug for Deferred<R> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self.0 {
            State::Ready(_) => "Deferred::Ready",
            State::Pending { .. } => "Deferred::Pending",
        })
    }
}

/// All numbers in one vector of f64.
fn joined(numbers: &[&Tensor]) -> Result<Tensor> {
    let wide = |numbers: &&Tensor| numbers.flatten_all()?.to_dtype(candle_core::DType::F64);
    Tensor::cat(&numbers.iter().map(wide).collect::<Result<Vec<_>>>()?, 0)
}
