#![allow(clippy::unwrap_used)]

use candle_core::Device;

use super::*;
use crate::ops::test_support::*;
use crate::tape::no_grad;

fn ids(len: u32, table: u32) -> Tensor {
    let ids = (0..len).map(|i| i.wrapping_mul(2_654_435_761) % table);
    Tensor::from_iter(ids, &Device::Cpu).unwrap().reshape((2, len as usize / 2)).unwrap()
}

#[test]
fn rows_match_composed() {
    for inputs in [[sample(&[9, 5], 1), ids(20, 9)], [sample(&[2, 5], 1), ids(200, 2)]] {
        let apply = |table: &[Tensor]| rows(&table[0], &inputs[1]);
        let composed = |table: &[Tensor]| composed::rows([&table[0]], inputs[1].clone());
        assert_matches(apply, composed, &inputs[..1]);
    }
}

#[test]
fn rows_follow_strided_ids() {
    no_grad(|| {
        let (table, ids) = (sample(&[9, 5], 1), ids(20, 9).t().unwrap());
        assert_close(&rows(&table, &ids).unwrap(), &composed::rows([&table], ids.clone()).unwrap(), 0.);
    });
}

#[test]
fn rows_gradient_matches_finite_differences() {
    assert_gradients(|table| rows(&table[0], &ids(8, 5)), &[sample(&[5, 3], 1)]);
}

#[test]
fn rows_have_degree_one() {
    assert_homogeneous(|table| rows(&table[0], &ids(8, 5)), &[sample(&[5, 3], 1)], &[0], 1);
}

#[test]
fn rows_are_the_same_on_any_number_of_threads() {
    let ids = ids(5000, 300);
    assert_same_on_any_number_of_threads(|table| rows(&table[0], &ids), &[sample(&[300, 40], 1)]);
}

#[test]
fn an_id_beyond_the_table_is_refused() {
    let ids = Tensor::new(&[1u32, 9], &Device::Cpu).unwrap();
    let error = rows(&sample(&[9, 5], 1), &ids).unwrap_err().to_string();
    assert!(error.contains("rows: id 9 at position 1 is not below the table's 9 rows"), "{error}");
}
