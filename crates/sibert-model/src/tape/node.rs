//! One recorded operation, and how operations come to be recorded.

use candle_core::{CustomOp1, CustomOp2, CustomOp3, Result, Tensor};

use super::{OPEN, Sink, Tape};

/// The backward pass of an operation on a tape.
pub(crate) trait Backward {
    /// Puts the gradients of `inputs` into `sink`, given that of the output.
    fn backward(&self, inputs: &[Tensor], output: &Tensor, dy: &Tensor, sink: &mut Sink) -> Result<()>;
}

/// An operation with what it was applied to and what came out.
pub(super) struct Node {
    pub op: Box<dyn Backward>,
    pub inputs: Vec<Tensor>,
    pub output: Tensor,
}

impl Node {
    pub fn backward(&self, dy: &Tensor, sink: &mut Sink) -> Result<()> {
        self.op.backward(&self.inputs, &self.output, dy, sink)
    }
}

/// Applies an operation: recorded by `on_tape` while a tape is open, else by `on_graph`, as part of candle's graph.
///
/// `forward` computes the result alone.
pub(crate) fn apply<O: Backward + 'static>(
    op: O,
    inputs: &[&Tensor],
    forward: impl FnOnce(&O) -> Result<Tensor>,
    on_graph: impl FnOnce(O) -> Result<Tensor>,
) -> Result<Tensor> {
    if OPEN.with_borrow(Option::is_none) {
        return on_graph(op);
    }
    let output = forward(&op)?;
    OPEN.with_borrow_mut(|open| {
        if let Some(tape) = open
            && inputs.iter().any(|input| tape.tracks(input))
        {
            tape.push(op, inputs, &output);
        }
    });
    Ok(output)
}

impl Tape {
    fn push<O: Backward + 'static>(&mut self, op: O, inputs: &[&Tensor], output: &Tensor) {
        self.tracked.insert(output.id());
        let inputs = inputs.iter().map(|&input| input.clone()).collect();
        self.nodes.push(Node { op: Box::new(op), inputs, output: output.clone() });
    }
}

/// A candle operation of one tensor, its backward pass being candle's.
struct One<C>(C);
/// A candle operation of two tensors.
struct Two<C>(C);
/// A candle operation of three tensors.
struct Three<C>(C);

impl<C: CustomOp1> Backward for One<C> {
    fn backward(&self, inputs: &[Tensor], output: &Tensor, dy: &Tensor, sink: &mut Sink) -> Result<()> {
        spread([self.0.bwd(&inputs[0], output, dy)?], sink)
    }
}

impl<C: CustomOp2> Backward for Two<C> {
    fn backward(&self, inputs: &[Tensor], output: &Tensor, dy: &Tensor, sink: &mut Sink) -> Result<()> {
        let (dx, dy) = self.0.bwd(&inputs[0], &inputs[1], output, dy)?;
        spread([dx, dy], sink)
    }
}

impl<C: CustomOp3> Backward for Three<C> {
    fn backward(&self, inputs: &[Tensor], output: &Tensor, dy: &Tensor, sink: &mut Sink) -> Result<()> {
        let (dx, dy, dz) = self.0.bwd(&inputs[0], &inputs[1], &inputs[2], output, dy)?;
        spread([dx, dy, dz], sink)
    }
}

fn spread<const N: usize>(gradients: [Option<Tensor>; N], sink: &mut Sink) -> Result<()> {
    for (i, gradient) in gradients.into_iter().enumerate() {
        if let Some(gradient) = gradient
            && sink.wants(i)
        {
            sink.add(i, gradient)?;
        }
    }
    Ok(())
}

/// Applies a candle operation to one tensor.
pub(crate) fn apply1<C: CustomOp1 + Send + Sync + 'static>(x: &Tensor, op: C) -> Result<Tensor> {
    apply(One(op), &[x], |op| x.apply_op1_no_bwd(&op.0), |op| x.apply_op1(op.0))
}

/// Applies a candle operation to two tensors.
pub(crate) fn apply2<C: CustomOp2 + Send + Sync + 'static>(x: &Tensor, y: &Tensor, op: C) -> Result<Tensor> {
    apply(Two(op), &[x, y], |op| x.apply_op2_no_bwd(y, &op.0), |op| x.apply_op2(y, op.0))
}

/// Applies a candle operation to three tensors.
pub(crate) fn apply3<C: CustomOp3 + Send + Sync + 'static>(
    x: &Tensor,
    y: &Tensor,
    z: &Tensor,
    op: C,
) -> Result<Tensor> {
    apply(Three(op), &[x, y, z], |op| x.apply_op3_no_bwd(y, z, &op.0), |op| x.apply_op3(y, z, op.0))
}
