//! Matrix products over slices: `c = a·b` or `c += a·b`, [finished](Finish) on the way.
//!
//! f32 goes through a kernel of our own where AVX2 is the widest there is, with the bits of the `gemm` crate, and through
//! that elsewhere, as does f64; operands in a core's caches are multiplied where they lie ([`Multiply::cached`]); bfloat16 has
//! kernels of our own. The threads divide the rows or the columns of the result
//! among them, and in bfloat16 also the packing of an operand: every element is one thread's sum, in the same order whatever their
//! number.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod bf16;
pub mod buffer;
mod direct;
mod divided;
mod finish;
mod lines;
mod matrix;
mod native;
mod numbers;
mod place;
mod precision;

use std::ops::{Add, AddAssign};

pub use bf16::route::{Choice, Route};
use buffer::{uninit, written};
use divided::divided;
pub use finish::Finish;
pub use matrix::Matrix;
pub use numbers::{Numbers, Stored};
pub use place::Place;
pub use precision::Precision;

/// `gemm` has kernels of their own for results of no more elements.
const SMALL_RESULT: usize = 256;

/// A float type whose matrices are multiplied.
pub trait Multiply:
    Copy + Default + PartialOrd + Add<Output = Self> + AddAssign + Send + Sync + 'static
{
    /// 1.
    const ONE: Self;

    /// `c = a·b` or `c += a·b`, finished, by so many threads: one, unless the precision [`shares`](Multiply::shares); `k` is the number
    /// of columns of `a`.
    ///
    /// # Safety
    /// `a` holds (rows, k) elements and `b` (k, columns) for those of the place, which is inside a result and for this call
    /// alone.
    unsafe fn product(
        threads: usize,
        precision: Precision,
        k: usize,
        a: Numbers<Self>,
        b: Numbers<Self>,
        place: Place<Self>,
    );

    /// The same of operands that are in a core's first caches. It may multiply f32 numbers as they are in any precision: where
    /// rounding them takes longer.
    ///
    /// # Safety
    /// As [`Multiply::product`].
    unsafe fn cached(precision: Precision, k: usize, a: Matrix<Self>, b: Matrix<Self>, place: Place<Self>) {
        // SAFETY: the caller's promise.
        unsafe { Self::product(1, precision, k, a.into(), b.into(), place) }
    }

    /// Whether a product in `precision` is not divided into parts, but one for all threads.
    fn shares(_precision: Precision) -> bool {
        false
    }

    /// Whether products in `precision` read operands in bfloat16, and round others to it: so results that only they read are
    /// [`stored`] in it.
    fn rounds(_precision: Precision) -> bool {
        false
    }

    /// Whether products of (m, n, k) in `precision` are f32 products of copies that [`Multiply::copied`] makes for all threads.
    fn copies(_precision: Precision, _dims: (usize, usize, usize)) -> bool {
        false
    }

    /// Calls `f` with the copies of a (m, k) and b (k, n).
    fn copied(
        _dims: (usize, usize, usize),
        a: Matrix<Self>,
        b: Matrix<Self>,
        f: impl FnOnce(Matrix<Self>, Matrix<Self>),
    ) {
        f(a, b);
    }
}

impl Multiply for f32 {
    const ONE: Self = 1.;

    unsafe fn product(
        threads: usize,
        precision: Precision,
        k: usize,
        a: Numbers<f32>,
        b: Numbers<f32>,
        place: Place,
    ) {
        let dims = (place.rows, place.columns, k);
        // SAFETY: the caller's promise, and the processor has the instructions of its way.
        unsafe {
            match precision {
                #[cfg(target_arch = "x86_64")]
                Precision::F32 if packs(dims) && avx2::pays(dims, b.exact()) => {
                    avx2::product::<avx2::Exact>(k, a.exact(), b.exact(), place)
                }
                Precision::F32 => native::product(k, a.exact(), b.exact(), place),
                Precision::Bf16 => bf16::product::<1>(threads, k, a, b, place),
                Precision::Bf16x3 => bf16::product::<2>(threads, k, a, b, place),
            }
        }
    }

    fn shares(precision: Precision) -> bool {
        bf16::shares(precision)
    }

    fn rounds(precision: Precision) -> bool {
        precision == Precision::Bf16 && bf16::shares(precision)
    }

    unsafe fn cached(precision: Precision, k: usize, a: Matrix<f32>, b: Matrix<f32>, place: Place) {
        // SAFETY: the caller's promise.
        unsafe {
            if direct::takes(precision, k, b, &place) {
                direct::product(k, a, b, place);
            } else {
                Self::product(1, precision, k, a.into(), b.into(), place);
            }
        }
    }

    fn copies(precision: Precision, dims: (usize, usize, usize)) -> bool {
        bf16::rounded::shared(precision, dims)
    }

    fn copied(
        dims: (usize, usize, usize),
        a: Matrix<Self>,
        b: Matrix<Self>,
        f: impl FnOnce(Matrix<Self>, Matrix<Self>),
    ) {
        bf16::rounded::copies::with_copies(dims, a, b, f);
    }
}

impl Multiply for f64 {
    const ONE: Self = 1.;

    unsafe fn product(_: usize, _: Precision, k: usize, a: Numbers<f64>, b: Numbers<f64>, place: Place<f64>) {
        // SAFETY: the caller's promise.
        unsafe { native::product(k, a.exact(), b.exact(), place) }
    }
}

