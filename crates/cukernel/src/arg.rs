//! The arguments of a kernel.

use candle_core::{DType, Result, Tensor};

use crate::memory;

/// One argument, as the kernel sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arg {
    /// The first element of a contiguous tensor.
    Pointer(u64, DType),
    /// `unsigned int`
    U32(u32),
    /// `unsigned long long`
    U64(u64),
    /// `float`
    F32(f32),
    /// `double`
    F64(f64),
}

impl Arg {
    /// What the kernel must have declared: `u`, `U`, `f`, `d`, or `*` and the type pointed to, `b` being bf16.
    pub fn signature(&self) -> &'static str {
        match self {
            Self::U32(_) => "u",
            Self::U64(_) => "U",
            Self::F32(_) => "f",
            Self::F64(_) => "d",
            Self::Pointer(_, DType::U32) => "*u",
            Self::Pointer(_, DType::F32) => "*f",
            Self::Pointer(_, DType::F64) => "*d",
            Self::Pointer(_, DType::BF16) => "*b",
            Self::Pointer(_, DType::I64) => "*I",
            Self::Pointer(_, DType::U8) => "*c",
            Self::Pointer(..) => "*?",
        }
    }

    /// Where the value lies: the address that a launch wants.
    pub fn as_ptr(&self) -> *const std::ffi::c_void {
        match self {
            Self::Pointer(value, _) | Self::U64(value) => std::ptr::from_ref(value).cast(),
            Self::U32(value) => std::ptr::from_ref(value).cast(),
            Self::F32(value) => std::ptr::from_ref(value).cast(),
            Self::F64(value) => std::ptr::from_ref(value).cast(),
        }
    }
}

/// What can be an argument.
pub trait IntoArg {
    /// The argument.
    ///
    /// # Errors
    /// If it is a tensor with gaps, or on a device without kernels.
    fn arg(&self) -> Result<Arg>;
}

impl IntoArg for Tensor {
    fn arg(&self) -> Result<Arg> {
        Ok(Arg::Pointer(memory::address(self)?, self.dtype()))
    }
}

impl IntoArg for Arg {
    fn arg(&self) -> Result<Arg> {
        Ok(*self)
    }
}

impl<T: IntoArg> IntoArg for &T {
    fn arg(&self) -> Result<Arg> {
        (**self).arg()
    }
}

macro_rules! plain {
    ($($type:ty => $variant:ident),*) => {$(
        impl IntoArg for $type {
            fn arg(&self) -> Result<Arg> {
                Ok(Arg::$variant(*self))
            }
        }
    )*};
}
plain!(u32 => U32, u64 => U64, f32 => F32, f64 => F64);

impl IntoArg for usize {
    /// An `unsigned int`.
    fn arg(&self) -> Result<Arg> {
        match u32::try_from(*self) {
            Ok(value) => Ok(Arg::U32(value)),
            Err(_) => candle_core::bail!("{self} is too large for a kernel, which counts to {}", u32::MAX),
        }
    }
}

/// The arguments of a launch, in the order of the kernel's: tensors, `usize` and `u32` for `unsigned int`, `u64`, floats.
#[macro_export]
macro_rules! args {
    ($($arg:expr),* $(,)?) => {
        [$($crate::IntoArg::arg(&$arg)?),*]
    };
}
