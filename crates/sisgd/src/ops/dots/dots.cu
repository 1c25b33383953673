#line 1 "dots.cu"
// The dot products of variables and gradients, exact products summed in f64: parts (chunks, S).

struct Dots {
    double xx, xg, gg;
    template <int N> __device__ void at(const Variable& v, u32 i) {
        float x[N], g[N];
        load(v.x + i, x);
        load_gradient(v, i, g);
        UNROLL for (int k = 0; k < N; k++) {
            double a = x[k], b = g[k];
            xx += a * a;
            xg += a * b;
            gg += b * b;
        }
    }
};

// The same and those with the velocity w, from which every product with the next velocity follows.
struct VelocityDots {
    Dots dots;
    double xw, gw, ww;
    template <int N> __device__ void at(const Variable& v, u32 i) {
        float x[N], g[N], w[N];
        load(v.x + i, x);
        load_gradient(v, i, g);
        load(v.state + i, w);
        UNROLL for (int k = 0; k < N; k++) {
            double a = x[k], b = g[k], c = w[k];
            dots.xx += a * a;
            dots.xg += a * b;
            dots.gg += b * b;
            xw += a * c;
            gw += b * c;
            ww += c * c;
        }
    }
};

struct Squares {
    double xx;
    template <int N> __device__ void at(const Variable& v, u32 i) {
        float x[N];
        load(v.x + i, x);
        UNROLL for (int k = 0; k < N; k++) xx += (double)x[k] * x[k];
    }
};

// Reads 4 bytes per parameter.
KERNEL_OF(THREADS, squares, const long long* table, u32 count, double* parts) {
    Squares squares = {0};
    each(chunk_of(table, count), squares);
    double sums[1] = {squares.xx};
    block_sums(sums, parts + blockIdx.x);
}

// The squares of each variable. One block.
KERNEL_OF(THREADS, sum_squares, const long long* table, u32 count, u32 chunks, const double* parts, double* sums) {
    variable_sums<1>(table, count, chunks, parts, sums);
}

// The dot products of each variable. One block.
KERNEL_OF(THREADS, sum_dots, const long long* table, u32 count, u32 chunks, const double* parts, double* sums) {
    variable_sums<3>(table, count, chunks, parts, sums);
}

// Reads 8 bytes per parameter.
KERNEL_OF(THREADS, dots, const long long* table, u32 count, double* parts) {
    Dots dots = {0, 0, 0};
    each(chunk_of(table, count), dots);
    double sums[3] = {dots.xx, dots.xg, dots.gg};
    block_sums(sums, parts + 3ull * blockIdx.x);
}

// Reads 12 bytes per parameter.
KERNEL_OF(THREADS, velocity_dots, const long long* table, u32 count, double* parts) {
    VelocityDots all = {{0, 0, 0}, 0, 0, 0};
    each(chunk_of(table, count), all);
    double sums[6] = {all.dots.xx, all.dots.xg, all.dots.gg, all.xw, all.gw, all.ww};
    block_sums(sums, parts + 6ull * blockIdx.x);
}
