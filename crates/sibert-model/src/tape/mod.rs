//! Backpropagation of this crate's operations without candle's graph.
//!
//! candle's backward pass makes a tensor of zeros for every gradient, adds to it out of place on one thread, and keeps
//! all intermediate results to the end. On the CPU that costs as much as the gradients themselves. A [`Tape`] records the
//! operations of [`crate::ops`] while it is open, calls their backward passes in reverse, moves their results, and lets go
//! of what it has passed. It knows no operation: each brings its backward pass along.
//!
//! Without a tape operations join candle's graph, and so they do on devices without kernels; [`Tape::backward`] goes
//! through that graph too.

mod gradients;
mod node;
pub mod profile;

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt;

use candle_core::{Result, Tensor, TensorId, bail};

pub use gradients::Gradients;
pub(crate) use node::{Backward, record};

use crate::compute::sum::sum;
use node::{Input, Node};

/// The fate of the operations that this thread applies.
enum Recorder {
    /// They join candle's graph.
    Graph,
    /// They are recorded.
    Tape(Tape),
    /// They are forgotten.
    Nothing,
}

thread_local! {
    static RECORDER: RefCell<Recorder> = const { RefCell::new(Recorder::Graph) };
}

/// Calls `f` without keeping anything for a backward pass: no variable gets a gradient of what it computes.
///
/// On devices without kernels of ours the operations join candle's graph all the same.
pub fn no_grad<R>(f: impl FnOnce() -> R) -> R {
    let restore = Restore::set(Recorder::Nothing);
    let result = f();
    drop(restore);
    result
}

/// Whether operations join candle's graph: no tape is open, and gradients may be asked for.
pub(crate) fn joins_graph() -> bool {
    RECORDER.with_borrow(|recorder| matches!(recorder, Recorder::Graph))
}

/// The operations of one forward pass, in their order.
#[derive(Default)]
pub struct Tape {
    nodes: Vec<Node>,
    tracked: HashSet<TensorId>, // results that depend on a variable
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_list().entries(self.nodes.iter().map(Node::name)).finish()
    }
}

impl Tape {
    /// Calls `f` and records the operations that it applies to variables and to what depends on them.
    ///
    /// Only this crate's operations are seen: the result of another one counts as a constant.
    ///
    /// # Errors
    /// Those of `f`; or if a tape is open already on this thread.
    pub fn record<R>(f: impl FnOnce() -> Result<R>) -> Result<(R, Self)> {
        if RECORDER.with_borrow(|recorder| matches!(recorder, Recorder::Tape(_))) {
            bail!("a tape is open already on this thread");
        }
        let restore = Restore::set(Recorder::Tape(Self::default()));
        let result = f()?;
        match restore.end() {
            Recorder::Tape(tape) => Ok((result, tape)),
            Recorder::Graph | Recorder::Nothing => bail!("the tape was closed by another"),
        }
    }

    /// Adds the gradients of `Σ weight · loss` to those of the wanted variables; a loss is the sum of its elements.
    ///
    /// # Errors
    /// If the device fails.
    pub fn backward(self, losses: &[(&Tensor, f64)], gradients: &mut Gradients) -> Result<()> {
        self.backward_telling(losses, gradients, |_, _| Ok(()))
    }

    /// The same; `finished` is told of each variable as soon as this pass adds no more to its gradient.
    ///
    /// It may take the gradient on, while the pass goes on with the layers before. It is not told of variables that the
    /// pass never meets, nor of those whose gradients come through candle's graph.
    ///
    /// # Errors
    /// As [`backward`](Self::backward), and those of `finished`.
    pub fn backward_telling(
        self,
        losses: &[(&Tensor, f64)],
        gradients: &mut Gradients,
        finished: impl FnMut(&Tensor, &mut Gradients) -> Result<()>,
    ) -> Result<()> {
        let seed = |&(loss, weight): &(&Tensor, f64)| {
            Ok((loss.clone(), Tensor::full(weight, loss.shape(), loss.device())?.to_dtype(loss.dtype())?))
        };
        self.pass(losses.iter().map(seed).collect::<Result<_>>()?, gradients, finished)
    }

    /// The same from outputs and their gradients.
    ///
    /// # Errors
    /// As [`backward`](Self::backward).
    pub fn backward_from(self, outputs: Vec<(Tensor, Tensor)>, gradients: &mut Gradients) -> Result<()> {
        self.pass(outputs, gradients, |_, _| Ok(()))
    }

