//! The arguments of a kernel.

use std::marker::PhantomData;

use candle_core::{DType, Result, Tensor};

use crate::memory;

/// One argument, as the kernel sees it; a tensor's lives no longer than the tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arg<'a> {
    /// The first element of a contiguous tensor.
    Pointer(u64, DType, PhantomData<&'a Tensor>),
    /// `unsigned int`
    U32(u32),
    /// `unsigned long long`
    U64(u64),
    /// `float`
    F32(f32),
    /// `double`
    F64(f64),
}

impl Arg<'_> {
    /// The type that the kernel must have declared: `u`, `U`, `f`, `d`, or `*` and the type pointed to, `b` being bf16.
    pub fn signature(&self) -> &'static str {
        match self {
            Self::U32(_) => "u",
            Self::U64(_) => "U",
            Self::F32(_) => "f",
            Self::F64(_) => "d",
            Self::Pointer(_, DType::U32, _) => "*u",
            Self::Pointer(_, DType::F32, _) => "*f",
            Self::Pointer(_, DType::F64, _) => "*d",
            Self::Pointer(_, DType::BF16, _) => "*b",
            Self::Pointer(_, DType::I64, _) => "*I",
            Self::Pointer(_, DType::U8, _) => "*c",
            Self::Pointer(..) => "*?",
        }
    }

    /// Where the value lies: the address that a launch wants.
    pub fn as_ptr(&self) -> *const std::ffi::c_void {
        match self {
            Self::Pointer(value, _, _) | Self::U64(value) => std::ptr::from_ref(value).cast(),
            Self::U32(value) => std::ptr::from_ref(value).cast(),
            Self::F32(value) => std::ptr::from_ref(value).cast(),
            Self::F64(value) => std::ptr::from_ref(value).cast(),
        }
    }
}

/// A reference to what can be an argument.
pub trait IntoArg<'a> {
    /// The argument: that of a tensor borrows the tensor, a number is copied.
    ///
    /// # Errors
    /// If it is a tensor with gaps, or on a device without kernels, or a number that is too large.
    fn arg(self) -> Result<Arg<'a>>;
}

impl<'a> IntoArg<'a> for &'a Tensor {
    fn arg(self) -> Result<Arg<'a>> {
        Ok(Arg::Pointer(memory::address(self)?, self.dtype(), PhantomData))
    }
}

impl<'a> IntoArg<'a> for &&'a Tensor {
    fn arg(self) -> Result<Arg<'a>> {
        (*self).arg()
    }
}

impl<'a> IntoArg<'a> for &&&'a Tensor {
    fn arg(self) -> Result<Arg<'a>> {
        (**self).arg()
    }
}

impl<'a> IntoArg<'a> for &Arg<'a> {
    fn arg(self) -> Result<Arg<'a>> {
        Ok(*self)
    }
}

macro_rules! plain {
    ($($type:ty => $variant:ident),*) => {$(
        impl IntoArg<'static> for &$type {
            fn arg(self) -> Result<Arg<'static>> {
                Ok(Arg::$variant(*self))
            }
        }
    )*};
}
plain!(u32 => U32, u64 => U64, f32 => F32, f64 => F64);

impl IntoArg<'static> for &usize {
    /// An `unsigned int`.
    fn arg(self) -> Result<Arg<'static>> {
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
