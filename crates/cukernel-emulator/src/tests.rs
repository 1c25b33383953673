#![allow(clippy::unwrap_used)]

use candle_core::{DType, Device, Tensor};
use cukernel::{Grid, Module, args, download, empty};

use super::*;

const MODULE: Module = Module::new(
    "emulator-tests",
    r#"
KERNEL(scale, const float* x, float* y, u32 n, float by) {
    for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) y[i] = by * x[i];
}
KERNEL(sums, const float* x, float* y, u32 n) {
    float sum = 0;
    for (u32 i = threadIdx.x; i < n; i += blockDim.x) sum += x[blockIdx.x * n + i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) y[blockIdx.x] = sum;
}
// c (16, 8) = a (16, 16) b (16, 8), the operands through shared memory
KERNEL(product, const bf16* a, const bf16* b, float* c) {
    DYNAMIC_SHARED(bytes);
    bf16* as = reinterpret_cast<bf16*>(bytes);
    bf16* bs = as + 256;
    u32 lane = threadIdx.x;
    copy_async(as + 8 * lane, a + 8 * lane, true);
    if (lane < 16) copy_async(bs + 8 * lane, b + 8 * lane, true);
    copy_async_commit();
    copy_async_wait<0>();
    __syncthreads();
    u32 ar[4], br[4];
    load_matrices(ar, as + (lane % 16) * 16 + lane / 16 * 8);
    load_matrices_transposed(br, bs + lane % 16 * 8);
    float d[4] = {0, 0, 0, 0};
    mma_bf16(d, ar, br[0], br[1]);
    u32 g = lane / 4, t = lane % 4;
    c[g * 8 + 2 * t] = d[0];
    c[g * 8 + 2 * t + 1] = d[1];
    c[(g + 8) * 8 + 2 * t] = d[2];
    c[(g + 8) * 8 + 2 * t + 1] = d[3];
}
KERNEL(hasty, const float* x, float* y, u32 wait) {
    SHARED(float, tile, 128);
    copy_async(tile + 4 * threadIdx.x, x + 4 * threadIdx.x, true);
    copy_async_commit();
    if (wait) copy_async_wait<0>();
    __syncthreads();
    y[threadIdx.x] = tile[127 - threadIdx.x];
}
KERNEL(wide, const float* x, float* y) {
    float four[4];
    load4(x + 4 * threadIdx.x, four);
    store4(y + 4 * threadIdx.x, four);
}
KERNEL(stuck, float* y) {
    if (threadIdx.x < 7) __syncthreads();
    y[threadIdx.x] = 0;
}
KERNEL(forgetful, float* y) {
    SHARED(float, parts, 32);
    y[threadIdx.x] = parts[threadIdx.x];
}
"#,
);

fn launch(kernel: &str, grid: Grid, args: &[Arg]) -> Result<()> {
    // SAFETY: the tests give the kernels what they expect, or arguments that are refused.
    unsafe { MODULE.launch(&Device::Cpu, kernel, grid, args) }
}

