// Sums and conversions, four elements a thread.

KERNEL(sum_f32, const float* x, const float* y, float* z, u64 n) {
    map2(x, y, z, n, [](float x, float y) { return x + y; });
}
KERNEL(sum_bf16, const bf16* x, const bf16* y, bf16* z, u64 n) {
    map2(x, y, z, n, [](float x, float y) { return x + y; });
}

KERNEL(narrow_f32, const float* x, bf16* y, u64 n) { map(x, y, n, [](float x) { return x; }); }
KERNEL(widen_bf16, const bf16* x, float* y, u64 n) { map(x, y, n, [](float x) { return x; }); }

// Sums of columns (rows, width) of x, in two stages, each in a fixed order. A block sums `tall` rows of 4 columns a thread;
// the second kernel the blocks' parts (parts, width).
template <class T, class F> __device__ inline void column_parts(float* parts, u32 rows, u32 width, u32 tall, F row_of_four) {
    u32 column = (blockIdx.x * blockDim.x + threadIdx.x) * 4;
    if (column >= width) return;
    u32 count = width - column < 4 ? width - column : 4, first = blockIdx.y * tall;
    float sum[4] = {0, 0, 0, 0};
    for (u32 row = first; row < rows && row < first + tall; row++) {
        float x[4];
        row_of_four((u64)row * width + column, count, x);
        UNROLL for (int i = 0; i < 4; i++) sum[i] += x[i];
    }
    UNROLL for (int i = 0; i < 4; i++) if (i < (int)count) parts[(u64)blockIdx.y * width + column + i] = sum[i];
}
template <class T> __device__ inline void column_sums(const T* x, float* parts, u32 rows, u32 width, u32 tall) {
    bool aligned = aligned4(x) && width % 4 == 0;
    column_parts<T>(parts, rows, width, tall, [&](u64 at, u32 count, float (&four)[4]) { load4(x + at, count, aligned, four); });
}
KERNEL(column_sums_f32, const float* x, float* parts, u32 rows, u32 width, u32 tall) { column_sums(x, parts, rows, width, tall); }
KERNEL(column_sums_bf16, const bf16* x, float* parts, u32 rows, u32 width, u32 tall) { column_sums(x, parts, rows, width, tall); }

// The same of dy where y is positive, which is written: the gradient before a rectifier, and that of the bias before it.
template <class T> __device__ inline void relu_sums(const T* dy, const T* y, T* out, float* parts, u32 rows, u32 width, u32 tall) {
    bool aligned = aligned4(dy) && aligned4(y) && aligned4(out) && width % 4 == 0;
    column_parts<T>(parts, rows, width, tall, [&](u64 at, u32 count, float (&four)[4]) {
        float sign[4];
        load4(dy + at, count, aligned, four);
        load4(y + at, count, aligned, sign);
        UNROLL for (int i = 0; i < 4; i++) four[i] = sign[i] > 0 ? four[i] : 0;
        store4(out + at, count, aligned, four);
    });
}
KERNEL(relu_sums_f32, const float* dy, const float* y, float* out, float* parts, u32 rows, u32 width, u32 tall) {
    relu_sums(dy, y, out, parts, rows, width, tall);
}
KERNEL(relu_sums_bf16, const bf16* dy, const bf16* y, bf16* out, float* parts, u32 rows, u32 width, u32 tall) {
    relu_sums(dy, y, out, parts, rows, width, tall);
}

KERNEL(sum_parts, const float* parts, float* sums, u32 count, u32 width) {
    for (u32 column = blockIdx.x * blockDim.x + threadIdx.x; column < width; column += gridDim.x * blockDim.x) {
        float sum = 0;
        for (u32 part = 0; part < count; part++) sum += parts[(u64)part * width + column];
        sums[column] = sum;
    }
}

// The sum of n numbers in double by one block, as one float.
KERNEL(total, const float* x, float* sum, u64 n) {
    double part = 0;
    for (u64 i = threadIdx.x; i < n; i += blockDim.x) part += (double)x[i];
    part = block_sum(part);
    if (threadIdx.x == 0) *sum = (float)part;
}