/// Whether our own kernel can stand for `gemm` in products of (m, n, k), and is faster where it has to pack.
fn packs(dims: (usize, usize, usize)) -> bool {
    #[cfg(target_arch = "x86_64")]
    return avx2::takes(dims) && avx2::gains();
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// `c = a·b` (or `c += a·b`), a (m, k), b (k, n), c (m, n) row-major with rows `stride` apart, on one thread, in whose caches
/// the operands are: as [`Multiply::cached`].
///
/// # Panics
/// If a slice is shorter than the dimensions say, or the rows of c overlap.
pub fn serial<T: Multiply>(
    precision: Precision,
    dims: (usize, usize, usize),
    a: Matrix<T>,
    b: Matrix<T>,
    c: &mut [T],
    stride: usize,
    add: bool,
) {
    check(dims, a.into(), b.into(), c.len(), stride);
    let (rows, columns, k) = dims;
    let place =
        Place { c: c.as_mut_ptr(), stride, rows, columns, add, finish: Finish::Nothing, rounded: None };
    if rows > 0 && columns > 0 {
        // SAFETY: `check` has compared the dimensions with the slices, and `c` is borrowed for this call.
        unsafe { T::cached(precision, k, a, b, place) }
    }
}

/// `a·b` (m, n) of a (m, k) and b (k, n), finished, in fresh memory, divided among the threads of the pool.
///
/// # Panics
/// If an operand is shorter than the dimensions say, or what the product is finished with has others; or if an operand is in
/// bfloat16, and products in this precision do not [store](stored) such numbers.
pub fn parallel<'a, T: Multiply>(
    precision: Precision,
    dims: (usize, usize, usize),
    a: impl Into<Numbers<'a, T>>,
    b: impl Into<Numbers<'a, T>>,
    finish: Finish<'a, T>,
) -> Vec<T> {
    let mut c = uninit::<T>(dims.0 * dims.1);
    // SAFETY: `c` is ours, and has room for the result.
    unsafe { whole(precision, dims, a.into(), b.into(), finish, c.as_mut_ptr().cast(), None) };
    // SAFETY: the parts make up the result, and a product that does not add writes each element.
    unsafe { written(c) }
}

/// The same as products in this precision read it: in bfloat16 where they would round it, and as it is elsewhere.
///
/// # Panics
/// As [`parallel`].
pub fn stored<'a, T: Multiply>(
    precision: Precision,
    dims: (usize, usize, usize),
    a: impl Into<Numbers<'a, T>>,
    b: impl Into<Numbers<'a, T>>,
    finish: Finish<'a, T>,
) -> Stored<T> {
    if !T::rounds(precision) {
        return Stored::Exact(parallel(precision, dims, a, b, finish));
    }
    // For sums that are not complete: memory that is never touched unless the depth has several blocks.
    let mut sums = uninit::<T>(dims.0 * dims.1);
    let mut c = uninit(dims.0 * dims.1);
    let to = Some(c.as_mut_ptr().cast());
    // SAFETY: `sums` and `c` are ours, and have room for the result.
    unsafe { whole(precision, dims, a.into(), b.into(), finish, sums.as_mut_ptr().cast(), to) };
    // SAFETY: the parts make up the result, and each element is written where it is complete.
    Stored::Bf16(unsafe { written(c) })
}

/// A whole result in rows one after the other.
///
/// # Safety
/// No one else touches its memory, which has room for it.
unsafe fn whole<T: Multiply>(
    precision: Precision,
    dims: (usize, usize, usize),
    a: Numbers<T>,
    b: Numbers<T>,
    finish: Finish<T>,
    c: *mut T,
    rounded: Option<*mut half::bf16>,
) {
    let (rows, columns, k) = dims;
    check(dims, a, b, rows * columns, columns);
    assert!(finish.holds(rows, columns), "what a product is finished with has other dimensions");
    let place = Place { c, stride: columns, rows, columns, add: false, finish, rounded };
    // SAFETY: `check` has compared the dimensions with the slices; the caller's promise of the result.
    unsafe { divided(precision, k, a, b, place) };
}

/// `c += a·b`, a (m, k), b (k, n), c (m, n) row-major, divided among the threads of the pool.
///
/// # Panics
/// If a slice is shorter than the dimensions say, or as [`parallel`] for operands in bfloat16.
pub fn add_parallel<'a, T: Multiply>(
    precision: Precision,
    dims: (usize, usize, usize),
    a: impl Into<Numbers<'a, T>>,
    b: impl Into<Numbers<'a, T>>,
    c: &mut [T],
) {
    let ((rows, columns, k), a, b) = (dims, a.into(), b.into());
    check(dims, a, b, c.len(), columns);
    let place = Place {
        c: c.as_mut_ptr(),
        stride: columns,
        rows,
        columns,
        add: true,
        finish: Finish::Nothing,
        rounded: None,
    };
    // SAFETY: `check` has compared the dimensions with the slices, and `c` is borrowed for this call.
    unsafe { divided(precision, k, a, b, place) }
}

/// Panics unless operands and result, whose rows are `stride` apart, hold as many elements as the dimensions say.
fn check<T>((m, n, k): (usize, usize, usize), a: Numbers<T>, b: Numbers<T>, len: usize, stride: usize) {
    assert!(a.holds(m, k) && b.holds(k, n), "the operands of a product are shorter than its dimensions");
    assert!(n <= stride || m <= 1, "the rows of a product overlap");
    assert!(m == 0 || n == 0 || (m - 1) * stride + n <= len, "the result of a product is too short");
}

/// The product of one thread, unless there is nothing to write.
///
/// # Safety
/// As [`Multiply::product`].
unsafe fn part<T: Multiply>(precision: Precision, k: usize, a: Numbers<T>, b: Numbers<T>, place: Place<T>) {
    if place.rows > 0 && place.columns > 0 {
        // SAFETY: the caller's promise.
        unsafe { T::product(1, precision, k, a, b, place) }
    }
}

#[cfg(test)]
mod tests;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
