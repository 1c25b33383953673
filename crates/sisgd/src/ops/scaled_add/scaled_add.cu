#line 1 "scaled_add.cu"
// The update of gradient descent.

// The part to subtract is formed first: in f32, a factor 1 − decay would lose much of a small decay.
struct ScaledAdd {
    float decay, rate;
    template <int N> __device__ void at(const Variable& v, u32 i) const {
        float x[N], g[N];
        load(v.x + i, x);
        load_gradient(v, i, g);
        UNROLL for (int k = 0; k < N; k++) x[k] -= fmaf(decay, x[k], rate * g[k]);
        store(v.x + i, x);
    }
};

// x ← (1 − decay)·x − lr·clip·g: 12 bytes per parameter, 8 where a gradient by rows is zero.
KERNEL_OF(THREADS, scaled_add, const long long* table, u32 count, const double* guard, double* report, double lr, float decay) {
    if (is_refused(guard, report)) return;
    const ScaledAdd update = {decay, (float)(lr * report[CLIP])};
    each(chunk_of(table, count), update);
}
