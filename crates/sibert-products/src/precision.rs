//! The arithmetic of matrix products, as a scope.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Multiply;

/// How numbers are rounded on their way to a matrix product, whose sums are f32. Parameters, their gradients and all
/// statistics stay f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Operands as they are.
    #[default]
    F32,
    /// bfloat16. On the CPU the operands of products are rounded, and activations stay f32 in memory, but for
    /// [results that only products read](crate::stored); on CUDA activations and their gradients are stored in bfloat16, and
    /// every operation computes in f32 inside.
    Bf16,
    /// Operands of products as the sum of two bfloat16 numbers, and three products of their parts: errors near those of f32.
    /// On the CPU only, and a gain only in AMX tiles.
    Bf16x3,
}

thread_local! {
    static CURRENT: Cell<Precision> = const { Cell::new(Precision::F32) };
}

impl Precision {
    /// Calls `f` with this precision for the products that it makes, and for those of their backward pass.
    pub fn scope<R>(self, f: impl FnOnce() -> R) -> R {
        let outer = Restore(CURRENT.replace(self));
        let result = f();
        drop(outer);
        result
    }

    /// Whether results that only products read are stored in bfloat16 on this processor; see [`stored`](crate::stored).
    pub fn stores_bf16(self) -> bool {
        f32::rounds(self)
    }

    /// The precision of the innermost scope.
    pub fn current() -> Self {
        CURRENT.get()
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Precision::F32 => "f32",
            Precision::Bf16 => "bf16",
            Precision::Bf16x3 => "bf16x3",
        })
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Precision::F32, Precision::Bf16, Precision::Bf16x3]
            .into_iter()
            .find(|precision| precision.to_string() == name)
            .ok_or_else(|| format!("unknown precision {name:?}, expected f32, bf16 or bf16x3"))
    }
}

/// Puts the outer precision back, also when the scope ends by a panic.
struct Restore(Precision);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_nest_and_end() {
        assert_eq!(Precision::current(), Precision::F32);
        Precision::Bf16.scope(|| {
            assert_eq!(Precision::current(), Precision::Bf16);
            Precision::F32.scope(|| assert_eq!(Precision::current(), Precision::F32));
            assert_eq!(Precision::current(), Precision::Bf16);
        });
        assert_eq!(Precision::current(), Precision::F32);
    }
}
