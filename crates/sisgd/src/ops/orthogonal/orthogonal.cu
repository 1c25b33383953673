#line 1 "orthogonal.cu"
// The orthogonal factor U of a matrix and its bias as one more column, and the step along it; the products are cuBLAS's.

// 1/‖G‖ of each band of a matrix, its bias with it; 0 where it is zero. Bands are (rows, columns): `below` of them one below the
// other, or as many as the grid has side by side in rows of `stride`.
KERNEL_OF(THREADS, band_scales, const long long* table, u32 count, u32 rows, u32 columns, u32 stride, u32 below, double* scales) {
    const Variable* variables = reinterpret_cast<const Variable*>(table);
    u64 first = below ? (u64)blockIdx.x * rows * stride : (u64)blockIdx.x * columns;
    double sums[1] = {0};
    for (u64 i = threadIdx.x; i < (u64)rows * columns; i += blockDim.x) {
        double g = variables[0].g[first + i / columns * stride + i % columns];
        sums[0] += g * g;
    }
    if (count > 1) {
        for (u32 row = threadIdx.x; row < rows; row += blockDim.x) {
            double g = variables[1].g[(u64)blockIdx.x * rows + row];
            sums[0] += g * g;
        }
    }
    block_sums(sums, scales + blockIdx.x);
    if (threadIdx.x == 0) scales[blockIdx.x] = scales[blockIdx.x] > 0 ? 1 / sqrt(scales[blockIdx.x]) : 0;
}

// X = [G | b] (rows, pitch), each band multiplied by its scale, zero behind its columns and where G is zero. The table has the
// matrix, and its bias if `count` is 2; sums (count, 3) have ‖G‖², for a matrix that is not banded; pitch is a
// multiple of 4; bands are of `tall` rows and `wide` columns.
KERNEL(pack, const long long* table, u32 count, const double* sums, u32 banded, const double* scales, u32 rows, u32 columns,
       u32 pitch, u32 tall, u32 wide, float* x) {
    const Variable* variables = reinterpret_cast<const Variable*>(table);
    const float *g = variables[0].g, *bias = count > 1 ? variables[1].g : nullptr;
    double gg = count > 1 ? sums[2] + sums[5] : sums[2], whole = gg > 0 ? 1 / sqrt(gg) : 0;
    bool aligned = aligned4(g) && columns % 4 == 0;
    fours((u64)rows * pitch, [&](u64 i, u32) {
        u32 row = (u32)(i / pitch), column = (u32)(i % pitch);
        float values[4];
        load4(g + (u64)row * columns + column, column < columns ? min(columns - column, 4u) : 0, aligned, values);
        UNROLL for (int k = 0; k < 4; k++) {
            if (column + k == columns && bias) values[k] = bias[row];
            double scale = banded ? scales[row / tall + min(column + k, columns - 1) / wide] : whole;
            values[k] = (float)(values[k] * scale);
        }
        store4(x + i, values);
    });
}

// B = α + β A + γ A² of matrices (n, n), over A².
KERNEL(polynomial, const float* a, float* b, u32 n, u32 matrices, float alpha, float beta, float gamma) {
    u64 stride = (u64)gridDim.x * blockDim.x, square = (u64)n * n;
    for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < square * matrices; i += stride) {
        float sum = fmaf(gamma, b[i], beta * a[i]);
        b[i] = i % square / n == i % n ? sum + alpha : sum;
    }
}

// U (rows, pitch) by the elements of a variable: of the matrix, or of the bias, the column behind.
struct Factor {
    const float* u;
    u32 columns, pitch;
    __device__ u64 place(u32 i) const { return (u64)(i / columns) * pitch + i % columns; }
    template <int N> __device__ void read(u32 i, float (&x)[N]) const {
        if (columns % N == 0) return load(u + place(i), x);
        UNROLL for (int k = 0; k < N; k++) x[k] = u[place(i + k)];
    }
};

__device__ inline Factor factor_of(const Chunk& chunk, const float* u, u32 columns, u32 pitch) {
    if (chunk.variable == 0) return {u, columns, pitch};
    return {u + columns, 1, pitch};
}

struct FactorDots {
    Factor factor;
    double xu, uu;
    template <int N> __device__ void at(const Variable& v, u32 i) {
        float x[N], u[N];
        load(v.x + i, x);
        factor.read(i, u);
        UNROLL for (int k = 0; k < N; k++) {
            xu += (double)x[k] * u[k];
            uu += (double)u[k] * u[k];
        }
    }
};

// ⟨W, U⟩ and ‖U‖²: parts (chunks, 2). Reads 8 bytes per parameter.
KERNEL_OF(THREADS, factor_dots, const long long* table, u32 count, u32 first, const float* u, u32 columns, u32 pitch, double* parts) {
    Chunk chunk = chunk_of(table, count, first + blockIdx.x);
    FactorDots dots = {factor_of(chunk, u, columns, pitch), 0, 0};
    each(chunk, dots);
    double sums[2] = {dots.xu, dots.uu};
    block_sums(sums, parts + 2ull * blockIdx.x);
}

struct AlongFactor {
    Factor factor;
    float decay, rate;
    template <int N> __device__ void at(const Variable& v, u32 i) const {
        float x[N], u[N];
        load(v.x + i, x);
        factor.read(i, u);
        UNROLL for (int k = 0; k < N; k++) x[k] -= fmaf(decay, x[k], rate * u[k]);
        store(v.x + i, x);
    }
};

// W ← keep·W − rate·U, the move being the block's own: 12 bytes per parameter.
KERNEL_OF(THREADS, factor_descend, const long long* table, u32 count, u32 first, const double* guard, const double* move, const float* u,
          u32 columns, u32 pitch) {
    Move how = *reinterpret_cast<const Move*>(move);
    if (guard[0] != 0 || (how.decay == 0 && how.rate == 0)) return;
    Chunk chunk = chunk_of(table, count, first + blockIdx.x);
    const AlongFactor update = {factor_of(chunk, u, columns, pitch), (float)how.decay, (float)how.rate};
    each(chunk, update);
}
