//! A stand-in for a GPU, which runs kernels.

use std::cell::RefCell;
use std::rc::Rc;

use candle_core::{Result, Tensor};

use crate::{Arg, Columns, Grid, Module};

/// Runs kernels, and products, on tensors of the CPU.
pub trait Executor {
    /// Runs one kernel to its end.
    ///
    /// # Errors
    /// If the module does not compile, or has no kernel of this name with these arguments.
    ///
    /// # Safety
    /// The arguments are what the kernel expects: it writes where they point.
    unsafe fn launch(&self, module: &Module, kernel: &str, grid: Grid, args: &[Arg]) -> Result<()>;

    /// The product that cuBLAS would make: `c = a b`, or `c += a b`, by columns.
    ///
    /// # Errors
    /// If a tensor is not on the CPU.
    fn gemm(&self, problem: Columns, a: &Tensor, b: &Tensor, c: &Tensor, accumulate: bool) -> Result<()>;
}

thread_local! {
    static EXECUTOR: RefCell<Option<Rc<dyn Executor>>> = const { RefCell::new(None) };
}

/// Calls `f` while kernels on tensors of the CPU run on `executor`, on this thread.
pub fn with_executor<R>(executor: Rc<dyn Executor>, f: impl FnOnce() -> R) -> R {
    let restore = Restore(EXECUTOR.replace(Some(executor)));
    let result = f();
    drop(restore);
    result
}

/// Whether an executor is set on this thread.
pub fn emulated() -> bool {
    EXECUTOR.with_borrow(Option::is_some)
}

/// The executor of this thread.
pub(crate) fn current() -> Option<Rc<dyn Executor>> {
    EXECUTOR.with_borrow(Clone::clone)
}

/// Puts the outer executor back, also after a panic.
struct Restore(Option<Rc<dyn Executor>>);

impl Drop for Restore {
    fn drop(&mut self) {
        EXECUTOR.replace(self.0.take());
    }
}
