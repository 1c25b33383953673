//! The promises of in-place updates: the same bits with any number of threads, any layout, and no large allocation.

#![allow(clippy::unwrap_used)]

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};
use sisgd::{AdamW, AdamWConfig, Gradient, GradientSource, Lamb, LambConfig, NamedVars, SiSgd, SiSgdConfig};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, remembering the largest request of each thread.
struct Watched;

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(layout.size())));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// Larger than several chunks, and no multiple of one.
const ROWS: usize = 301;
const COLUMNS: usize = 203;

fn noise(len: usize, a: f64) -> Tensor {
    let values = (0..len).map(|i| (a * (i * i % 1009) as f64).sin()).collect::<Vec<_>>();
    Tensor::from_vec(values, len, &Device::Cpu).unwrap()
}

fn vars(dtype: DType) -> NamedVars {
    let var = |tensor: Tensor| Var::from_tensor(&tensor.to_dtype(dtype).unwrap()).unwrap();
    let matrix = noise(ROWS * COLUMNS, 0.7).reshape((ROWS, COLUMNS)).unwrap();
    vec![("matrix".into(), var(matrix)), ("vector".into(), var(noise(40, 0.3)))]
}

fn grads(vars: &NamedVars) -> GradStore {
    let mut grads = GradStore::default();
    for (k, (_, var)) in vars.iter().enumerate() {
        let grad = noise(var.elem_count(), 1.1 + k as f64).reshape(var.shape()).unwrap();
        grads.insert(var, grad.to_dtype(var.dtype()).unwrap());
    }
    grads
}

/// All parameters after two steps of each optimizer, and the first step's norms.
fn three_optimizers(dtype: DType, grads: impl Fn(&NamedVars) -> GradStore) -> Vec<f64> {
    let [a, b, c] = [(); 3].map(|()| vars(dtype));
    let mut sgd = SiSgd::new(a.clone(), SiSgdConfig::default()).unwrap();
    let mut lamb = Lamb::new(b.clone(), LambConfig::default()).unwrap();
    let mut adamw = AdamW::new(c.clone(), AdamWConfig::default()).unwrap();
    let mut numbers = vec![];
    for _ in 0..2 {
        let report = sgd.step(&grads(&a), 0.1).unwrap();
        numbers.extend([report.grad_norm, report.param_norm, report.euler, report.angle]);
        numbers.push(lamb.step(&grads(&b), 0.1).unwrap().param_norm);
        numbers.push(adamw.step(&grads(&c), 0.1).unwrap().param_norm);
    }
    for (_, var) in a.iter().chain(&b).chain(&c) {
        let values = var.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
        numbers.extend(values);
    }
    numbers
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    for dtype in [DType::F32, DType::F64] {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| three_optimizers(dtype, grads))
        };
        let one = with(1);
        assert!([2, 3, 8].iter().all(|&threads| with(threads) == one));
    }
}

#[test]
fn strided_and_offset_gradients_are_read_by_their_layout() {
    let strided = |vars: &NamedVars| {
        let plain = grads(vars);
        let mut grads = GradStore::default();
        let matrix = plain.get(&vars[0].1).unwrap();
        grads.insert(&vars[0].1, matrix.t().unwrap().contiguous().unwrap().t().unwrap());
        let vector = plain.get(&vars[1].1).unwrap();
        let padded = Tensor::cat(&[&vector.ones_like().unwrap(), vector, vector], 0).unwrap();
        grads.insert(&vars[1].1, padded.narrow(0, 40, 40).unwrap());
        assert!(!grads.get(&vars[0].1).unwrap().is_contiguous());
        grads
    };
    assert_eq!(three_optimizers(DType::F32, strided), three_optimizers(DType::F32, grads));
}

/// The gradient of `grads`, but of the matrix only a row.
struct OneRow {
    grads: GradStore,
    row: Tensor,
}

impl GradientSource for OneRow {
    fn gradient(&self, var: &Var) -> Option<Gradient<'_>> {
        match var.rank() {
            2 => Some(Gradient::Rows { ids: &[7], values: &self.row }),
            _ => self.grads.gradient(var),
        }
    }
}

#[test]
fn steps_allocate_nothing_of_parameter_size() {
    // One thread, so that every allocation is counted here.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().unwrap();
    pool.install(|| {
        let vars = vars(DType::F32);
        let row = noise(COLUMNS, 0.9).reshape((1, COLUMNS)).unwrap().to_dtype(DType::F32).unwrap();
        let rows = OneRow { grads: grads(&vars), row };
        let grads = grads(&vars);
        let mut sgd = SiSgd::new(vars.clone(), SiSgdConfig::default()).unwrap();
        let mut lamb = Lamb::new(vars.clone(), LambConfig::default()).unwrap();
        let mut adamw = AdamW::new(vars.clone(), AdamWConfig::default()).unwrap();
        LARGEST.set(0);
        sgd.step(&grads, 0.1).unwrap();
        sgd.step(&rows, 0.1).unwrap();
        lamb.step(&grads, 0.1).unwrap();
        adamw.step(&grads, 0.1).unwrap();
        let largest = LARGEST.get();
        assert!(largest > 0 && largest < ROWS * COLUMNS / 10, "an allocation of {largest} bytes");
    });
}
