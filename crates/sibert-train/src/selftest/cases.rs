//! The operations but attention, with inputs of odd and of typical sizes.

use candle_core::{Device, Result, Tensor};
use sibert_model::ops;

use super::sample::{ids, sample};

/// The kind of an input of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// In the precision of activations, with a gradient.
    Activation,
    /// In f32, with a gradient.
    Parameter,
    /// In f32, without one.
    Constant,
}

/// An operation, of numbers and of ids.
type Apply = Box<dyn Fn(&[Tensor], &[Tensor]) -> Result<Tensor>>;

/// An operation and its inputs on the CPU.
pub struct Case {
    pub op: &'static str,
    pub size: String,
    pub floats: Vec<(Role, Tensor)>,
    pub ids: Vec<Tensor>,
    pub apply: Apply,
}

/// Rows and widths, odd and typical.
pub fn sizes(quick: bool) -> Vec<[usize; 2]> {
    match quick {
        true => vec![[1, 37], [7, 64], [40, 37]],
        false => [1, 7, 300].iter().flat_map(|&rows| [37, 64, 768].map(|width| [rows, width])).collect(),
    }
}

/// Rows, inputs and outputs of a linear map.
fn products(quick: bool) -> Vec<[usize; 3]> {
    match quick {
        true => vec![[1, 37, 16], [40, 16, 37]],
        false => {
            vec![[1, 37, 64], [7, 64, 37], [7, 768, 64], [300, 64, 768], [300, 768, 37], [300, 768, 768]]
        }
    }
}

/// Every operation at every size.
pub fn all(quick: bool) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    elementwise(&mut cases, quick)?;
    normalised(&mut cases, quick)?;
    linear(&mut cases, quick)?;
    feed_forward(&mut cases, quick)?;
    tables(&mut cases, quick)?;
    losses(&mut cases, quick)?;
    Ok(cases)
}

/// `activation(…)`, `parameter(…)`: a named sample in its role.
fn activation(shape: &[usize], name: &str) -> Result<(Role, Tensor)> {
    Ok((Role::Activation, sample(shape, name)?))
}

fn parameter(shape: &[usize], name: &str) -> Result<(Role, Tensor)> {
    Ok((Role::Parameter, sample(shape, name)?))
}

fn elementwise(cases: &mut Vec<Case>, quick: bool) -> Result<()> {
    type Unary = fn(&Tensor) -> Result<Tensor>;
    let unary: [(&str, Unary); 3] =
        [("gelu", ops::gelu), ("tanh", ops::tanh), ("dropout", |x| ops::dropout(x, 0.1, 3, 5))];
    for (op, f) in unary {
        for shape in sizes(quick) {
            let floats = vec![activation(&shape, "x")?];
            let apply: Apply = Box::new(move |x, _| f(&x[0]));
            cases.push(Case { op, size: format!("{shape:?}"), floats, ids: vec![], apply });
        }
    }
    for shape in sizes(quick) {
        let floats = vec![activation(&shape, "x")?, activation(&shape, "y")?];
        let apply: Apply = Box::new(|x, _| ops::residual(&x[0], &x[1], 0.1, 3, 5));
        cases.push(Case { op: "residual", size: format!("{shape:?}"), floats, ids: vec![], apply });
    }
    for shape in sizes(quick) {
        let floats = vec![activation(&shape, "x")?, activation(&shape, "y")?];
        let ids = vec![ids(&shape[..1], 500, "rows")?];
        let apply: Apply = Box::new(|x, ids| ops::residual_rows(&x[0], &x[1], 0.1, 3, 5, &ids[0]));
        cases.push(Case { op: "residual_rows", size: format!("{shape:?}"), floats, ids, apply });
    }
    Ok(())
}

