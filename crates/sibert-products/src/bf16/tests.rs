#![allow(clippy::unwrap_used)]

use half::bf16;

use super::super::{Finish, Matrix, Place, native};
use super::amx::PRODUCTS;
use super::round::{flush, parts, round};
use super::{amx, rounded};

mod together;

/// A product of f32 operands in some way, so deep.
type Product = unsafe fn(usize, Matrix<f32>, Matrix<f32>, Place);

/// The place of a whole result.
pub fn place(
    (rows, columns, _): (usize, usize, usize),
    c: *mut f32,
    stride: usize,
    add: bool,
) -> Place<'static> {
    Place { c, stride, rows, columns, add, finish: Finish::Nothing, rounded: None }
}

/// All ways to a product of operands in `P` parts that this processor has: rounded, emulated tiles, those of its own.
fn ways<const P: usize>() -> Vec<(&'static str, Product)> {
    let mut ways: Vec<(&str, Product)> = vec![
        ("this processor's", here::<P>),
        ("rounded", rounded::product::<P>),
        ("rounded copies", copied::<P>),
        ("emulated tiles", emulated_tiles::<P>),
    ];
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if amx::tiles_supported() {
        ways.push(("tiles", tiles::<P>));
    }
    #[cfg(target_arch = "x86_64")]
    if super::vectors::supported() {
        ways.push(("vectors", vectors::<P>));
    }
    ways
}

unsafe fn here<const P: usize>(k: usize, a: Matrix<f32>, b: Matrix<f32>, place: Place) {
    // SAFETY: the caller's promise.
    unsafe { super::product::<P>(1, k, a.into(), b.into(), place) }
}

/// By rounded copies alone.
unsafe fn copied<const P: usize>(k: usize, a: Matrix<f32>, b: Matrix<f32>, place: Place) {
    let one = rounded::copies::product;
    // SAFETY: the caller's promise.
    unsafe { if P == 1 { one(k, a, b, place) } else { rounded::thrice(k, a, b, place, one) } }
}

#[cfg(target_arch = "x86_64")]
unsafe fn vectors<const P: usize>(k: usize, a: Matrix<f32>, b: Matrix<f32>, place: Place) {
    // SAFETY: the caller's promise; only a processor with the vectors has this way.
    unsafe { super::vectors::product::<P>(1, k, a.into(), b.into(), place) }
}

