//! The arithmetic of matrix products, as a scope.

use std::cell::Cell;

/// How matrix products round their operands; sums, parameters and everything else stay as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Operands as they are.
    #[default]
    F32,
    /// Operands of f32 rounded to bfloat16, their products added up in f32; on the CPU only.
    Bf16,
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

    /// The precision of the innermost scope.
    pub fn current() -> Self {
        CURRENT.get()
    }

    /// Whether this processor has instructions for it.
    pub fn is_native(self) -> bool {
        match self {
            Precision::F32 => true,
            Precision::Bf16 => crate::ops::bf16_is_native(),
        }
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
