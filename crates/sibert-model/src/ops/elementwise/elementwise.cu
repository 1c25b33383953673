// Functions of single elements.

// y = x Phi(x), and its slope Phi(x) + x phi(x).

__device__ inline float phi(float x) { return 0.5f * (1.f + erff(x * 0.70710678118654752f)); }

KERNEL(gelu_f32, const float* x, float* y, u64 n) { map(x, y, n, [](float x) { return x * phi(x); }); }
KERNEL(gelu_bf16, const bf16* x, bf16* y, u64 n) { map(x, y, n, [](float x) { return x * phi(x); }); }

template <class T> __device__ inline void gelu_backward(const T* x, const T* dy, T* dx, u64 n) {
    map2(x, dy, dx, n, [](float x, float dy) { return dy * (phi(x) + x * 0.39894228040143268f * expf(-0.5f * x * x)); });
}
KERNEL(gelu_backward_f32, const float* x, const float* dy, float* dx, u64 n) { gelu_backward(x, dy, dx, n); }
KERNEL(gelu_backward_bf16, const bf16* x, const bf16* dy, bf16* dx, u64 n) { gelu_backward(x, dy, dx, n); }

// y = tanh(x), dx = dy (1 - y^2).

KERNEL(tanh_f32, const float* x, float* y, u64 n) { map(x, y, n, [](float x) { return tanhf(x); }); }
KERNEL(tanh_bf16, const bf16* x, bf16* y, u64 n) { map(x, y, n, [](float x) { return tanhf(x); }); }

KERNEL(tanh_backward_f32, const float* y, const float* dy, float* dx, u64 n) {
    map2(y, dy, dx, n, [](float y, float dy) { return dy - dy * y * y; });
}
KERNEL(tanh_backward_bf16, const bf16* y, const bf16* dy, bf16* dx, u64 n) {
    map2(y, dy, dx, n, [](float y, float dy) { return dy - dy * y * y; });
}
