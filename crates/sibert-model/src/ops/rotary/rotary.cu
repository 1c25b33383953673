// Four neighbouring pairs of a head a thread: (a, b) becomes (a cos - b sin, b cos + a sin), the sine taken `sign` times. A row
// is one head of one token; its left half are the a, its right half the b.

template <class T>
__device__ inline void rotary(const T* x, T* y, const float* cosines, const float* sines, float sign, u32 rows, u32 heads, u32 seq, u32 half) {
    bool aligned = aligned4(x) && aligned4(y) && aligned4(cosines) && aligned4(sines) && half % 4 == 0;
    u32 per_row = (half + 3) / 4;
    u64 stride = (u64)gridDim.x * blockDim.x;
    for (u64 at = (u64)blockIdx.x * blockDim.x + threadIdx.x; at < (u64)rows * per_row; at += stride) {
        u32 row = (u32)(at / per_row), i = (u32)(at % per_row) * 4, count = half - i < 4 ? half - i : 4;
        u64 left = (u64)row * 2 * half + i, angle = (u64)(row / heads % seq) * half + i;
        float a[4], b[4], cos[4], sin[4];
        load4(x + left, count, aligned, a);
        load4(x + left + half, count, aligned, b);
        load4(cosines + angle, count, aligned, cos);
        load4(sines + angle, count, aligned, sin);
        UNROLL for (int j = 0; j < 4; j++) {
            float from = a[j], s = sign * sin[j];
            a[j] = from * cos[j] - b[j] * s;
            b[j] = b[j] * cos[j] + from * s;
        }
        store4(y + left, count, aligned, a);
        store4(y + left + half, count, aligned, b);
    }
}
KERNEL(rotary_f32, const float* x, float* y, const float* cosines, const float* sines, float sign, u32 rows, u32 heads, u32 seq, u32 half) {
    rotary(x, y, cosines, sines, sign, rows, heads, seq, half);
}
KERNEL(rotary_bf16, const bf16* x, bf16* y, const float* cosines, const float* sines, float sign, u32 rows, u32 heads, u32 seq, u32 half) {
    rotary(x, y, cosines, sines, sign, rows, heads, seq, half);
}
