#![allow(clippy::unwrap_used)]

use super::super::Matrix;
use super::emulated::round;

type Product = unsafe fn((usize, usize, usize), Matrix<f32>, Matrix<f32>, *mut f32, usize, bool);

/// Both ways to the same product; the first is the second where the processor has no bfloat16.
const WAYS: [Product; 2] = [super::product, super::emulated::product];

/// Reproducible bits.
fn word(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
    let x = (*state ^ *state >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ x >> 32
}

fn numbers(len: usize, state: &mut u64) -> Vec<f32> {
    (0..len).map(|_| (word(state) >> 40) as f32 / (1 << 23) as f32 - 1.).collect()
}

/// A (rows, columns) view: row-major, transposed, or both with gaps; the slice ends with the last element.
fn view(data: &[f32], (rows, columns): (usize, usize), layout: u64) -> Matrix<'_, f32> {
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

/// Every element of `c` against a sum in f64 of the rounded operands; what is between the rows of `c` stays.
fn check(
    way: Product,
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
    unsafe { way((m, n, k), a, b, c.as_mut_ptr(), stride, accumulate) };
    for i in 0..m {
        for j in 0..stride {
            let (old, new) = (before[i * stride + j], c[i * stride + j]);
            if j >= n {
                assert_eq!(old, new, "({m}, {n}, {k}) {layouts:?}: wrote beside row {i}");
                continue;
            }
            let terms = (0..k).map(|p| {
                let (a, b) = (a.data[i * a.row + p * a.column], b.data[p * b.row + j * b.column]);
                f64::from(round(a)) * f64::from(round(b))
            });
            let (sum, size) = terms.fold((0., 1.), |(sum, size), x: f64| (sum + x, size + x.abs()));
            let expected = sum + if accumulate { f64::from(old) } else { 0. };
            let error = (f64::from(new) - expected).abs();
            assert!(
                error < 2e-6 * size,
                "({m}, {n}, {k}) {layouts:?}: {new} at ({i}, {j}), expected {expected}"
            );
        }
    }
}

#[test]
fn odd_shapes_match_sums_in_f64() {
    let state = &mut 1;
    for way in WAYS {
        for round in 0..200 {
            let mut size = || 1 + word(state) as usize % 70;
            let dims = (size(), size(), size());
            check(way, dims, [round % 5, round / 5 % 5], round % 2 == 0, (round % 3 * 4) as usize, state);
        }
    }
}

#[test]
fn several_blocks_match_sums_in_f64() {
    for way in WAYS {
        for (i, dims) in
            [(250, 33, 1027), (5, 1100, 513), (500, 20, 70), (1, 1, 3000), (13, 2, 0)].into_iter().enumerate()
        {
            for layout in 0..4 {
                check(way, dims, [layout % 2, layout / 2], i % 2 == 0, 1, &mut 7);
            }
        }
    }
}

#[test]
fn parts_have_the_bits_of_the_whole() {
    let (m, n, k) = (131, 75, 1200);
    let (a, b) = (numbers(m * k, &mut 3), numbers(n * k, &mut 4));
    let (a, b) = (Matrix::rows(&a, k), Matrix::rows(&b, n));
    for way in WAYS {
        let [mut whole, mut rows, mut columns] = [0, 1, 2].map(|_| vec![0f32; m * n]);
        // SAFETY: parts inside the matrices.
        unsafe {
            way((m, n, k), a, b, whole.as_mut_ptr(), n, false);
            for (start, end) in [(0, 64), (64, 101), (101, m)] {
                let a = Matrix::rows(&a.data[start * k..], k);
                way((end - start, n, k), a, b, rows[start * n..].as_mut_ptr(), n, false);
            }
            for (start, end) in [(0, 16), (16, 64), (64, n)] {
                let b = Matrix { data: &b.data[start..], ..b };
                way((m, end - start, k), a, b, columns[start..].as_mut_ptr(), n, false);
            }
        }
        assert!(whole == rows, "split by rows");
        assert!(whole == columns, "split by columns");
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
    for way in WAYS {
        for layout in 0..4 {
            for (value, is) in [(f32::NAN, f32::is_nan as fn(f32) -> bool), (f32::INFINITY, f32::is_infinite)]
            {
                let (mut left, right) = (vec![1f32; m * k], vec![1f32; n * k]);
                let mut c = vec![0f32; m * n];
                let (row, column) = if layout % 2 == 0 { (k, 1) } else { (1, m) };
                left[3 * row + 34 * column] = value;
                let (a, b) = (Matrix { data: &left, row, column }, view(&right, (k, n), layout / 2));
                // SAFETY: the views and `c` have these dimensions.
                unsafe { way((m, n, k), a, b, c.as_mut_ptr(), n, false) };
                for (i, &c) in c.iter().enumerate() {
                    assert!(if i / n == 3 { is(c) } else { c == k as f32 }, "{c} in row {}", i / n);
                }
            }
        }
    }
}
