#line 1 "adam.cu"
// The moments of Adam and LAMB, and the direction that they give.

// u = m·correction1 / (√(v·correction2 + eps_root) + eps) + decay·x
struct Direction {
    float correction1, correction2, eps, eps_root, decay;
    __device__ float of(float x, float m, float v) const {
        float root = sqrtf(v * correction2 + eps_root);
        return m * correction1 / (root + eps) + decay * x;
    }
};

// x ← (1 − shrink)·x − rate·u, what is subtracted formed first.
__device__ inline float moved(float x, float u, float shrink, float rate) { return x - fmaf(shrink, x, rate * u); }

// The moments, as steps of 1 − β towards the gradient: f32 holds 1 − β to more digits than β. Then either x, or ‖u‖².
struct Moments {
    Direction direction;
    float forget1, weight, forget2, clip, l2, shrink, lr;
    bool adapts;
    double uu;
    template <int N> __device__ void at(const Variable& variable, u32 i) {
        float x[N], g[N], m[N], v[N];
        float *ms = variable.state + i, *vs = ms + variable.len;
        load(variable.x + i, x);
        load_gradient(variable, i, g);
        load(ms, m);
        load(vs, v);
        UNROLL for (int k = 0; k < N; k++) {
            g[k] = fmaf(l2, x[k], clip * g[k]);
            m[k] += fmaf(weight, g[k], -forget1 * m[k]);
            v[k] += forget2 * (g[k] * g[k] - v[k]);
            float u = direction.of(x[k], m[k], v[k]);
            uu += (double)u * u;
            x[k] = moved(x[k], u, shrink, lr);
        }
        store(ms, m);
        store(vs, v);
        if (!adapts) store(variable.x + i, x);
    }
};

struct Descend {
    Direction direction;
    float shrink, rate;
    template <int N> __device__ void at(const Variable& variable, u32 i) const {
        float x[N], m[N], v[N];
        float *ms = variable.state + i, *vs = ms + variable.len;
        load(variable.x + i, x);
        load(ms, m);
        load(vs, v);
        UNROLL for (int k = 0; k < N; k++) x[k] = moved(x[k], direction.of(x[k], m[k], v[k]), shrink, rate);
        store(variable.x + i, x);
    }
};

// The moments, and x unless a trust ratio is due first: 28 bytes per parameter, or 24; ‖u‖² to parts (chunks).
KERNEL_OF(THREADS, adam_moments, const long long* table, u32 count, const double* guard, double* report, double* parts,
          float forget1, float weight, float forget2, float l2, float correction1, float correction2, float eps, float eps_root,
          float decay, float shrink, float lr) {
    if (is_refused(guard, report)) return;
    Chunk chunk = chunk_of(table, count);
    bool decays = chunk.of.traits & DECAYS, adapts = chunk.of.traits & ADAPTS;
    Direction direction = {correction1, correction2, eps, eps_root, decays ? decay : 0};
    Moments update = {direction, forget1, weight, forget2, (float)report[CLIP], decays ? l2 : 0, decays ? shrink : 0, lr, adapts, 0};
    each(chunk, update);
    double sums[1] = {update.uu};
    if (adapts) block_sums(sums, parts + blockIdx.x);
}

// rates (count): lr times ‖(1 − shrink)·x‖/‖u‖, or times 1 if either is zero; dots (count, 3) has ‖x‖². One block.
KERNEL_OF(THREADS, trust_ratios, const long long* table, u32 count, u32 chunks, const double* parts, const double* dots, double* uus,
          float* rates, double shrink, double lr, u32 at_most_one) {
    const Variable* variables = reinterpret_cast<const Variable*>(table);
    variable_sums<1>(table, count, chunks, parts, uus);
    for (u32 v = threadIdx.x; v < count; v += THREADS) {
        double xx = dots[3 * v], uu = uus[v], ratio = 1;
        double keep = variables[v].traits & DECAYS ? 1 - shrink : 1;
        if (xx > 0 && uu > 0) ratio = keep * sqrt(xx / uu);
        rates[v] = (float)(lr * (at_most_one ? fmin(ratio, 1.0) : ratio));
    }
}

// x of the variables with a trust ratio: 16 bytes per parameter.
KERNEL_OF(THREADS, adam_descend, const long long* table, u32 count, const double* guard, const float* rates, float correction1,
          float correction2, float eps, float eps_root, float decay, float shrink) {
    Chunk chunk = chunk_of(table, count);
    if (guard[0] != 0 || !(chunk.of.traits & ADAPTS)) return;
    bool decays = chunk.of.traits & DECAYS;
    Direction direction = {correction1, correction2, eps, eps_root, decays ? decay : 0};
    const Descend update = {direction, decays ? shrink : 0, rates[chunk.variable]};
    each(chunk, update);
}
