// One warp a head. Like normalize.cu it scales by a power of two, so that no square leaves the range of float and powers of
// two scale nothing but `inverses`.

template <class T> __device__ inline void unit_heads(const T* x, T* y, float* inverses, u32 heads, u32 dim) {
    u32 index = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (index >= heads) return;
    x += (u64)index * dim;
    y += (u64)index * dim;
    bool aligned = aligned4(x) && aligned4(y) && dim % 4 == 0;
    float distance = 0;
    row_fours(dim, [&](u32 i, u32 count) {
        float a[4];
        load4(x + i, count, aligned, a);
        UNROLL for (int j = 0; j < 4; j++) distance += fabsf(a[j]);
    });
    u32 exponent = __float_as_uint(warp_sum(distance)) >> 23;
    float scale = __uint_as_float((exponent >= 254 ? 1 : 254 - exponent) << 23), squares = 0;
    row_fours(dim, [&](u32 i, u32 count) {
        float a[4];
        load4(x + i, count, aligned, a);
        UNROLL for (int j = 0; j < 4; j++) squares += a[j] * scale * (a[j] * scale);
    });
    float norm = sqrtf(warp_sum(squares)), inverse = norm == 0 ? 0.f : 1.f / norm;
    row_fours(dim, [&](u32 i, u32 count) {
        float a[4];
        load4(x + i, count, aligned, a);
        UNROLL for (int j = 0; j < 4; j++) a[j] = a[j] * scale * inverse;
        store4(y + i, count, aligned, a);
    });
    if (threadIdx.x % 32 == 0) inverses[index] = inverse * scale;
}
KERNEL(unit_heads_f32, const float* x, float* y, float* inverses, u32 heads, u32 dim) { unit_heads(x, y, inverses, heads, dim); }
KERNEL(unit_heads_bf16, const bf16* x, bf16* y, float* inverses, u32 heads, u32 dim) { unit_heads(x, y, inverses, heads, dim); }

// dx = (dy - y <y, dy>) / |x|, zero for a head of zeros.
template <class T>
__device__ inline void unit_heads_backward(const T* y, const float* inverses, const T* dy, T* dx, u32 heads, u32 dim) {
    u32 index = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (index >= heads) return;
    u64 start = (u64)index * dim;
    y += start, dy += start, dx += start;
    bool aligned = aligned4(y) && aligned4(dy) && aligned4(dx) && dim % 4 == 0;
    float dot = 0;
    row_fours(dim, [&](u32 i, u32 count) {
        float a[4], d[4];
        load4(y + i, count, aligned, a);
        load4(dy + i, count, aligned, d);
        UNROLL for (int j = 0; j < 4; j++) dot += d[j] * a[j];
    });
    float along = warp_sum(dot), inverse = inverses[index];
    row_fours(dim, [&](u32 i, u32 count) {
        float a[4], d[4];
        load4(y + i, count, aligned, a);
        load4(dy + i, count, aligned, d);
        UNROLL for (int j = 0; j < 4; j++) d[j] = inverse == 0 ? 0.f : (d[j] - a[j] * along) * inverse;
        store4(dx + i, count, aligned, d);
    });
}
KERNEL(unit_heads_backward_f32, const float* y, const float* inverses, const float* dy, float* dx, u32 heads, u32 dim) {
    unit_heads_backward(y, inverses, dy, dx, heads, dim);
}
KERNEL(unit_heads_backward_bf16, const bf16* y, const float* inverses, const bf16* dy, bf16* dx, u32 heads, u32 dim) {
    unit_heads_backward(y, inverses, dy, dx, heads, dim);
}
