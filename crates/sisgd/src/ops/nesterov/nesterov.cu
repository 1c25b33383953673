#line 1 "nesterov.cu"
// Nesterov's momentum, and the direction that it gives.

// forget is 1 − momentum, a difference that f32 holds to more digits than the momentum itself.
struct Nesterov {
    float forget, momentum;
    float* direction;
    template <int N> __device__ void at(const Variable& v, u32 i) const {
        float g[N], w[N];
        load_gradient(v, i, g);
        load(v.state + i, w);
        UNROLL for (int k = 0; k < N; k++) {
            w[k] += fmaf(-forget, w[k], g[k]);
            g[k] = fmaf(momentum, w[k], g[k]);
        }
        store(v.state + i, w);
        store(direction + i, g);
    }
};

// w ← momentum·w + g, and g + momentum·w to where the other table has its gradients: 16 bytes per parameter.
KERNEL_OF(THREADS, nesterov, const long long* table, u32 count, const long long* directions, const double* guard, float forget,
          float momentum) {
    if (guard[0] != 0) return;
    Chunk chunk = chunk_of(table, count);
    Variable other = reinterpret_cast<const Variable*>(directions)[chunk.variable];
    chunk.of.traits &= other.traits;
    const Nesterov update = {forget, momentum, const_cast<float*>(other.g)};
    each(chunk, update);
}
