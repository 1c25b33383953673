// A block of 64 threads a row of logits (seq, 2): a warp for the starts, a warp for the ends. Padding has no logit; a span that
// is not at a real token has an infinite loss.

template <class T> __device__ inline float logit(const T* x, const float* keep, u32 t, u32 end) {
    return keep[t] == 0 ? -infinity() : widen(x[2 * (u64)t + end]);
}

template <class T>
__device__ inline void span_cross_entropy(const T* x, const float* keep, const u32* spans, float* losses, float* partitions, u32 seq) {
    u32 end = threadIdx.x / 32, lane = threadIdx.x % 32, at = 2 * blockIdx.x + end;
    x += 2 * (u64)blockIdx.x * seq;
    keep += (u64)blockIdx.x * seq;
    float largest = -infinity(), sum = 0;
    for (u32 t = lane; t < seq; t += 32) largest = fmaxf(largest, logit(x, keep, t, end));
    largest = warp_max(largest);
    for (u32 t = lane; t < seq; t += 32) if (keep[t] != 0) sum += expf(logit(x, keep, t, end) - largest);
    sum = warp_sum(sum);
    if (lane == 0) {
        losses[at] = 0.5f * (logf(sum) + (largest - logit(x, keep, spans[at], end)));
        partitions[2 * at] = largest;
        partitions[2 * at + 1] = sum;
    }
}
KERNEL(span_cross_entropy_f32, const float* x, const float* keep, const u32* spans, float* losses, float* partitions, u32 seq) {
    span_cross_entropy(x, keep, spans, losses, partitions, seq);
}
KERNEL(span_cross_entropy_bf16, const bf16* x, const float* keep, const u32* spans, float* losses, float* partitions, u32 seq) {
    span_cross_entropy(x, keep, spans, losses, partitions, seq);
}

template <class T>
__device__ inline void span_backward(const T* x, const float* keep, const u32* spans, const float* partitions, const float* dloss, T* dx, u32 seq) {
    u32 end = threadIdx.x / 32, at = 2 * blockIdx.x + end;
    x += 2 * (u64)blockIdx.x * seq;
    dx += 2 * (u64)blockIdx.x * seq;
    keep += (u64)blockIdx.x * seq;
    float half = *dloss / 2, largest = partitions[2 * at], scale = half / partitions[2 * at + 1];
    for (u32 t = threadIdx.x % 32; t < seq; t += 32) {
        float d = keep[t] == 0 ? 0.f : expf(logit(x, keep, t, end) - largest) * scale;
        dx[2 * (u64)t + end] = narrow<T>(d - (t == spans[at] ? half : 0.f));
    }
}
KERNEL(span_backward_f32, const float* x, const float* keep, const u32* spans, const float* partitions, const float* dloss, float* dx, u32 seq) {
    span_backward(x, keep, spans, partitions, dloss, dx, seq);
}
KERNEL(span_backward_bf16, const bf16* x, const float* keep, const u32* spans, const float* partitions, const float* dloss, bf16* dx, u32 seq) {
    span_backward(x, keep, spans, partitions, dloss, dx, seq);
}
