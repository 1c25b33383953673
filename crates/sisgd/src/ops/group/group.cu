#line 1 "group.cu"
// A group of variables and their gradients: one launch has a block for each chunk of each variable.

#define THREADS 256
// Elements of a chunk, 64 of a thread; as in mod.rs.
#define CHUNK 16384u
// Where a gradient by rows has a row that it lacks.
#define NONE 0xffffffffu

// Traits of a variable: its pointers and sizes allow four elements at once; it is decayed; it gets a trust ratio.
#define FOURS 1
#define DECAYS 2
#define ADAPTS 4

// A row of the table that mod.rs writes.
struct Variable {
    float* x;
    const float* g;
    // Where g has each row of x; null if g has the shape of x.
    const u32* place;
    // The velocity, or m and v one after the other.
    float* state;
    u64 len;
    // Elements of a row, where g is given by rows.
    u64 width;
    // The block of the first chunk.
    u64 first;
    u64 traits;
};

// Elements start to end of a variable.
struct Chunk {
    Variable of;
    u32 variable, start, end;
};

// The chunk with this number, of variables that are next to each other in the table.
__device__ inline Chunk chunk_of(const long long* table, u32 count, u32 number) {
    const Variable* variables = reinterpret_cast<const Variable*>(table);
    u32 low = 0, high = count;
    while (high - low > 1) {
        u32 middle = (low + high) / 2;
        if (variables[middle].first <= number) low = middle;
        else high = middle;
    }
    Chunk chunk;
    chunk.of = variables[low];
    chunk.variable = low;
    chunk.start = (number - (u32)chunk.of.first) * CHUNK;
    chunk.end = min(chunk.start + CHUNK, (u32)chunk.of.len);
    return chunk;
}

// That of this block, where the launch is over all variables.
__device__ inline Chunk chunk_of(const long long* table, u32 count) { return chunk_of(table, count, blockIdx.x); }

// f.at<N>(variable, i) for all elements of the chunk, N of them from the i-th at a time.
template <class F> __device__ inline void each(const Chunk& chunk, F& f) {
    if (chunk.of.traits & FOURS) {
        for (u32 i = chunk.start + 4 * threadIdx.x; i < chunk.end; i += 4 * THREADS) f.template at<4>(chunk.of, i);
    } else {
        for (u32 i = chunk.start + threadIdx.x; i < chunk.end; i += THREADS) f.template at<1>(chunk.of, i);
    }
}

__device__ inline void load(const float* p, float (&x)[1]) { x[0] = *p; }
__device__ inline void load(const float* p, float (&x)[4]) { load4(p, x); }
__device__ inline void store(float* p, const float (&x)[1]) { *p = x[0]; }
__device__ inline void store(float* p, const float (&x)[4]) { store4(p, x); }

// The gradient of N elements from the i-th, all in one row.
template <int N> __device__ inline void load_gradient(const Variable& v, u32 i, float (&g)[N]) {
    if (!v.place) return load(v.g + i, g);
    u32 width = (u32)v.width, at = v.place[i / width];
    if (at != NONE) return load(v.g + (u64)at * width + i % width, g);
    UNROLL for (int k = 0; k < N; k++) g[k] = 0;
}

// S sums over the block, in a fixed order; S is at most the number of warps.
template <int S> __device__ inline void block_sums(const double (&sums)[S], double* out) {
    SHARED(double, all, S * THREADS);
    UNROLL for (int k = 0; k < S; k++) all[k * THREADS + threadIdx.x] = sums[k];
    __syncthreads();
    u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    if (warp >= S) return;
    double sum = 0;
    for (u32 i = lane; i < THREADS; i += 32) sum += all[warp * THREADS + i];
    sum = warp_sum(sum);
    if (lane == 0) out[warp] = sum;
}

// The sums of each variable from those of its chunks, a warp for each variable, in one block.
template <int S> __device__ inline void variable_sums(const long long* table, u32 count, u32 chunks, const double* parts, double* sums) {
    const Variable* variables = reinterpret_cast<const Variable*>(table);
    u32 lane = threadIdx.x % 32;
    for (u32 v = threadIdx.x / 32; v < count; v += THREADS / 32) {
        u32 end = v + 1 < count ? (u32)variables[v + 1].first : chunks;
        double sum[S] = {};
        for (u32 i = (u32)variables[v].first + lane; i < end; i += 32)
            UNROLL for (int k = 0; k < S; k++) sum[k] += parts[(u64)S * i + k];
        UNROLL for (int k = 0; k < S; k++) {
            double all = warp_sum(sum[k]);
            if (lane == 0) sums[S * v + k] = all;
        }
    }
    __syncthreads();
}
