// One warp a head. Like normalize.cu it scales by a power of two, so that no square leaves the range of float and powers of
// two scale nothing but `inverses`. Where `half`, half a head, is not zero, the halves a and b of what is stored are turned by the
// angles of the head's position: (a cos - b sin, b cos + a sin), the sine taken `sign` times.

struct Turns {
    const float* table; // cosines (seq, half), then sines
    u32 count, seq, half;
};
#define TURNS const float* table, u32 count, u32 seq, u32 half
#define THE_TURNS Turns{table, count, seq, half}

// Stores `number(i, count, out)`, the numbers i .. i + count of a head, turned.
template <class T, class F>
__device__ inline void store_head(T* y, u32 index, u32 dim, Turns turns, float sign, F number) {
    bool aligned = aligned4(y) && dim % 4 == 0 && turns.half % 4 == 0;
    if (turns.half == 0) {
        row_fours(dim, [&](u32 i, u32 count) {
            float a[4];
            number(i, count, a);
            store4(y + i, count, aligned, a);
        });
        return;
    }
    const float* cosines = turns.table + (u64)(index / turns.count % turns.seq) * turns.half;
    const float* sines = cosines + (u64)turns.seq * turns.half;
    bool tables = aligned4(cosines) && aligned4(sines) && turns.half % 4 == 0;
    row_fours(turns.half, [&](u32 i, u32 count) {
        float a[4], b[4], cos[4], sin[4];
        number(i, count, a);
        number(turns.half + i, count, b);
        load4(cosines + i, count, tables, cos);
        load4(sines + i, count, tables, sin);
        UNROLL for (int j = 0; j < 4; j++) {
            float from = a[j], s = sign * sin[j];
            a[j] = from * cos[j] - b[j] * s;
            b[j] = b[j] * cos[j] + from * s;
        }
        store4(y + i, count, aligned, a);
        store4(y + turns.half + i, count, aligned, b);
    });
}

template <class T> __device__ inline void unit_heads(const T* x, T* y, float* inverses, u32 heads, u32 dim, Turns turns) {
    u32 index = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (index >= heads) return;
    x += (u64)index * dim;
    y += (u64)index * dim;
    bool aligned = aligned4(x) && dim % 4 == 0 && turns.half % 4 == 0;
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
    store_head(y, index, dim, turns, 1, [&](u32 i, u32 count, float (&a)[4]) {
        load4(x + i, count, aligned, a);
        UNROLL for (int j = 0; j < 4; j++) a[j] = a[j] * scale * inverse;
    });
    if (threadIdx.x % 32 == 0) inverses[index] = inverse * scale;
}
KERNEL(unit_heads_f32, const float* x, float* y, float* inverses, TURNS, u32 heads, u32 dim) { unit_heads(x, y, inverses, heads, dim, THE_TURNS); }
KERNEL(unit_heads_bf16, const bf16* x, bf16* y, float* inverses, TURNS, u32 heads, u32 dim) { unit_heads(x, y, inverses, heads, dim, THE_TURNS); }

// dx = R' (dy - y <y, dy>) / |x|, zero for a head of zeros.
template <class T>
__device__ inline void unit_heads_backward(const T* y, const float* inverses, const T* dy, T* dx, u32 heads, u32 dim, Turns turns) {
    u32 index = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (index >= heads) return;
    u64 start = (u64)index * dim;
    y += start, dy += start, dx += start;
    bool aligned = aligned4(y) && aligned4(dy) && dim % 4 == 0 && turns.half % 4 == 0;
    float dot = 0;
    row_fours(dim, [&](u32 i, u32 count) {
        float a[4], d[4];
        load4(y + i, count, aligned, a);
        load4(dy + i, count, aligned, d);
        UNROLL for (int j = 0; j < 4; j++) dot += d[j] * a[j];
    });
    float along = warp_sum(dot), inverse = inverses[index];
    store_head(dx, index, dim, turns, -1, [&](u32 i, u32 count, float (&d)[4]) {
        float a[4];
        load4(y + i, count, aligned, a);
        load4(dy + i, count, aligned, d);
        UNROLL for (int j = 0; j < 4; j++) d[j] = inverse == 0 ? 0.f : (d[j] - a[j] * along) * inverse;
    });
}
KERNEL(unit_heads_backward_f32, const float* y, const float* inverses, const float* dy, float* dx, TURNS, u32 heads, u32 dim) {
    unit_heads_backward(y, inverses, dy, dx, heads, dim, THE_TURNS);
}
KERNEL(unit_heads_backward_bf16, const bf16* y, const float* inverses, const bf16* dy, bf16* dx, TURNS, u32 heads, u32 dim) {
    unit_heads_backward(y, inverses, dy, dx, heads, dim, THE_TURNS);
}
