// y = max(x, 0), not by fmaxf, which would hide NaN; dx = dy where x is positive.

KERNEL(relu_f32, const float* x, float* y, u64 n) { map(x, y, n, [](float x) { return x < 0 ? 0.f : x; }); }
KERNEL(relu_bf16, const bf16* x, bf16* y, u64 n) { map(x, y, n, [](float x) { return x < 0 ? 0.f : x; }); }

KERNEL(relu_backward_f32, const float* x, const float* dy, float* dx, u64 n) {
    map2(x, dy, dx, n, [](float x, float dy) { return x > 0 ? dy : 0.f; });
}
KERNEL(relu_backward_bf16, const bf16* x, const bf16* dy, bf16* dx, u64 n) {
    map2(x, dy, dx, n, [](float x, float dy) { return x > 0 ? dy : 0.f; });
}
