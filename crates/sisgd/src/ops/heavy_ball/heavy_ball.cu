#line 1 "heavy_ball.cu"
// The update of gradient descent with momentum.

// forget is 1 − momentum, a difference that f32 holds to more digits than the momentum itself.
struct HeavyBall {
    float forget, clip, decay, lr;
    template <int N> __device__ void at(const Variable& v, u32 i) const {
        float x[N], g[N], w[N];
        load(v.x + i, x);
        load_gradient(v, i, g);
        load(v.state + i, w);
        UNROLL for (int k = 0; k < N; k++) {
            w[k] += fmaf(clip, g[k], -forget * w[k]);
            x[k] -= fmaf(decay, x[k], lr * w[k]);
        }
        store(v.state + i, w);
        store(v.x + i, x);
    }
};

// w ← momentum·w + clip·g, x ← (1 − decay)·x − lr·w: 20 bytes per parameter.
KERNEL_OF(THREADS, heavy_ball, const long long* table, u32 count, const double* guard, double* report, float forget, float decay, float lr) {
    if (is_refused(guard, report)) return;
    const HeavyBall update = {forget, (float)report[CLIP], decay, lr};
    each(chunk_of(table, count), update);
}
