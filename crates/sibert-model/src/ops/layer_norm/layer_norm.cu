// One warp a row, behind `normalize.cu`, whose moments these are. The gradients of weight and bias are sums over rows: a
// block adds up those of its rows, and the second stage of `sum.cu` the blocks'.

template <class T>
__device__ inline void layer_norm(const T* x, const float* weight, const float* bias, T* y, u32 rows, u32 width, float eps) {
    u32 index = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (index >= rows) return;
    x += (u64)index * width;
    y += (u64)index * width;
    bool aligned = aligned4(x) && aligned4(y) && aligned4(weight) && aligned4(bias) && width % 4 == 0;
    Row row = row_moments(x, width, aligned, eps);
    float inverse = inverse_of(row);
    row_fours(width, [&](u32 i, u32 count) {
        float a[4], w[4], b[4];
        load4(x + i, count, aligned, a);
        load4(weight + i, count, aligned, w);
        load4(bias + i, count, aligned, b);
        UNROLL for (int j = 0; j < 4; j++) a[j] = ((a[j] - row.first) * row.scale - row.mean) * inverse * w[j] + b[j];
        store4(y + i, count, aligned, a);
    });
}
KERNEL(layer_norm_f32, const float* x, const float* weight, const float* bias, float* y, u32 rows, u32 width, float eps) {
    layer_norm(x, weight, bias, y, rows, width, eps);
}
KERNEL(layer_norm_bf16, const bf16* x, const float* weight, const float* bias, bf16* y, u32 rows, u32 width, float eps) {
    layer_norm(x, weight, bias, y, rows, width, eps);
}

// With g = dy w and the normalised row n: dx = (g - mean(g) - n mean(g n)) / sigma. A row gives dx, and its mean, scale and
// inverse to `moments` (rows, 4) for the sums.
template <class T>
__device__ inline void layer_norm_backward(const T* x, const float* weight, const T* dy, T* dx, float* moments, u32 rows, u32 width, float eps) {
    u32 index = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
    if (index >= rows) return;
    u64 start = (u64)index * width;
    x += start, dy += start, dx += start;
    bool aligned = aligned4(x) && aligned4(dy) && aligned4(dx) && aligned4(weight) && width % 4 == 0;
    Row row = row_moments(x, width, aligned, eps);
    float inverse = inverse_of(row), sum = 0, dot = 0;
    row_fours(width, [&](u32 i, u32 count) {
        float a[4], w[4], d[4];
        load4(x + i, count, aligned, a);
        load4(weight + i, count, aligned, w);
        load4(dy + i, count, aligned, d);
        UNROLL for (int j = 0; j < 4; j++) {
            float n = ((a[j] - row.first) * row.scale - row.mean) * inverse, g = d[j] * w[j];
            if (j < (int)count) sum += g, dot += g * n;
        }
    });
    float mean = warp_sum(sum) / width, along = warp_sum(dot) / width;
    row_fours(width, [&](u32 i, u32 count) {
        float a[4], w[4], d[4];
        load4(x + i, count, aligned, a);
        load4(weight + i, count, aligned, w);
        load4(dy + i, count, aligned, d);
        UNROLL for (int j = 0; j < 4; j++) {
            float n = ((a[j] - row.first) * row.scale - row.mean) * inverse;
            d[j] = inverse == 0 ? 0.f : (d[j] * w[j] - mean - n * along) * inverse * row.scale;
        }
        store4(dx + i, count, aligned, d);
    });
    if (threadIdx.x % 32 == 0) {
        float* kept = moments + 4 * (u64)index;
        kept[0] = row.first, kept[1] = row.scale, kept[2] = row.mean, kept[3] = inverse;
    }
}
KERNEL(layer_norm_backward_f32, const float* x, const float* weight, const float* dy, float* dx, float* moments, u32 rows, u32 width, float eps) {
    layer_norm_backward(x, weight, dy, dx, moments, rows, width, eps);
}
KERNEL(layer_norm_backward_bf16, const bf16* x, const float* weight, const bf16* dy, bf16* dx, float* moments, u32 rows, u32 width, float eps) {
    layer_norm_backward(x, weight, dy, dx, moments, rows, width, eps);
}

// Sums of dy n and of dy over `tall` rows, a column a thread: two rows of parts (parts, width) each.
template <class T>
__device__ inline void layer_norm_sums(const T* x, const T* dy, const float* moments, float* weight_parts, float* bias_parts, u32 rows, u32 width, u32 tall) {
    u32 column = blockIdx.x * blockDim.x + threadIdx.x;
    if (column >= width) return;
    float weight = 0, bias = 0;
    for (u32 row = blockIdx.y * tall; row < rows && row < (blockIdx.y + 1) * tall; row++) {
        const float* kept = moments + 4 * (u64)row;
        u64 at = (u64)row * width + column;
        float d = widen(dy[at]);
        weight += d * (((widen(x[at]) - kept[0]) * kept[1] - kept[2]) * kept[3]);
        bias += d;
    }
    weight_parts[(u64)blockIdx.y * width + column] = weight;
    bias_parts[(u64)blockIdx.y * width + column] = bias;
}
KERNEL(layer_norm_sums_f32, const float* x, const float* dy, const float* moments, float* weight_parts, float* bias_parts, u32 rows, u32 width, u32 tall) {
    layer_norm_sums(x, dy, moments, weight_parts, bias_parts, rows, width, tall);
}
KERNEL(layer_norm_sums_bf16, const bf16* x, const bf16* dy, const float* moments, float* weight_parts, float* bias_parts, u32 rows, u32 width, u32 tall) {
    layer_norm_sums(x, dy, moments, weight_parts, bias_parts, rows, width, tall);
}
