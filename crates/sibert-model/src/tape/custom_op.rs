//! candle's custom operations on a tape: their backward passes see inputs and output whole.

use candle_core::{CustomOp1, CustomOp2, CustomOp3, Result, Tensor};

use super::{Backward, Record, Sink, apply};

/// An operation of one tensor.
struct One<C>(C);
/// An operation of two tensors.
struct Two<C>(C);
/// An operation of three tensors.
struct Three<C>(C);

/// An operation with what it was applied to and what came out.
struct Whole<O> {
    op: O,
    inputs: Vec<Tensor>,
    output: Tensor,
}

fn whole<O>(op: O, inputs: &[&Tensor], output: &Tensor) -> Whole<O> {
    Whole { op, inputs: inputs.iter().map(|&input| input.clone()).collect(), output: output.clone() }
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

impl<C: CustomOp1 + 'static> Record for One<C> {
    type Backward = Whole<Self>;

    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn keep(self, inputs: &[&Tensor], output: &Tensor) -> Whole<Self> {
        whole(self, inputs, output)
    }
}

impl<C: CustomOp2 + 'static> Record for Two<C> {
    type Backward = Whole<Self>;

    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn keep(self, inputs: &[&Tensor], output: &Tensor) -> Whole<Self> {
        whole(self, inputs, output)
    }
}

impl<C: CustomOp3 + 'static> Record for Three<C> {
    type Backward = Whole<Self>;

    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn keep(self, inputs: &[&Tensor], output: &Tensor) -> Whole<Self> {
        whole(self, inputs, output)
    }
}

impl<C: CustomOp1> Backward for Whole<One<C>> {
    fn backward(self: Box<Self>, dy: &Tensor, sink: &mut Sink) -> Result<()> {
        let Whole { op, inputs, output } = *self;
        spread([op.0.bwd(&inputs[0], &output, dy)?], sink)
    }
}

impl<C: CustomOp2> Backward for Whole<Two<C>> {
    fn backward(self: Box<Self>, dy: &Tensor, sink: &mut Sink) -> Result<()> {
        let Whole { op, inputs, output } = *self;
        let (dx, dy) = op.0.bwd(&inputs[0], &inputs[1], &output, dy)?;
        spread([dx, dy], sink)
    }
}

impl<C: CustomOp3> Backward for Whole<Three<C>> {
    fn backward(self: Box<Self>, dy: &Tensor, sink: &mut Sink) -> Result<()> {
        let Whole { op, inputs, output } = *self;
        let (dx, dy, dz) = op.0.bwd(&inputs[0], &inputs[1], &inputs[2], &output, dy)?;
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
