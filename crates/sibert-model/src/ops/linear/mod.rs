//! A linear map without bias.

#[cfg(test)]
mod composed;

use crate::tape::apply2;
use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CudaStorage, CustomOp2, D, Layout, MetalStorage, Result, Shape, Tensor, bail};

/// `y = x Wᵀ`, from x (…, in) and weight (out, in) to (…, out).
///
/// # Errors
/// If the last dimensions differ, or the dtypes do.
pub fn linear(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let (_, width) = weight.dims2()?;
    if x.dim(D::Minus1)? != width {
        bail!("linear: input of shape {:?} does not fit weight of shape {:?}", x.dims(), weight.dims())
    }
    apply2(&x.contiguous()?, &weight.contiguous()?, Linear)
}

struct Linear;

/// One product over all rows of `x`; every device's storage knows how, so there is no composed version to fall back to.
fn product<S: BackendStorage>(x: &S, x_layout: &Layout, weight: &S, w_layout: &Layout) -> Result<(S, Shape)> {
    let (out, width) = w_layout.shape().dims2()?;
    let leading = &x_layout.dims()[..x_layout.dims().len() - 1];
    let rows = leading.iter().product();
    let x_layout = Layout::contiguous_with_offset((rows, width), x_layout.start_offset());
    let y = x.matmul(weight, (1, rows, out, width), &x_layout, &w_layout.transpose(0, 1)?)?;
    Ok((y, Shape::from([leading, &[out]].concat())))
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        product(x, lx, w, lw)
    }

    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        lx: &Layout,
        w: &CudaStorage,
        lw: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        product(x, lx, w, lw)
    }

    fn metal_fwd(
        &self,
        x: &MetalStorage,
        lx: &Layout,
        w: &MetalStorage,
        lw: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        product(x, lx, w, lw)
    }

    /// `dx = dy W` and `dW = dyᵀ x`.
    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (out, width) = w.dims2()?;
        let rows: usize = x.dims()[..x.rank() - 1].iter().product();
        let (x_rows, dy) = (x.detach().reshape((rows, width))?, dy.reshape((rows, out))?);
        let dx = dy.matmul(&w.detach())?.reshape(x.shape())?;
        Ok((Some(dx), Some(dy.t()?.matmul(&x_rows)?)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::ops::test_support::*;

    fn apply(inputs: &[Tensor]) -> Result<Tensor> {
        linear(&inputs[0], &inputs[1])
    }

    fn inputs() -> Vec<Tensor> {
        vec![sample(&[2, 3, 5], 1), sample(&[4, 5], 2)]
    }

    #[test]
    fn linear_matches_composed() {
        assert_matches(apply, |inputs| composed::linear(&inputs[0], &inputs[1]), &inputs());
    }

    #[test]
    fn linear_gradient_matches_finite_differences() {
        assert_gradients(apply, &inputs());
    }

    #[test]
    fn linear_adds_the_degrees_of_its_arguments() {
        assert_homogeneous(|inputs| linear(&inputs[0], &inputs[1]), &inputs(), &[0, 1], 2);
        assert_homogeneous(|inputs| linear(&inputs[0], &inputs[1]), &inputs(), &[1], 1);
    }

    /// `(m, k) · (k, n)` in f32, the first operand column-major as in the weight's gradient.
    fn product_with(parallelism: gemm::Parallelism, (m, n, k): (usize, usize, usize)) -> Vec<f32> {
        let data = |shape, seed| sample(shape, seed).to_dtype(DType::F32).unwrap().flatten_all().unwrap();
        let (a, b): (Vec<f32>, Vec<f32>) =
            (data(&[k, m], 1).to_vec1().unwrap(), data(&[k, n], 2).to_vec1().unwrap());
        let mut c = vec![0f32; m * n];
        let (c_ptr, a, b, row) = (c.as_mut_ptr(), a.as_ptr(), b.as_ptr(), n as isize);
        // SAFETY: the three buffers hold exactly the elements that the dimensions and strides address.
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                c_ptr,
                1,
                row,
                false,
                a,
                m as isize,
                1,
                b,
                1,
                row,
                0.,
                1.,
                false,
                false,
                false,
                parallelism,
            );
        }
        c
    }

    #[test]
    fn linear_is_the_same_on_any_number_of_threads() {
        for shape in [(700, 190, 130), (256, 512, 2048), (64, 1024, 4100), (1, 300, 2000)] {
            let one = product_with(gemm::Parallelism::None, shape);
            for threads in [2, 3, 8] {
                assert!(
                    one == product_with(gemm::Parallelism::Rayon(threads), shape),
                    "{shape:?} on {threads}"
                );
            }
        }
    }

    #[test]
    fn linear_of_no_rows_has_a_zero_gradient() {
        let inputs = [sample(&[0, 5], 1), sample(&[4, 5], 2)];
        let gradients = gradients(apply, &inputs).unwrap();
        assert_eq!(gradients[1].to_vec2::<f64>().unwrap(), [[0.; 5]; 4]);
    }

    #[test]
    fn linear_refuses_an_input_of_another_width() {
        let error = linear(&sample(&[2, 3], 1), &sample(&[4, 5], 2)).unwrap_err().to_string();
        assert!(error.contains("input of shape [2, 3] does not fit weight of shape [4, 5]"), "{error}");
    }
}
