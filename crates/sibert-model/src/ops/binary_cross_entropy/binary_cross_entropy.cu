// One block: the sum of log(1 + e^x) - target x in double, and its gradient dL (1 / (1 + e^-x) - target).

template <class T> __device__ inline void binary_cross_entropy(const T* x, const float* target, float* loss, u64 n) {
    double part = 0;
    for (u64 i = threadIdx.x; i < n; i += blockDim.x) {
        double logit = (double)widen(x[i]);
        part += (logit > 0 ? logit : 0) + log1p(exp(-fabs(logit))) - (double)target[i] * logit;
    }
    part = block_sum(part);
    if (threadIdx.x == 0) *loss = (float)part;
}
KERNEL(binary_cross_entropy_f32, const float* x, const float* target, float* loss, u64 n) {
    binary_cross_entropy(x, target, loss, n);
}
KERNEL(binary_cross_entropy_bf16, const bf16* x, const float* target, float* loss, u64 n) {
    binary_cross_entropy(x, target, loss, n);
}

template <class T>
__device__ inline void binary_cross_entropy_backward(const T* x, const float* target, const float* dloss, T* dx, u64 n) {
    float slope = *dloss;
    map2(x, target, dx, n, [&](float x, float target) { return slope * (1 / (1 + expf(-x)) - target); });
}
KERNEL(binary_cross_entropy_backward_f32, const float* x, const float* target, const float* dloss, float* dx, u64 n) {
    binary_cross_entropy_backward(x, target, dloss, dx, n);
}
KERNEL(binary_cross_entropy_backward_bf16, const bf16* x, const float* target, const float* dloss, bf16* dx, u64 n) {
    binary_cross_entropy_backward(x, target, dloss, dx, n);
}
