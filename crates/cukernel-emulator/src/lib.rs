//! Kernels of CUDA C on the CPU.
//!
//! A C++ compiler turns the text of a [`Module`] into a library; a kernel's threads are fibers, which change at every
//! barrier and every exchange between the lanes of a warp. What is checked beside the numbers:
//!
//! - the arguments of a launch, in number and type;
//! - barriers that not all threads of a block, or exchanges that not all lanes of a warp, reach;
//! - shared memory that is read before it is written (it is full of NaN), or before an asynchronous copy to it was waited for;
//! - missing barriers, in part: the threads of every second launch run in the opposite order.
//!
//! Not seen are the GPU's own arithmetic (rounding of `expf` and its like, the order inside a tensor core's sums), its
//! limits on registers and shared memory, and its speed.

mod compile;
mod product;

use std::collections::HashMap;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};

use candle_core::{Result, Tensor, bail};
use cukernel::{Arg, Columns, Executor, Grid, Module};
use libloading::Library;

/// Calls `f` while kernels run on tensors of the CPU, on this thread.
pub fn emulate<R>(f: impl FnOnce() -> R) -> R {
    cukernel::with_executor(Rc::new(Emulator), f)
}

struct Emulator;

type Find = unsafe extern "C" fn(*const c_char) -> c_int;
type Signature = unsafe extern "C" fn(c_int) -> *const c_char;
type Run =
    unsafe extern "C" fn(c_int, *const c_uint, c_uint, c_uint, *const *const c_void, c_int) -> *const c_char;

/// Compiled modules by their key, and how many launches there were: one at a time, as the fibers are global.
static STATE: Mutex<Option<State>> = Mutex::new(None);

#[derive(Default)]
struct State {
    libraries: HashMap<String, Library>,
    launches: usize,
}

impl Executor for Emulator {
    unsafe fn launch(&self, module: &Module, kernel: &str, grid: Grid, args: &[Arg]) -> Result<()> {
        let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
        let State { libraries, launches } = state.get_or_insert_default();
        let key = module.key();
        if !libraries.contains_key(&key) {
            libraries.insert(key.clone(), compile::library(module)?);
        }
        let library = &libraries[&key];
        *launches += 1;
        // SAFETY: the symbols are the emulator's own; the caller promises the arguments, whose types are compared.
        unsafe {
            let find: Find = *library.get(b"emulator_find").map_err(candle_core::Error::wrap)?;
            let signature: Signature =
                *library.get(b"emulator_signature").map_err(candle_core::Error::wrap)?;
            let run: Run = *library.get(b"emulator_run").map_err(candle_core::Error::wrap)?;
            let name = std::ffi::CString::new(kernel).map_err(candle_core::Error::wrap)?;
            let index = find(name.as_ptr());
            if index < 0 {
                bail!("{}.cu has no kernel `{kernel}`", module.name());
            }
            let expected = CStr::from_ptr(signature(index)).to_string_lossy().into_owned();
            let found: String = args.iter().map(Arg::signature).collect();
            if expected != found {
                bail!("{kernel}: the kernel's arguments are `{expected}`, the launch's `{found}`");
            }
            let pointers: Vec<*const c_void> = args.iter().map(Arg::as_ptr).collect();
            let reverse = c_int::from(*launches % 2 == 0);
            let fault =
                run(index, grid.blocks.as_ptr(), grid.threads, grid.shared, pointers.as_ptr(), reverse);
            if !fault.is_null() {
                bail!("{kernel}: {}", CStr::from_ptr(fault).to_string_lossy());
            }
        }
        Ok(())
    }

    fn gemm(&self, problem: Columns, a: &Tensor, b: &Tensor, c: &Tensor, accumulate: bool) -> Result<()> {
        product::gemm(problem, a, b, c, accumulate)
    }
}

#[cfg(test)]
mod tests;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
