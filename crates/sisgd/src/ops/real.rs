//! The element types of parameters.

use candle_core::CpuStorage;
use sibert_products::Multiply;
use std::ops::{Add, Div, Mul};

/// f32 or f64.
pub(super) trait Real:
    Multiply + Default + Add<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// The value, exactly.
    fn widen(self) -> f64;
    /// The nearest value.
    fn narrow(value: f64) -> Self;
    /// The square root.
    fn sqrt(self) -> Self;
    /// The elements of a storage of this type.
    fn slice(storage: &CpuStorage) -> Option<&[Self]>;
    /// The elements of a storage of this type.
    fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [Self]>;
}

macro_rules! real {
    ($type:ty, $variant:ident) => {
        impl Real for $type {
            #[inline(always)]
            fn widen(self) -> f64 {
                self.into()
            }
            #[inline(always)]
            fn narrow(value: f64) -> Self {
                value as Self
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                self.sqrt()
            }
            fn slice(storage: &CpuStorage) -> Option<&[Self]> {
                if let CpuStorage::$variant(values) = storage { Some(values) } else { None }
            }
            fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [Self]> {
                if let CpuStorage::$variant(values) = storage { Some(values) } else { None }
            }
        }
    };
}
real!(f32, F32);
real!(f64, F64);

/// Evaluates `$body` with the type `$T` of the elements of `$tensor`, which the optimizers have checked to be one of two.
macro_rules! by_real {
    ($tensor:expr, $T:ident => $body:expr) => {
        match $tensor.dtype() {
            candle_core::DType::F64 => {
                type $T = f64;
                $body
            }
            _ => {
                type $T = f32;
                $body
            }
        }
    };
}
pub(super) use by_real;
