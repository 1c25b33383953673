//! Why a step is refused for its numbers: the words of the host's checks, and of what the device's checks leave behind.

use std::fmt;

/// The fault of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Refusal<'a> {
    /// A gradient is not finite.
    Gradient { name: &'a str, norm: f64 },
    /// A parameter is not finite.
    Parameter { name: &'a str, norm: f64 },
    /// All parameters are zero, which the loss does not allow.
    Zero,
    /// The step leads out of the numbers.
    Step { grad_norm: f64, new_param_norm: f64 },
    /// The second moment cannot hold a gradient's square.
    Square { name: &'a str, norm: f64 },
    /// A block of zeros has a gradient, and a step relative to its norm has no length.
    Block { name: &'a str },
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match *self {
            Self::Gradient { name, norm } => {
                write!(f, "the gradient of `{name}` is not finite: its norm is {norm}")
            }
            Self::Parameter { name, norm } => write!(f, "`{name}` is not finite: its norm is {norm}"),
            Self::Zero => {
                f.write_str("the parameters are all zero: a scale-invariant loss has no gradient there")
            }
            Self::Step { grad_norm, new_param_norm } => write!(
                f,
                "a step along a gradient of norm {grad_norm:e} overflows the parameters: norm {new_param_norm:e}"
            ),
            Self::Square { name, norm } => write!(
                f,
                "the gradient of `{name}` has norm {norm:e}: its square overflows the second moment"
            ),
            Self::Block { name } => {
                write!(f, "`{name}` is zero: a step relative to its norm would never move it")
            }
        }
    }
}