pub unsafe fn emulated_tiles<const P: usize>(k: usize, a: Matrix<f32>, b: Matrix<f32>, place: Place) {
    // SAFETY: the caller's promise.
    unsafe { amx::product::<P, _>(1, || amx::Emulated, k, a.into(), b.into(), place) }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub unsafe fn tiles<const P: usize>(k: usize, a: Matrix<f32>, b: Matrix<f32>, place: Place) {
    // SAFETY: the caller's promise; only a processor with tiles has this way.
    unsafe { amx::product::<P, _>(1, || amx::Tiles::configured(), k, a.into(), b.into(), place) }
}

/// Reproducible bits.
pub fn word(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
    let x = (*state ^ *state >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ x >> 32
}

pub fn numbers(len: usize, state: &mut u64) -> Vec<f32> {
    (0..len).map(|_| (word(state) >> 40) as f32 / (1 << 23) as f32 - 1.).collect()
}

/// A (rows, columns) view: row-major, transposed, or both with gaps; the slice ends with the last element.
pub fn view(data: &[f32], (rows, columns): (usize, usize), layout: u64) -> Matrix<'_, f32> {
    let (row, column) = match layout {
        0 => (columns, 1),
        1 => (1, rows),
        2 => (columns + 3, 1),
        3 => (1, rows + 5),
        _ => (2 * columns + 1, 2),
    };
    let len = (rows.max(1) - 1) * row + (columns.max(1) - 1) * column + 1;
    Matrix { data: &data[..len], row, column }
}

/// Every element of `c` against a sum in f64, of the rounded operands in one part and of the exact ones in two; what is
/// between the rows of `c` stays.
fn check<const P: usize>(
    (name, way): (&str, Product),
    (m, n, k): (usize, usize, usize),
    layouts: [u64; 2],
    accumulate: bool,
    gap: usize,
    state: &mut u64,
) {
    let spare = |rows: usize, columns: usize| 2 * (rows + 5) * (columns + 5);
    let (a, b) = (numbers(spare(m, k), state), numbers(spare(k, n), state));
    let (a, b) = (view(&a, (m, k), layouts[0]), view(&b, (k, n), layouts[1]));
    let stride = n + gap;
    let before = numbers(m * stride, state);
    let mut c = before.clone();
    // SAFETY: the views and `c` have these dimensions.
    unsafe { way(k, a, b, place((m, n, k), c.as_mut_ptr(), stride, accumulate)) };
    let (number, tolerance) =
        if P == 1 { (round as fn(f32) -> f32, 2e-6) } else { (std::convert::identity as _, 1e-5) };
    for i in 0..m {
        for j in 0..stride {
            let (old, new) = (before[i * stride + j], c[i * stride + j]);
            if j >= n {
                assert_eq!(old, new, "{name} ({m}, {n}, {k}) {layouts:?}: wrote beside row {i}");
                continue;
            }
            let terms = (0..k).map(|p| {
                let (a, b) = (a.data[i * a.row + p * a.column], b.data[p * b.row + j * b.column]);
                f64::from(number(a)) * f64::from(number(b))
            });
            let (sum, size) = terms.fold((0., 1.), |(sum, size), x: f64| (sum + x, size + x.abs()));
            let expected = sum + if accumulate { f64::from(old) } else { 0. };
            let error = (f64::from(new) - expected).abs();
            assert!(
                error < tolerance * size,
                "{name} ({m}, {n}, {k}) {layouts:?}: {new} at ({i}, {j}), expected {expected}"
            );
        }
    }
}

fn check_odd_shapes<const P: usize>() {
    let state = &mut 1;
    for way in ways::<P>() {
        for round in 0..200 {
            let mut size = || 1 + word(state) as usize % 70;
            let dims = (size(), size(), size());
            let layouts = [round % 5, round / 5 % 5];
            check::<P>(way, dims, layouts, round % 2 == 0, (round % 3 * 4) as usize, state);
        }
    }
}

fn check_several_blocks<const P: usize>() {
    let shapes =
        [(250, 33, 1027), (5, 1100, 513), (500, 20, 70), (1, 1, 3000), (13, 2, 0), (0, 3, 5), (3, 0, 5)];
    for way in ways::<P>() {
        for (i, dims) in shapes.into_iter().enumerate() {
            for layout in 0..4 {
                check::<P>(way, dims, [layout % 2, layout / 2], i % 2 == 0, 1, &mut 7);
            }
        }
    }
}

#[test]
fn odd_shapes_match_sums_in_f64() {
    check_odd_shapes::<1>();
    check_odd_shapes::<2>();
}

#[test]
fn several_blocks_match_sums_in_f64() {
    check_several_blocks::<1>();
    check_several_blocks::<2>();
}

/// A bias, a bias with a rectifier, and another matrix; edges in every direction, several blocks of the depth, and no depth.
#[test]
fn what_is_finished_in_registers_has_the_bits_of_what_is_finished_afterwards() {
    for (name, way) in [ways::<1>(), ways::<2>()].concat() {
        for (round, dims) in
            [(70, 75, 40), (251, 33, 1027), (5, 1101, 513), (3, 18, 0)].into_iter().enumerate()
        {
            let (m, n, k) = dims;
            let state = &mut 23;
            let (a, b) = (numbers(m * k + 1, state), numbers(k * n + 1, state));
            let (a, b) = (Matrix::rows(&a, k), Matrix::rows(&b, n));
            let (old, bias, other) = (numbers(m * n, state), numbers(n, state), numbers(m * (n + 3), state));
            let other_rounded = rounded_numbers(&other);
            for finish in [
                Finish::Bias(&bias),
                Finish::BiasRelu(&bias),
                Finish::Plus(Matrix::rows(&other, n + 3)),
                Finish::Where(Matrix::rows(&other_rounded, n + 3)),
            ] {
                let [mut inside, mut afterwards] = [0, 1].map(|_| old.clone());
                let add = round % 2 == 0;
                // SAFETY: the matrices, the results and what they are finished with have these dimensions.
                unsafe {
                    way(k, a, b, Place { finish, ..place(dims, inside.as_mut_ptr(), n, add) });
                    let afterwards = place(dims, afterwards.as_mut_ptr(), n, add);
                    way(k, a, b, afterwards);
                    Place { finish, ..afterwards }.finish();
                }
                assert!(bits(&inside) == bits(&afterwards), "{name} {dims:?}");
            }
        }
    }
}

#[test]
fn parts_have_the_bits_of_the_whole() {
    let (m, n, k) = (131, 75, 1200);
    let (a, b) = (numbers(m * k, &mut 3), numbers(n * k, &mut 4));
    let (a, b) = (Matrix::rows(&a, k), Matrix::rows(&b, n));
    for (name, way) in [ways::<1>(), ways::<2>()].concat() {
        let [mut whole, mut rows, mut columns] = [0, 1, 2].map(|_| vec![0f32; m * n]);
        // SAFETY: parts inside the matrices.
        unsafe {
            way(k, a, b, place((m, n, k), whole.as_mut_ptr(), n, false));
            for (start, end) in [(0, 64), (64, 101), (101, m)] {
                let a = Matrix::rows(&a.data[start * k..], k);
                way(k, a, b, place((end - start, n, k), rows[start * n..].as_mut_ptr(), n, false));
            }
            for (start, end) in [(0, 16), (16, 64), (64, n)] {
                let b = Matrix { data: &b.data[start..], ..b };
                way(k, a, b, place((m, end - start, k), columns[start..].as_mut_ptr(), n, false));
            }
        }
        assert!(whole == rows, "{name}, split by rows");
        assert!(whole == columns, "{name}, split by columns");
    }
}

/// `x` in bfloat16, with subnormal numbers as they are.
fn rounded_numbers(x: &[f32]) -> Vec<bf16> {
    x.iter().map(|&x| bf16::from_f32(x)).collect()
}

/// Element (i, j) as the definition of `tdpbf16ps` has it, one number after the other.
fn by_definition<const P: usize>(
    a: Matrix<f32>,
    b: Matrix<f32>,
    k: usize,
    [i, j]: [usize; 2],
    old: f32,
) -> f32 {
    let element = |p: usize| {
        let inside = p < k;
        let a = if inside { a.data[i * a.row + p * a.column] } else { 0. };
        let b = if inside { b.data[p * b.row + j * b.column] } else { 0. };
        (parts::<P>(a), parts::<P>(b))
    };
    let mut sum = old;
    for step in (0..k).step_by(32) {
        for &[l, r] in PRODUCTS[P - 1] {
            let chain = |first: usize| {
                (0..16)
                    .map(|pair| element(step + 2 * pair + first))
                    .fold(0f32, |sum, (a, b)| flush(a[l].mul_add(b[r], sum)))
            };
            sum = flush(flush(sum) + flush(chain(0) + chain(1)));
        }
    }
    sum
}

/// Numbers of every size, with zeros, subnormal numbers and numbers near them.
pub fn wild(len: usize, state: &mut u64) -> Vec<f32> {
    let number = |word: u64| match word % 8 {
        0 => 0.,
        1 => f32::from_bits((word >> 32) as u32 & 0x80ff_ffff),
        2 => f32::from_bits((word >> 32) as u32 & 0xbfff_ffff), // below 2
        _ => (word >> 40) as f32 / (1 << 23) as f32 - 1.,
    };
    (0..len).map(|_| number(word(state))).collect()
}

/// Calls `f` with [`wild`] operands of every layout and an old result.
pub fn wild_products(f: impl FnMut((usize, usize, usize), Matrix<f32>, Matrix<f32>, &[f32], bool)) {
    products_of(wild, f);
}

/// Calls `f` with operands of such numbers in every layout and an old result.
pub fn products_of(
    numbers: fn(usize, &mut u64) -> Vec<f32>,
    mut f: impl FnMut((usize, usize, usize), Matrix<f32>, Matrix<f32>, &[f32], bool),
) {
    let state = &mut 11;
    for round in 0..100 {
        let mut size = |most: u64| 1 + (word(state) % most) as usize;
        let (m, n, k) =
            if round % 10 == 0 { (size(300), size(300), size(700)) } else { (size(70), size(70), size(99)) };
        let spare = |rows: usize, columns: usize| 2 * (rows + 5) * (columns + 5);
        let (a, b) = (numbers(spare(m, k), state), numbers(spare(k, n), state));
        let (a, b) = (view(&a, (m, k), round % 5), view(&b, (k, n), round / 5 % 5));
        f((m, n, k), a, b, &numbers(m * n, state), round % 2 == 0);
    }
}

pub fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

fn check_emulator<const P: usize>() {
    wild_products(|(m, n, k), a, b, old, add| {
        let mut c = old.to_vec();
        // SAFETY: the views and `c` have these dimensions.
        unsafe { emulated_tiles::<P>(k, a, b, place((m, n, k), c.as_mut_ptr(), n, add)) };
        for (at, (c, &old)) in c.iter().zip(old).enumerate().step_by(7) {
            let expected = by_definition::<P>(a, b, k, [at / n, at % n], if add { old } else { 0. });
            assert_eq!(c.to_bits(), expected.to_bits(), "({m}, {n}, {k}) at {at}: {c}, expected {expected}");
        }
    });
}

#[test]
fn emulated_tiles_have_the_bits_of_the_definition() {
    check_emulator::<1>();
    check_emulator::<2>();
}

/// The largest error of a product in `P` parts, or in f32 without any, against f64, over the mean size of the terms.
fn error(way: Product, k: usize) -> f64 {
    let (m, n) = (48, 48);
    let (a, b) = (numbers(m * k, &mut 5), numbers(k * n, &mut 6));
    let (a, b) = (Matrix::rows(&a, k), Matrix::rows(&b, n));
    let mut c = vec![0f32; m * n];
    // SAFETY: the matrices and `c` have these dimensions.
    unsafe { way(k, a, b, place((m, n, k), c.as_mut_ptr(), n, false)) };
    let exact = |i: usize, j: usize| -> [f64; 2] {
        let terms = (0..k).map(|p| f64::from(a.data[i * k + p]) * f64::from(b.data[p * n + j]));
        terms.fold([0., 0.], |[sum, squares], x| [sum + x, squares + x * x])
    };
    let errors = c.iter().enumerate().map(|(at, &c)| {
        let [sum, squares] = exact(at / n, at % n);
        (f64::from(c) - sum).abs() / squares.sqrt()
    });
    errors.fold(0., f64::max)
}

/// The figures of docs/performance.md; `cargo test errors_of_products -- --nocapture` prints them.
#[test]
fn errors_of_products_are_as_documented() {
    for k in [64, 256, 1024] {
        let exact = error(native::product::<f32>, k);
        println!("depth {k}: f32 {exact:.1e}");
        assert!(exact < 5e-6, "{exact}");
        for ((name, one), (_, three)) in ways::<1>().into_iter().zip(ways::<2>()) {
            let [one, three] = [one, three].map(|way| error(way, k));
            println!("depth {k}, {name}: bf16 {one:.1e}, bf16x3 {three:.1e}");
            assert!(
                (1e-3..2e-2).contains(&one) && three < 2e-5 && three > exact,
                "{name} {k}: {one} {three}"
            );
        }
    }
}

#[test]
fn rounds_to_nearest_even() {
    let bits = |x: u32| round(f32::from_bits(x)).to_bits();
    assert_eq!(bits(0x3f80_8000), 0x3f80_0000);
    assert_eq!(bits(0x3f81_8000), 0x3f82_0000);
    assert_eq!(bits(0x3f80_8001), 0x3f81_0000);
    assert_eq!(bits(0x7f7f_ffff), f32::INFINITY.to_bits());
    assert_eq!(round(f32::NEG_INFINITY), f32::NEG_INFINITY);
    assert!(round(f32::from_bits(0x7f80_0001)).is_nan() && round(f32::from_bits(0xffff_ffff)).is_nan());
}

/// NaN and infinity arrive in the result, and only in its own row or column.
#[test]
fn nan_and_infinity_survive() {
    let (m, n, k) = (17, 40, 35);
    for (name, way) in ways::<1>() {
        for layout in 0..4 {
            for (value, is) in [(f32::NAN, f32::is_nan as fn(f32) -> bool), (f32::INFINITY, f32::is_infinite)]
            {
                let (mut left, right) = (vec![1f32; m * k], vec![1f32; n * k]);
                let mut c = vec![0f32; m * n];
                let (row, column) = if layout % 2 == 0 { (k, 1) } else { (1, m) };
                left[3 * row + 34 * column] = value;
                let (a, b) = (Matrix { data: &left, row, column }, view(&right, (k, n), layout / 2));
                // SAFETY: the views and `c` have these dimensions.
                unsafe { way(k, a, b, place((m, n, k), c.as_mut_ptr(), n, false)) };
                for (i, &c) in c.iter().enumerate() {
                    assert!(if i / n == 3 { is(c) } else { c == k as f32 }, "{name}: {c} in row {}", i / n);
                }
            }
        }
    }
}
