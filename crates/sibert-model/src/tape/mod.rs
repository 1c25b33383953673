//! Backpropagation of this crate's operations without candle's graph.
//!
//! candle's backward pass makes a tensor of zeros for every gradient, adds to it out of place on one thread, and keeps
//! all intermediate results to the end. On the CPU that costs as much as the gradients themselves. A [`Tape`] records the
//! operations of [`crate::ops`] while it is open, calls the same backward functions in reverse, moves their results, and
//! lets go of what it has passed. On other devices operations join candle's graph, and so does [`Tape::backward`].

mod gradients;
mod node;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use candle_core::{Result, Tensor, TensorId, bail};

pub use gradients::Gradients;
pub(crate) use gradients::{Merged, merge_rows};
pub(crate) use node::{Backward, apply, apply1, apply2, apply3};

use node::Node;

thread_local! {
    static OPEN: RefCell<Option<Tape>> = const { RefCell::new(None) };
}

/// The operations of one forward pass, in their order.
#[derive(Default)]
pub struct Tape {
    nodes: Vec<Node>,
    tracked: HashSet<TensorId>, // results that depend on a variable
}

impl Tape {
    /// Calls `f` and records the operations that it applies to variables and to what depends on them.
    ///
    /// Only this crate's operations are seen: the result of another one counts as a constant.
    ///
    /// # Errors
    /// Those of `f`; or if a tape is open already on this thread.
    pub fn record<R>(f: impl FnOnce() -> Result<R>) -> Result<(R, Self)> {
        if OPEN.replace(Some(Self::default())).is_some() {
            bail!("a tape is open already on this thread");
        }
        let close = Close;
        let result = f()?;
        let tape = OPEN.take().unwrap_or_default();
        drop(close);
        Ok((result, tape))
    }

    /// Adds the gradients of `Σ weight · loss` to those of the wanted variables.
    ///
    /// # Errors
    /// If a loss is not a scalar, or the device fails.
    pub fn backward(mut self, losses: &[(&Tensor, f64)], gradients: &mut Gradients) -> Result<()> {
        let mut pending = HashMap::new();
        for &(loss, weight) in losses {
            let seed = Tensor::full(weight, (), loss.device())?.to_dtype(loss.dtype())?;
            if self.tracked.contains(&loss.id()) {
                pending.insert(loss.id(), seed);
            } else {
                gradients.extend((loss * seed)?.backward()?)?;
            }
        }
        while let Some(node) = self.nodes.pop() {
            if let Some(dy) = pending.remove(&node.output.id()) {
                node.backward(&dy, &mut Sink { tape: &self, node: &node, pending: &mut pending, gradients })?;
            }
        }
        Ok(())
    }

    fn tracks(&self, tensor: &Tensor) -> bool {
        tensor.is_variable() || self.tracked.contains(&tensor.id())
    }
}

/// Closes a tape that an error or a panic has left open.
struct Close;

impl Drop for Close {
    fn drop(&mut self) {
        OPEN.take();
    }
}

/// Where an operation puts the gradients of its inputs.
pub(crate) struct Sink<'a> {
    tape: &'a Tape,
    node: &'a Node,
    pending: &'a mut HashMap<TensorId, Tensor>,
    gradients: &'a mut Gradients,
}

impl Sink<'_> {
    /// Whether anyone asks for the gradient of input `i`.
    pub fn wants(&self, i: usize) -> bool {
        let input = &self.node.inputs[i];
        if input.is_variable() { self.gradients.wants(input) } else { self.tape.tracks(input) }
    }

    /// The gradient of variable `i` up to now, to add to in place; it must be given back by `add`.
    pub fn take(&mut self, i: usize) -> Result<Option<Tensor>> {
        self.gradients.take(&self.node.inputs[i])
    }

    /// Adds the gradient of input `i`.
    pub fn add(&mut self, i: usize, gradient: Tensor) -> Result<()> {
        let input = &self.node.inputs[i];
        if input.is_variable() {
            return self.gradients.add(input, gradient);
        }
        let sum = match self.pending.remove(&input.id()) {
            Some(earlier) => crate::ops::sum(&earlier, &gradient)?,
            None => gradient,
        };
        self.pending.insert(input.id(), sum);
        Ok(())
    }

    /// Adds the gradient of table `i`, row `values[j]` for row `ids[j]` of the table; ids may repeat.
    pub fn add_rows(&mut self, i: usize, ids: &[u32], values: &Tensor) -> Result<()> {
        self.gradients.add_rows(&self.node.inputs[i], ids, values)
    }
}
