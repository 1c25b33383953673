//! The float types that the kernels are written for.

use candle_core::{CpuStorage, Result, WithDType, bail};
use half::bf16;
use sibert_products::Multiply;

use super::vector_math;

/// `f32` or `f64`.
pub trait Real: WithDType + Multiply + std::ops::Neg<Output = Self> {
    /// The nearest number of this type.
    fn narrow(x: f64) -> Self;
    /// The same number as this type.
    fn of_bf16(x: bf16) -> Self;
    /// The same number as `f64`.
    fn wide(self) -> f64;
    /// All numbers of a storage of this type, to be changed.
    ///
    /// # Errors
    /// If they are of another.
    fn slice_mut(storage: &mut CpuStorage) -> Result<&mut [Self]>;
    /// The larger of two numbers.
    #[inline(always)]
    fn larger(self, other: Self) -> Self {
        if other > self { other } else { self }
    }
    /// `eˣ`.
    fn exp(self) -> Self;
    /// The error function, and `exp(−x²)`.
    fn erf_and_bell(self) -> (Self, Self);
}

impl Real for f32 {
    #[inline(always)]
    fn narrow(x: f64) -> Self {
        x as f32
    }
    #[inline(always)]
    fn of_bf16(x: bf16) -> Self {
        f32::from_bits(u32::from(x.to_bits()) << 16)
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }
    fn slice_mut(storage: &mut CpuStorage) -> Result<&mut [Self]> {
        let CpuStorage::F32(values) = storage else { bail!("expected numbers of f32") };
        Ok(values)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        vector_math::exp(self)
    }
    #[inline(always)]
    fn erf_and_bell(self) -> (Self, Self) {
        vector_math::erf_and_bell(self)
    }
}

impl Real for f64 {
    #[inline(always)]
    fn narrow(x: f64) -> Self {
        x
    }
    #[inline(always)]
    fn of_bf16(x: bf16) -> Self {
        f64::from(f32::of_bf16(x))
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
    fn slice_mut(storage: &mut CpuStorage) -> Result<&mut [Self]> {
        let CpuStorage::F64(values) = storage else { bail!("expected numbers of f64") };
        Ok(values)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        f64::exp(self)
    }
    #[inline(always)]
    fn erf_and_bell(self) -> (Self, Self) {
        (libm::erf(self), f64::exp(-self * self))
    }
}
