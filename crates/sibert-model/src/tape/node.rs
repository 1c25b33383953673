//! One recorded operation, and how operations come to be recorded.

use candle_core::{Device, Result, Tensor, TensorId};

use super::{RECORDER, Recorder, Sink, Tape, profile};

/// An operation that a tape can record.
pub(crate) trait Record {
    /// What its backward pass needs.
    type Backward: Backward + 'static;

    /// For profiles and messages.
    fn name(&self) -> &'static str;

    /// Keeps of the operation, its inputs and its output what the backward pass needs, and no more: the rest is freed.
    fn keep(self, inputs: &[&Tensor], output: &Tensor) -> Self::Backward;
}

/// The backward pass of a recorded operation.
pub(crate) trait Backward {
    /// Puts the gradients of the inputs into `sink`, given that of the output.
    fn backward(self: Box<Self>, dy: &Tensor, sink: &mut Sink) -> Result<()>;
}

/// A recorded operation.
pub(super) struct Node {
    name: &'static str,
    pub inputs: Vec<Input>,
    pub output: TensorId,
    backward: Box<dyn Backward>,
}

/// What a gradient belongs to.
pub(super) enum Input {
    Variable(Tensor),
    Result(TensorId),
    Constant,
}

/// Applies an operation: recorded while a tape is open, forgotten in [`super::no_grad`], else by `on_graph`, as part of
/// candle's graph.
///
/// `forward` computes the result alone.
pub(crate) fn apply<O: Record>(
    op: O,
    inputs: &[&Tensor],
    forward: impl FnOnce(&O) -> Result<Tensor>,
    on_graph: impl FnOnce(O) -> Result<Tensor>,
) -> Result<Tensor> {
    if RECORDER.with_borrow(|recorder| matches!(recorder, Recorder::Graph)) {
        return on_graph(op);
    }
    let output = profile::timed(op.name(), profile::forward, || forward(&op))?;
    RECORDER.with_borrow_mut(|recorder| {
        if let Recorder::Tape(tape) = recorder {
            tape.push(op, inputs, &output);
        }
    });
    Ok(output)
}

/// Applies an operation whose forward pass is kernels on a device, and says how its backward pass goes: recorded while a
/// tape is open, forgotten otherwise.
pub(crate) fn apply_kernels<B>(
    name: &'static str,
    inputs: &[&Tensor],
    forward: impl FnOnce() -> Result<(Tensor, B)>,
) -> Result<Tensor>
where
    B: FnOnce(&Tensor, &mut Sink) -> Result<()> + 'static,
{
    let device = inputs[0].device();
    let (output, backward) = profile::timed_on(device, name, profile::forward, forward)?;
    RECORDER.with_borrow_mut(|recorder| {
        if let Recorder::Tape(tape) = recorder {
            tape.push_with(name, inputs, &output, || Box::new(Kernels { device: device.clone(), backward }));
        }
    });
    Ok(output)
}

/// A backward pass of kernels.
struct Kernels<B> {
    device: Device,
    backward: B,
}

impl<B: FnOnce(&Tensor, &mut Sink) -> Result<()>> Backward for Kernels<B> {
    fn backward(self: Box<Self>, dy: &Tensor, sink: &mut Sink) -> Result<()> {
        let Kernels { device, backward } = *self;
        backward(&dy.contiguous()?, sink)?;
        profile::settle(&device)
    }
}

impl Tape {
    /// Records an operation, unless its inputs are constants.
    fn push<O: Record>(&mut self, op: O, inputs: &[&Tensor], output: &Tensor) {
        self.push_with(op.name(), inputs, output, || Box::new(op.keep(inputs, output)));
    }

    fn push_with(
        &mut self,
        name: &'static str,
        inputs: &[&Tensor],
        output: &Tensor,
        backward: impl FnOnce() -> Box<dyn Backward>,
    ) {
        let kinds: Vec<Input> = inputs.iter().map(|input| self.kind(input)).collect();
        if kinds.iter().all(|kind| matches!(kind, Input::Constant)) {
            return;
        }
        self.tracked.insert(output.id());
        self.nodes.push(Node { name, inputs: kinds, output: output.id(), backward: backward() });
    }

    fn kind(&self, tensor: &Tensor) -> Input {
        if tensor.is_variable() {
            Input::Variable(tensor.clone())
        } else if self.tracked.contains(&tensor.id()) {
            Input::Result(tensor.id())
        } else {
            Input::Constant
        }
    }
}

impl Node {
    /// Runs the backward pass and frees what it needed.
    pub fn backward(self, dy: &Tensor, sink: &mut Sink) -> Result<()> {
        profile::timed(self.name, profile::backward, || self.backward.backward(dy, sink))
    }
}