fn numbers(shape: &[usize]) -> Tensor {
    let len = shape.iter().product::<usize>();
    let values: Vec<f32> = (0..len).map(|i| (i * 7919 % 31) as f32 - 15.).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

#[test]
fn threads_walk_their_grid() -> Result<()> {
    let x = numbers(&[1000]);
    emulate(|| {
        let y = empty(1000, DType::F32, &Device::Cpu)?;
        launch("scale", Grid::new(3, 64), &args![x, y, 1000_usize, 0.5_f32])?;
        assert_eq!(download(&y)?, download(&(&x * 0.5)?)?);
        Ok(())
    })
}

#[test]
fn blocks_sum_in_every_order() -> Result<()> {
    let x = numbers(&[5, 777]);
    emulate(|| {
        for _ in 0..2 {
            let y = empty(5, DType::F32, &Device::Cpu)?;
            launch("sums", Grid::new(5, 256), &args![x, y, 777_usize])?;
            assert_eq!(download(&y)?, download(&x.sum(1)?)?);
        }
        Ok(())
    })
}

#[test]
fn tensor_cores_multiply() -> Result<()> {
    let (a, b) = (numbers(&[16, 16]), numbers(&[16, 8]));
    emulate(|| {
        let c = empty((16, 8), DType::F32, &Device::Cpu)?;
        let [a16, b16] = [&a, &b].map(|x| x.to_dtype(DType::BF16).unwrap());
        launch("product", Grid::new(1, 32).shared(768), &args![a16, b16, c])?;
        assert_eq!(download(&c)?, download(&a.matmul(&b)?)?);
        Ok(())
    })
}

#[test]
fn a_barrier_that_some_threads_miss_is_found() -> Result<()> {
    emulate(|| {
        let y = empty(32, DType::F32, &Device::Cpu)?;
        let error = launch("stuck", Grid::new(1, 32), &args![y]).unwrap_err().to_string();
        assert!(error.contains("7 of 32 threads of block (0, 0, 0) wait for others"), "{error}");
        Ok(())
    })
}

#[test]
fn asynchronous_copies_arrive_when_they_are_waited_for() -> Result<()> {
    let x = numbers(&[128]);
    let expected: Vec<f64> = download(&x)?.into_iter().rev().take(32).collect();
    emulate(|| {
        let y = empty(32, DType::F32, &Device::Cpu)?;
        launch("hasty", Grid::new(1, 32), &args![x, y, 1_u32])?;
        assert_eq!(download(&y)?, expected);
        launch("hasty", Grid::new(1, 32), &args![x, y, 0_u32])?;
        assert!(download(&y)?.iter().all(|y| y.is_nan()));
        Ok(())
    })
}

#[test]
fn a_wide_access_that_is_not_aligned_is_found() -> Result<()> {
    let x = numbers(&[132]);
    emulate(|| {
        let y = empty(128, DType::F32, &Device::Cpu)?;
        for (kernel, args) in [("wide", vec![]), ("hasty", args![1_u32].to_vec())] {
            for start in [0, 1, 2, 4] {
                let x = x.narrow(0, start, 128)?;
                let result = launch(kernel, Grid::new(1, 32), &[&args![x, y][..], &args].concat());
                let found = result.is_err_and(|error| error.to_string().contains("no multiple of 16"));
                assert_eq!(found, start % 4 != 0, "{kernel} from {start}");
            }
        }
        Ok(())
    })
}

#[test]
fn shared_memory_is_not_a_number_until_it_is_written() -> Result<()> {
    emulate(|| {
        let y = Tensor::zeros(32, DType::F32, &Device::Cpu)?;
        launch("forgetful", Grid::new(1, 32), &args![y])?;
        assert!(download(&y)?.iter().all(|y| y.is_nan()));
        Ok(())
    })
}

#[test]
fn arguments_of_other_types_are_refused() -> Result<()> {
    emulate(|| {
        let x = numbers(&[8]);
        let error = launch("scale", Grid::new(1, 32), &args![x, x, 8_u64, 0.5_f32]).unwrap_err().to_string();
        assert!(error.contains("arguments are `*f*fuf`, the launch's `*f*fUf`"), "{error}");
        let error = launch("scales", Grid::new(1, 32), &[]).unwrap_err().to_string();
        assert!(error.contains("has no kernel `scales`"), "{error}");
        Ok(())
    })
}

#[test]
fn kernels_of_two_modules_may_have_the_same_name() -> Result<()> {
    let one = Module::new("one", "KERNEL(same, float* y) { y[0] = 1; }");
    let two = Module::new("two", "KERNEL(same, float* y) { y[0] = 2; }");
    emulate(|| {
        for (module, expected) in [(one, 1.), (two, 2.)] {
            let y = empty(1, DType::F32, &Device::Cpu)?;
            // SAFETY: the kernel's argument.
            unsafe { module.launch(&Device::Cpu, "same", Grid::new(1, 32), &args![y])? };
            assert_eq!(download(&y)?, [expected]);
        }
        Ok(())
    })
}

#[test]
fn products_by_columns_are_those_by_rows() -> Result<()> {
    use cukernel::{Operand, matmul};
    let (a, b) = (numbers(&[5, 7]), numbers(&[7, 3]));
    let expected = download(&a.matmul(&b)?)?;
    let [at, bt] = [&a, &b].map(|x| x.t().unwrap().contiguous().unwrap());
    emulate(|| {
        let pairs = [
            (Operand::of(&a), Operand::of(&b)),
            (Operand::transpose_of(&at), Operand::of(&b)),
            (Operand::of(&a), Operand::transpose_of(&bt)),
            (Operand::transpose_of(&at), Operand::transpose_of(&bt)),
        ];
        for (a, b) in pairs {
            let c = empty((5, 3), DType::F32, &Device::Cpu)?;
            matmul(a, b, &c, false)?;
            assert_eq!(download(&c)?, expected);
            matmul(a, b, &c, true)?;
            assert_eq!(download(&c)?, expected.iter().map(|x| 2. * x).collect::<Vec<_>>());
        }
        let error = matmul(Operand::of(&a), Operand::of(&a), &a, false).unwrap_err().to_string();
        assert!(error.contains("(5, 7) times (5, 7) does not fit"), "{error}");
        Ok(())
    })
}

#[test]
fn products_of_bands_are_those_of_each_band() -> Result<()> {
    use cukernel::{Operand, matmul_bands};
    let [rows, columns] = [numbers(&[6, 4]), numbers(&[4, 7])]; // 3 bands of 2 rows; 2 bands of 3 columns and one left over
    emulate(|| {
        let c = empty((3, 2, 2), DType::F32, &Device::Cpu)?;
        let a = Operand::of(&rows).row_bands(3);
        matmul_bands(a, Operand::transpose_of(&rows).row_bands(3), Operand::of(&c).row_bands(3), false)?;
        let bands = rows.chunk(3, 0)?.into_iter().map(|band| download(&band.matmul(&band.t()?)?));
        assert_eq!(download(&c)?, bands.collect::<Result<Vec<_>>>()?.concat());

        let squares = numbers(&[6, 3]); // one below the other
        let c = Tensor::zeros((4, 7), DType::F32, &Device::Cpu)?;
        let [a, out] = [&columns, &c].map(|x| Operand::of(x).column_bands(2, 3));
        matmul_bands(a, Operand::of(&squares).row_bands(2), out, false)?;
        let product =
            |i: usize| columns.narrow(1, 3 * i, 3)?.contiguous()?.matmul(&squares.narrow(0, 3 * i, 3)?);
        let expected =
            Tensor::cat(&[product(0)?, product(1)?, Tensor::zeros((4, 1), DType::F32, &Device::Cpu)?], 1)?;
        assert_eq!(download(&c)?, download(&expected)?);

        let refused = matmul_bands(Operand::of(&rows).row_bands(4), a, out, false).unwrap_err().to_string();
        assert!(refused.contains("6 rows do not divide into 4 bands"), "{refused}");
        Ok(())
    })
}
