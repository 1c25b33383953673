// One block: the sum of (x - target)^2 in double, and its gradient 2 dL (x - target).

template <class T> __device__ inline void squared_error(const T* x, const float* target, float* loss, u64 n) {
    double part = 0;
    for (u64 i = threadIdx.x; i < n; i += blockDim.x) {
        double distance = (double)widen(x[i]) - (double)target[i];
        part += distance * distance;
    }
    part = block_sum(part);
    if (threadIdx.x == 0) *loss = (float)part;
}
KERNEL(squared_error_f32, const float* x, const float* target, float* loss, u64 n) { squared_error(x, target, loss, n); }
KERNEL(squared_error_bf16, const bf16* x, const float* target, float* loss, u64 n) { squared_error(x, target, loss, n); }

template <class T> __device__ inline void squared_error_backward(const T* x, const float* target, const float* dloss, T* dx, u64 n) {
    float twice = 2 * *dloss;
    map2(x, target, dx, n, [&](float x, float target) { return twice * (x - target); });
}
KERNEL(squared_error_backward_f32, const float* x, const float* target, const float* dloss, float* dx, u64 n) {
    squared_error_backward(x, target, dloss, dx, n);
}
KERNEL(squared_error_backward_bf16, const bf16* x, const float* target, const float* dloss, bf16* dx, u64 n) {
    squared_error_backward(x, target, dloss, dx, n);
}