fn normalised(cases: &mut Vec<Case>, quick: bool) -> Result<()> {
    for shape in sizes(quick) {
        let floats = vec![activation(&shape, "x")?];
        let apply: Apply = Box::new(|x, _| ops::normalize(&x[0]));
        cases.push(Case { op: "normalize", size: format!("{shape:?}"), floats, ids: vec![], apply });
    }
    for shape in sizes(quick) {
        let floats = vec![activation(&[shape[0], 3 * shape[1]], "x")?];
        let apply: Apply = Box::new(|x, _| ops::unit_heads(&x[0], 3));
        cases.push(Case {
            op: "unit_heads",
            size: format!("{shape:?}, 3 heads"),
            floats,
            ids: vec![],
            apply,
        });
    }
    type Turn = fn(&[Tensor]) -> Result<Tensor>;
    let turns: [(&str, Turn); 2] = [
        ("rotary", |x| ops::rotary(&x[0], 3, 1e4)),
        ("unit_heads_rotary", |x| ops::unit_heads_rotary(&x[0], 3, 1e4)),
    ];
    for (op, turn) in turns {
        for [seq, width] in sizes(quick) {
            let floats = vec![activation(&[2, seq, 6 * width], "x")?];
            let apply: Apply = Box::new(move |x, _| turn(x));
            let size = format!("(2, {seq}, {}), 3 heads", 6 * width);
            cases.push(Case { op, size, floats, ids: vec![], apply });
        }
    }
    type Affine = fn(&[Tensor]) -> Result<Tensor>;
    let affine: [(&str, Affine); 2] = [
        ("normalize_affine", |x| ops::normalize_affine(&x[0], &x[1], &x[2])),
        ("layer_norm", |x| ops::layer_norm(&x[0], &x[1], &x[2], 1e-3)),
    ];
    for (op, f) in affine {
        for shape in sizes(quick) {
            let vectors = [parameter(&shape[1..], "weight")?, parameter(&shape[1..], "bias")?];
            let floats = [vec![activation(&shape, "x")?], vectors.to_vec()].concat();
            let apply: Apply = Box::new(move |x, _| f(x));
            cases.push(Case { op, size: format!("{shape:?}"), floats, ids: vec![], apply });
        }
    }
    Ok(())
}

fn linear(cases: &mut Vec<Case>, quick: bool) -> Result<()> {
    type Product = fn(&[Tensor]) -> Result<Tensor>;
    let maps: [(&str, Product); 3] = [
        ("linear", |x| ops::linear(&x[0], &x[1])),
        ("linear_bias", |x| ops::linear_bias(&x[0], &x[1], &x[2])),
        ("linear_bias_relu", |x| ops::linear_bias_relu(&x[0], &x[1], &x[2])),
    ];
    for (op, f) in maps {
        for [rows, width, out] in products(quick) {
            let mut floats = vec![activation(&[rows, width], "x")?, parameter(&[out, width], "weight")?];
            if op == "linear_bias_relu" {
                // of -1, 0 and 1 even the products are what bf16 holds: it rounds none of them to another sign
                floats = floats.into_iter().map(|(role, x)| Ok((role, x.round()?))).collect::<Result<_>>()?;
            }
            if op != "linear" {
                floats.push(parameter(&[out], "bias")?);
            }
            let apply: Apply = Box::new(move |x, _| f(x));
            cases.push(Case { op, size: format!("({rows}, {width}) to {out}"), floats, ids: vec![], apply });
        }
    }
    Ok(())
}

fn feed_forward(cases: &mut Vec<Case>, quick: bool) -> Result<()> {
    for [rows, width, wide] in products(quick) {
        // as for `linear_bias_relu`
        let whole = |(role, x): (Role, Tensor)| -> Result<_> { Ok((role, x.round()?)) };
        let floats = vec![
            whole(activation(&[rows, width], "x")?)?,
            whole(parameter(&[wide, width], "weight")?)?,
            parameter(&[wide], "bias")?,
            parameter(&[width, wide], "output")?,
        ];
        let size = format!("({rows}, {width}) by {wide}");
        let apply: Apply = Box::new(|x, _| ops::feed_forward(&x[0], &x[1], &x[2], &x[3]));
        cases.push(Case { op: "feed_forward", size, floats, ids: vec![], apply });
    }
    Ok(())
}

