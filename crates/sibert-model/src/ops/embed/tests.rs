#![allow(clippy::unwrap_used)]

use candle_core::Device;

use super::*;
use crate::ops::test_support::*;

fn ids() -> [Tensor; 2] {
    let ids = Tensor::new(&[[1u32, 4, 1], [0, 1, 6]], &Device::Cpu).unwrap();
    [ids, Tensor::new(&[[0u32, 0, 1], [1, 0, 0]], &Device::Cpu).unwrap()]
}

fn apply(inputs: &[Tensor]) -> Result<Tensor> {
    let [ids, types] = ids();
    embed([&inputs[0], &inputs[1], &inputs[2]], &ids, &types)
}

fn tables() -> Vec<Tensor> {
    vec![sample(&[7, 5], 1), sample(&[2, 5], 2), sample(&[4, 5], 3)]
}

#[test]
fn embed_matches_composed() {
    let [ids, types] = ids().map(|ids| ids.flatten_all().unwrap().to_vec1().unwrap());
    let naive = |inputs: &[Tensor]| {
        let tokens = Tokens { ids: ids.clone(), types: types.clone(), seq: 3 };
        composed::embed([&inputs[0], &inputs[1], &inputs[2]], tokens)
    };
    assert_matches(apply, naive, &tables());
}

#[test]
fn embed_gradient_matches_finite_differences() {
    assert_gradients(apply, &tables());
}

#[test]
fn embed_has_degree_one() {
    assert_homogeneous(apply, &tables(), &[0, 1, 2], 1);
}

#[test]
fn embed_without_positions_is_the_sum_of_two_look_ups() {
    let [ids, types] = ids();
    let of = |inputs: &[Tensor]| embed_without_positions([&inputs[0], &inputs[1]], &ids, &types);
    let naive = |inputs: &[Tensor]| {
        let rows = |table: &Tensor, ids: &Tensor| table.index_select(&ids.flatten_all()?, 0);
        (rows(&inputs[0], &ids)? + rows(&inputs[1], &types)?)?.reshape((2, 3, 5))
    };
    assert_matches(of, naive, &tables()[..2]);
    assert_gradients(of, &tables()[..2]);
    assert_homogeneous(of, &tables()[..2], &[0, 1], 1);
}

#[test]
fn embed_refuses_what_does_not_fit() {
    let [ids, types] = ids();
    let tables = tables();
    let refusal = |words: &Tensor, positions: &Tensor, types: &Tensor| {
        embed([words, &tables[1], positions], &ids, types).unwrap_err().to_string()
    };
    let error = refusal(&sample(&[6, 5], 1), &tables[2], &types);
    assert!(error.contains("embed: id 6 at position 5 is not below the table's 6 rows"), "{error}");
    let error = refusal(&tables[0], &sample(&[2, 5], 1), &types);
    assert!(error.contains("3 tokens is longer than the 2 positions"), "{error}");
    let error = refusal(&tables[0], &tables[2], &types.narrow(1, 0, 2).unwrap());
    assert!(error.contains("[2, 3] and segments of shape [2, 2] differ"), "{error}");
}
