//! The encoder of the paper in small: embedding, projection, attention of both kinds, feed-forward, final norm.
use candle_core::{DType, Device, Result, Tensor};
use sibert_model::Mode;
use sibert_model::homogeneous::{Homogeneous, One, Zero};

fn encode(p: &[Homogeneous<One>], ids: &Tensor, keep: &Tensor) -> Result<Homogeneous<Zero>> {
    let z = p[0].rows(ids)?.linear(&p[1])?;
    let x = z.normalize()?;
    let (query, key, value) = (x.linear(&p[2])?, x.linear(&p[3])?, x.linear(&p[4])?);
    let mixed = query.attention(&key, &value, keep, 2, 0., Mode::Eval)?;
    let z = z.add(&mixed.linear(&p[5])?)?;
    let (query, key) = (query.unit_heads(2)?, key.unit_heads(2)?);
    let mixed = Homogeneous::softmax_attention([&query, &key], &value, keep, 2, 6., 0., Mode::Eval)?;
    let z = z.add(&mixed.linear(&p[5])?)?;
    let wide = z.normalize()?.linear_bias_relu(&p[6], &p[7])?;
    z.add(&wide.linear(&p[8])?)?.normalize()
}

pub fn encodes() -> Result<()> {
    let parameter =
        |shape: &[usize]| Tensor::randn(0f32, 1., shape, &Device::Cpu).map(Homogeneous::parameter);
    let square = || parameter(&[4, 4]);
    let p = [
        parameter(&[9, 4])?,
        square()?,
        square()?,
        square()?,
        square()?,
        square()?,
        parameter(&[8, 4])?,
        parameter(&[8])?,
        parameter(&[4, 8])?,
    ];
    let ids = Tensor::new(&[[1u32, 5, 3]], &Device::Cpu)?;
    let hidden = encode(&p, &ids, &Tensor::ones((1, 3), DType::F32, &Device::Cpu)?)?.into_inner();
    assert_eq!(hidden.dims(), [1, 3, 4]);
    Ok(())
}
