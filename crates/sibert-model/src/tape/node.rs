//! One recorded operation, and how operations come to be recorded.

use candle_core::{Device, Result, Tensor, TensorId};

use super::{RECORDER, Recorder, Sink, Tape, profile};

/// The backward pass of an operation: given the gradient of its result, contiguous, it puts those of its inputs into a sink.
///
/// It keeps what it needs of the forward pass and no more: the rest is freed.
pub(crate) trait Backward: FnOnce(&Tensor, &mut Sink) -> Result<()> + 'static {}

impl<F: FnOnce(&Tensor, &mut Sink) -> Result<()> + 'static> Backward for F {}

/// A backward pass of any operation.
type AnyBackward = Box<dyn FnOnce(&Tensor, &mut Sink) -> Result<()>>;

/// A recorded operation.
pub(super) struct Node {
    name: &'static str,
    device: Device,
    pub inputs: Vec<Input>,
    pub output: TensorId,
    backward: AnyBackward,
}

/// The origin of an input, to which its gradient belongs.
pub(super) enum Input {
    Variable(Tensor),
    Result(TensorId),
    Constant,
}

impl Input {
    pub fn variable(&self) -> Option<&Tensor> {
        match self {
            Self::Variable(var) => Some(var),
            Self::Result(_) | Self::Constant => None,
        }
    }
}

/// Calls `forward` for a result and its backward pass: recorded while a tape is open, forgotten otherwise.
///
/// # Errors
/// Those of `forward`.
pub(crate) fn record<B: Backward>(
    name: &'static str,
    inputs: &[&Tensor],
    forward: impl FnOnce() -> Result<(Tensor, B)>,
) -> Result<Tensor> {
    let device = inputs[0].device();
    let (output, backward) = profile::timed_on(device, name, profile::forward, forward)?;
    RECORDER.with_borrow_mut(|recorder| {
        if let Recorder::Tape(tape) = recorder {
            tape.push(name, inputs, &output, backward);
        }
    });
    Ok(output)
}

impl Tape {
    /// Records an operation, unless its inputs are constants.
    fn push(&mut self, name: &'static str, inputs: &[&Tensor], output: &Tensor, backward: impl Backward) {
        let inputs: Vec<Input> = inputs.iter().map(|input| self.kind(input)).collect();
        if inputs.iter().all(|input| matches!(input, Input::Constant)) {
            return;
        }
        self.tracked.insert(output.id());
        let (device, output) = (output.device().clone(), output.id());
        self.nodes.push(Node { name, device, inputs, output, backward: Box::new(backward) });
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
    /// The operation's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Runs the backward pass and frees what it needed.
    pub fn backward(self, dy: &Tensor, sink: &mut Sink) -> Result<()> {
        let Self { name, device, backward, .. } = self;
        profile::timed_on(&device, name, profile::backward, || backward(&dy.contiguous()?, sink))
    }
}