    fn pass(
        mut self,
        outputs: Vec<(Tensor, Tensor)>,
        gradients: &mut Gradients,
        mut finished: impl FnMut(&Tensor, &mut Gradients) -> Result<()>,
    ) -> Result<()> {
        let mut pending: HashMap<TensorId, Pending> = HashMap::new();
        for (output, gradient) in outputs {
            if self.tracked.contains(&output.id()) {
                let gradient = match pending.remove(&output.id()) {
                    Some(earlier) => sum(&earlier.gradient, &gradient)?,
                    None => gradient,
                };
                pending.insert(output.id(), Pending { gradient, owned: false });
            } else {
                gradients.extend((output * gradient)?.backward()?)?;
            }
        }
        let mut uses = self.uses();
        while let Some(mut node) = self.nodes.pop() {
            let inputs = std::mem::take(&mut node.inputs);
            if let Some(Pending { gradient, .. }) = pending.remove(&node.output) {
                node.backward(&gradient, &mut Sink { inputs: &inputs, pending: &mut pending, gradients })?;
            }
            for var in inputs.iter().filter_map(Input::variable) {
                let left = uses.entry(var.id()).and_modify(|uses| *uses -= 1).or_default();
                if *left == 0 {
                    finished(var, gradients)?;
                }
            }
        }
        Ok(())
    }

    /// How many operations read each variable, as often as they read it.
    fn uses(&self) -> HashMap<TensorId, usize> {
        let mut uses = HashMap::new();
        for var in self.nodes.iter().flat_map(|node| &node.inputs).filter_map(Input::variable) {
            *uses.entry(var.id()).or_default() += 1;
        }
        uses
    }
}

/// Puts the earlier recorder back, also after an error or a panic.
struct Restore(Option<Recorder>);

impl Restore {
    fn set(recorder: Recorder) -> Self {
        Self(Some(RECORDER.replace(recorder)))
    }

    /// The recorder that was set.
    fn end(mut self) -> Recorder {
        self.0.take().map_or(Recorder::Nothing, |earlier| RECORDER.replace(earlier))
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        if let Some(earlier) = self.0.take() {
            RECORDER.set(earlier);
        }
    }
}

/// The gradient of a result up to now, which later operations may add to.
struct Pending {
    gradient: Tensor,
    owned: bool, // no other tensor shares its memory
}

/// Where an operation puts the gradients of its inputs.
pub(crate) struct Sink<'a> {
    inputs: &'a [Input],
    pending: &'a mut HashMap<TensorId, Pending>,
    gradients: &'a mut Gradients,
}

impl Sink<'_> {
    /// Whether anyone asks for the gradient of input `i`.
    pub fn wants(&self, i: usize) -> bool {
        match &self.inputs[i] {
            Input::Variable(var) => self.gradients.wants(var),
            Input::Result(_) => true,
            Input::Constant => false,
        }
    }

    /// The gradient of variable `i` up to now, to add to in place; it must be given back by `add`.
    pub fn take(&mut self, i: usize) -> Result<Option<Tensor>> {
        match &self.inputs[i] {
            Input::Variable(var) => self.gradients.take(var),
            Input::Result(_) | Input::Constant => Ok(None),
        }
    }

    /// The gradient of input `i` up to now, to be given back in a sum by `add` or `add_own`; not to be added to in place.
    pub fn take_shared(&mut self, i: usize) -> Option<Tensor> {
        let Input::Result(id) = &self.inputs[i] else { return None };
        self.pending.remove(id).map(|pending| pending.gradient)
    }

    /// The gradient of input `i` up to now if it may be added to in place; it must be given back by `add_own`.
    pub fn take_own(&mut self, i: usize) -> Option<Tensor> {
        let Input::Result(id) = &self.inputs[i] else { return None };
        self.pending.get(id).filter(|pending| pending.owned)?;
        self.pending.remove(id).map(|pending| pending.gradient)
    }

    /// Adds the gradient of input `i`, whose memory nothing else shares.
    pub fn add_own(&mut self, i: usize, gradient: Tensor) -> Result<()> {
        self.put(i, gradient, true)
    }

    /// Adds the gradient of input `i`.
    pub fn add(&mut self, i: usize, gradient: Tensor) -> Result<()> {
        self.put(i, gradient, false)
    }

    fn put(&mut self, i: usize, gradient: Tensor, owned: bool) -> Result<()> {
        match &self.inputs[i] {
            Input::Variable(var) => self.gradients.add(var, gradient),
            Input::Constant => Ok(()),
            Input::Result(id) => {
                let pending = match self.pending.remove(id) {
                    None => Pending { gradient, owned },
                    Some(earlier) => Pending { gradient: sum(&earlier.gradient, &gradient)?, owned: true },
                };
                self.pending.insert(*id, pending);
                Ok(())
            }
        }
    }

    /// Adds the gradient of table `i`, row `values[j]` for row `ids[j]` of the table; ids may repeat.
    ///
    /// # Errors
    /// If the table is the result of another operation.
    pub fn add_rows(&mut self, i: usize, ids: &[u32], values: &Tensor) -> Result<()> {
        match &self.inputs[i] {
            Input::Variable(var) => self.gradients.add_rows(var, ids, values),
            Input::Constant => Ok(()),
            Input::Result(_) => bail!("the gradient of a computed table cannot be given by its rows"),
        }
    }
}