fn tables(cases: &mut Vec<Case>, quick: bool) -> Result<()> {
    for [rows, width] in sizes(quick) {
        let floats = vec![activation(&[rows, width], "x")?];
        let ids = vec![ids(&[2 * rows + 1], rows, "ids")?];
        let apply: Apply = Box::new(|x, ids| ops::rows(&x[0], &ids[0]));
        cases.push(Case { op: "rows", size: format!("({rows}, {width})"), floats, ids, apply });
    }
    for [seq, width] in sizes(quick) {
        let words = if quick { 20 } else { 1000 };
        let tables = [(words, "words"), (2, "types"), (seq + 3, "positions")];
        let floats = tables.map(|(len, name)| parameter(&[len, width], name));
        let floats: Vec<_> = floats.into_iter().collect::<Result<_>>()?;
        let ids = vec![ids(&[3, seq], words, "ids")?, ids(&[3, seq], 2, "types")?];
        let apply: Apply = Box::new(|x, ids| ops::embed_without_positions([&x[0], &x[1]], &ids[0], &ids[1]));
        cases.push(Case {
            op: "embed_without_positions",
            size: format!("(3, {seq}) of {width}"),
            floats: floats[..2].to_vec(),
            ids: ids.clone(),
            apply,
        });
        let apply: Apply = Box::new(|x, ids| ops::embed([&x[0], &x[1], &x[2]], &ids[0], &ids[1]));
        cases.push(Case { op: "embed", size: format!("(3, {seq}) of {width}"), floats, ids, apply });
    }
    Ok(())
}

fn losses(cases: &mut Vec<Case>, quick: bool) -> Result<()> {
    let vocabularies = if quick { vec![] } else { vec![[300, 8192], [7, 30522]] };
    for [rows, width] in sizes(quick).into_iter().chain(vocabularies) {
        let floats = vec![activation(&[rows, width], "logits")?];
        let ids = vec![ids(&[rows], width, "labels")?];
        let apply: Apply = Box::new(|x, ids| ops::cross_entropy(&x[0], &ids[0]));
        cases.push(Case { op: "cross_entropy", size: format!("({rows}, {width})"), floats, ids, apply });
    }
    for [rows, seq] in sizes(quick) {
        let logits = activation(&[rows, seq, 2], "logits")?;
        // the second half of the last row is padding, and no span lies there
        let keep = |i: usize| if i / seq == rows - 1 && i % seq > seq / 2 { 0. } else { 1. };
        let keep: Vec<f32> = (0..rows * seq).map(keep).collect();
        let keep = (Role::Constant, Tensor::from_vec(keep, (rows, seq), &Device::Cpu)?);
        let (floats, ids) = (vec![logits, keep], vec![ids(&[rows, 2], seq / 2, "spans")?]);
        let apply: Apply = Box::new(|x, ids| ops::span_cross_entropy(&x[0], &x[1], &ids[0]));
        cases.push(Case { op: "span_cross_entropy", size: format!("({rows}, {seq})"), floats, ids, apply });
    }
    for [rows, width] in sizes(quick) {
        let target = (Role::Constant, sample(&[rows, width], "target")?);
        let floats = vec![activation(&[rows, width], "x")?, target];
        let apply: Apply = Box::new(|x, _| ops::binary_cross_entropy(&x[0], &x[1]));
        let (op, size) = ("binary_cross_entropy", format!("({rows}, {width})"));
        cases.push(Case { op, size, floats: floats.clone(), ids: vec![], apply });
        let apply: Apply = Box::new(|x, _| ops::squared_error(&x[0], &x[1]));
        cases.push(Case {
            op: "squared_error",
            size: format!("({rows}, {width})"),
            floats,
            ids: vec![],
            apply,
        });
    }
    Ok(())
}
