// One warp a row, which it reads three times, the second and third time from its cache. Like the CPU's the rows are shifted
// by their first element, so that a constant row has exactly no variance; and they are scaled by a power of two, so that no
// square leaves the range of float and powers of two scale nothing but `inverses`.

struct Row { float first, scale, mean, deviation; };  // (x - first) * scale has this mean and deviation

template <class T> __device__ inline Row row_moments(const T* x, u32 width, bool aligned, float eps) {
    float first = widen(x[0]), distance = 0;
    row_fours(width, [&](u32 i, u32 count) {
        float a[4];
        load4(x + i, count, aligned, a);
        UNROLL for (int j = 0; j < 4; j++) if (j < (int)count) distance += fabsf(a[j] - first);
    });
    distance = warp_sum(distance);
    u32 exponent = __float_as_uint(distance) >> 23;
    float scale = eps > 0 ? 1.f : __uint_as_float((exponent >= 254 ? 1 : 254 - exponent) << 23);
    float sum = 0, squares = 0;
    row_fours(width, [&](u32 i, u32 count) {
        float a[4];
        load4(x + i, count, aligned, a);
        UNROLL for (int j = 0; j < 4; j++) if (j < (int)count) sum += (a[j] - first) * scale;
    });
    float mean = warp_sum(sum) / width;
    row_fours(width, [&](u32 i, u32 count) {
        float a[4];
        load4(x + i, count, aligned, a);
        UNROLL for (int j = 0; j < 4; j++) if (j < (int)count) {
            float d = (a[j] - first) * scale - mean;
            squares += d * d;
        }
    });
    return {first, scale, mean, sqrtf(warp_sum(squares) / width + eps)};
}

// 1 / sigma of the scaled row; zero for one that does not vary, NaN for one with a NaN.
__device__ inline float inverse_of(Row row) { return row.deviation == 0 ? 0.f : 1.f / row.deviation; }

template <class T> __device__ inline void normalize(const T* x, T* y, float* inverses, u32 rows, u32 width) {
    u32 index = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (index >= rows) return;
    x += (u64)index * width;
    y += (u64)index * width;
    bool aligned = aligned4(x) && aligned4(y) && width % 4 == 0;
    Row row = row_moments(x, width, aligned, 0.f);
    float inverse = inverse_of(row);
    row_fours(width, [&](u32 i, u32 count) {
        float a[4];
        load4(x + i, count, aligned, a);
        UNROLL for (int j = 0; j < 4; j++) a[j] = ((a[j] - row.first) * row.scale - row.mean) * inverse;
        store4(y + i, count, aligned, a);
    });
    if (threadIdx.x % 32 == 0) inverses[index] = inverse * row.scale;
}
KERNEL(normalize_f32, const float* x, float* y, float* inverses, u32 rows, u32 width) { normalize(x, y, inverses, rows, width); }
KERNEL(normalize_bf16, const bf16* x, bf16* y, float* inverses, u32 rows, u32 width) { normalize(x, y, inverses, rows, width); }

// dx = (dy - mean(dy) - y mean(dy y)) / sigma, and `earlier` if that is asked for.
template <class T>
__device__ inline void normalize_backward(const T* y, const float* inverses, const T* dy, const T* earlier, T* dx, u32 rows, u32 width, u32 add) {
    u32 index = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (index >= rows) return;
    u64 start = (u64)index * width;
    y += start, dy += start, earlier += start, dx += start;
    bool aligned = aligned4(y) && aligned4(dy) && aligned4(earlier) && aligned4(dx) && width % 4 == 0;
    float sum = 0, dot = 0;
    row_fours(width, [&](u32 i, u32 count) {
        float a[4], d[4];
        load4(y + i, count, aligned, a);
        load4(dy + i, count, aligned, d);
        UNROLL for (int j = 0; j < 4; j++) sum += d[j], dot += d[j] * a[j];
    });
    float mean = warp_sum(sum) / width, along = warp_sum(dot) / width, inverse = inverses[index];
    row_fours(width, [&](u32 i, u32 count) {
        float a[4], d[4], e[4] = {0, 0, 0, 0};
        load4(y + i, count, aligned, a);
        load4(dy + i, count, aligned, d);
        if (add) load4(earlier + i, count, aligned, e);
        UNROLL for (int j = 0; j < 4; j++) d[j] = e[j] + (inverse == 0 ? 0.f : (d[j] - mean - a[j] * along) * inverse);
        store4(dx + i, count, aligned, d);
    });
}
KERNEL(normalize_backward_f32, const float* y, const float* inverses, const float* dy, const float* earlier, float* dx, u32 rows, u32 width, u32 add) {
    normalize_backward(y, inverses, dy, earlier, dx, rows, width, add);
}
KERNEL(normalize_backward_bf16, const bf16* y, const float* inverses, const bf16* dy, const bf16* earlier, bf16* dx, u32 rows, u32 width, u32 add) {
    normalize_backward(y, inverses, dy, earlier, dx, rows, width, add);
}
