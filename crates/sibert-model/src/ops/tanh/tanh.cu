// y = tanh(x), dx = dy (1 - y^2).

KERNEL(tanh_f32, const float* x, float* y, u64 n) { map(x, y, n, [](float x) { return tanhf(x); }); }
KERNEL(tanh_bf16, const bf16* x, bf16* y, u64 n) { map(x, y, n, [](float x) { return tanhf(x); }); }

KERNEL(tanh_backward_f32, const float* y, const float* dy, float* dx, u64 n) {
    map2(y, dy, dx, n, [](float y, float dy) { return dy - dy * y * y; });
}
KERNEL(tanh_backward_bf16, const bf16* y, const bf16* dy, bf16* dx, u64 n) {
    map2(y, dy, dx, n, [](float y, float dy) { return dy - dy * y * y; });
}
