// Attention for any type of numbers and any head of at most COLUMNS columns: products of tiles (64, 64) in exact f32.
//
// 256 threads, 16 times 16, a thread having 4 times 4 elements of a tile. A tile is 17 KiB of shared memory: 3 of them make
// 51 KiB in the forward pass and for dQ, 4 make 68 KiB for dK and dV. A product of two tiles is 1024 FMA a thread behind 32
// loads, whose latency the other block of the SM hides: registers are for two blocks (128 a thread) up to 128 columns, for
// one beyond and for dK and dV from 128 on. Rows are 68 floats apart, so that 16 lanes read from 16 rows, or 4 columns each
// of one row, without conflicts of banks.

constexpr u32 SIDE = 64, THREADS = 256, CHUNKS = COLUMNS / SIDE;
struct alignas(16) Tile { float at[SIDE][SIDE + 4]; };

// Rows `row ..` and columns `64 chunk ..` of a head; zeros outside, and for keys that `keep` has not.
template <class T>
__device__ inline void load(Tile& tile, const Problem& p, const T* head, u32 row, u32 chunk, const float* keep) {
    u32 column = threadIdx.x % SIDE, stride = p.heads * p.dim;
    bool wide = chunk * SIDE + column < p.dim;
    const T* from = head + (u64)(row + threadIdx.x / SIDE) * stride + chunk * SIDE + column;
#pragma unroll 4
    for (u32 r = threadIdx.x / SIDE; r < SIDE; r += THREADS / SIDE, from += THREADS / SIDE * stride)
        tile.at[r][column] = wide && row + r < p.seq && (!keep || keep[row + r] != 0) ? widen(*from) : 0;
}

// s += a b^T over so many columns: this thread has rows 4y + i of a and x + 16j of b.
__device__ inline void multiply_rows(float (&s)[4][4], const Tile& a, const Tile& b, u32 columns) {
    u32 y = threadIdx.x / 16, x = threadIdx.x % 16;
#pragma unroll 2
    for (u32 c = 0; c < columns; c += 4) {
        float u[4][4], v[4][4];
        UNROLL for (u32 i = 0; i < 4; i++) load4(&a.at[4 * y + i][c], u[i]);
        UNROLL for (u32 j = 0; j < 4; j++) load4(&b.at[x + 16 * j][c], v[j]);
        UNROLL for (int i = 0; i < 4; i++)
            UNROLL for (int j = 0; j < 4; j++)
                UNROLL for (int k = 0; k < 4; k++) s[i][j] += u[i][k] * v[j][k];
    }
}

// o += a b: rows 4y + i and columns 4x + j.
__device__ inline void multiply_columns(float (&o)[4][4], const Tile& a, const Tile& b) {
    u32 y = threadIdx.x / 16, x = threadIdx.x % 16;
#pragma unroll 2
    for (u32 c = 0; c < SIDE; c += 4) {
        float u[4][4], v[4][4];
        UNROLL for (u32 i = 0; i < 4; i++) load4(&a.at[4 * y + i][c], u[i]);
        UNROLL for (u32 k = 0; k < 4; k++) load4(&b.at[c + k][4 * x], v[k]);
        UNROLL for (int i = 0; i < 4; i++)
            UNROLL for (int k = 0; k < 4; k++)
                UNROLL for (int j = 0; j < 4; j++) o[i][j] += u[i][k] * v[k][j];
    }
}

// The whole of x y^T for two heads, tile after tile through `a` and `b`; `again` is false if `a` holds x already.
template <class T>
__device__ inline void scores(float (&s)[4][4], Tile& a, Tile& b, const Problem& p, const T* x, u32 row, const float* keep_x,
    const T* y, u32 other, const float* keep_y, bool again) {
    UNROLL for (int i = 0; i < 4; i++) UNROLL for (int j = 0; j < 4; j++) s[i][j] = 0;
    for (u32 chunk = 0; chunk < CHUNKS; chunk++) {
        __syncthreads();
        if (again || CHUNKS > 1) load(a, p, x, row, chunk, keep_x);
        load(b, p, y, other, chunk, keep_y);
        __syncthreads();
        multiply_rows(s, a, b, min(p.dim - min(p.dim, chunk * SIDE), SIDE));
    }
}

// o += a y, the rows of y tile after tile through `b`.
template <class T>
__device__ inline void add_product(float (&o)[CHUNKS][4][4], const Tile& a, Tile& b, const Problem& p, const T* y, u32 other,
    const float* keep) {
    UNROLL for (u32 chunk = 0; chunk < CHUNKS; chunk++) {
        __syncthreads();
        load(b, p, y, other, chunk, keep);
        __syncthreads();
        multiply_columns(o[chunk], a, b);
    }
}

// To the tile of products this thread's elements of a tile of scores.
__device__ inline void put(Tile& tile, const float (&s)[4][4]) {
    u32 y = threadIdx.x / 16, x = threadIdx.x % 16;
    UNROLL for (u32 i = 0; i < 4; i++) UNROLL for (u32 j = 0; j < 4; j++) tile.at[4 * y + i][x + 16 * j] = s[i][j];
}

template <class T>
__device__ inline void write(T* head, const Problem& p, u32 first, const float (&o)[CHUNKS][4][4], const float (&factor)[4]) {
    u32 row = first + threadIdx.x / 16 * 4, column = threadIdx.x % 16 * 4, stride = p.heads * p.dim;
    UNROLL for (u32 chunk = 0; chunk < CHUNKS; chunk++)
        UNROLL for (u32 i = 0; i < 4; i++)
            UNROLL for (u32 j = 0; j < 4; j++) {
                u32 c = chunk * SIDE + column + j;
                if (row + i < p.seq && c < p.dim) head[(u64)(row + i) * stride + c] = narrow<T>(o[chunk][i][j] * factor[i]);
            }
}

// Over the 16 threads of a row.
__device__ inline float row_sum(float x) {
    UNROLL for (int lane = 8; lane > 0; lane /= 2) x += __shfl_xor_sync(0xffffffffu, x, lane);
    return x;
}
__device__ inline float row_max(float x) {
    UNROLL for (int lane = 8; lane > 0; lane /= 2) x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, lane));
    return x;
}

// Whether dropout keeps a weight.
__device__ inline bool kept(const Problem& p, u64 element) { return p.threshold == 0 || draw(p.key, element) >= p.threshold; }

// Whether a key counts.
__device__ inline bool counts(const Problem& p, const Place& at, u32 key) { return key < p.seq && at.keep[key] != 0; }

// A block has 64 queries and walks over the keys.
template <class T>
__device__ void forward(INPUTS(T), T* o, float* statistics, const Problem& p) {
    DYNAMIC_SHARED(bytes);
    Tile* tiles = reinterpret_cast<Tile*>(bytes);
    Tile &a = tiles[0], &b = tiles[1], &weights = tiles[2];
    const Place at = place(p, keep, SIDE);
    const u32 y = threadIdx.x / 16, x = threadIdx.x % 16, keys = count_keys(at.keep, p.seq);
    const float c = p.scale * LOG2_E;
    float result[CHUNKS][4][4] = {}, sum[4] = {}, largest[4] = {-infinity(), -infinity(), -infinity(), -infinity()};
    for (u32 first = 0; first < keys; first += SIDE) {
        float s[4][4];
        scores(s, a, b, p, q + at.start, at.first, nullptr, k + at.start, first, at.keep, first == 0);
        UNROLL for (u32 i = 0; i < 4; i++) {
            if (RELU) {
                UNROLL for (u32 j = 0; j < 4; j++) s[i][j] = relu(s[i][j]);
            } else {
                float now = largest[i];
                UNROLL for (u32 j = 0; j < 4; j++) {
                    if (!counts(p, at, first + x + 16 * j)) s[i][j] = -infinity();
                    now = fmaxf(now, s[i][j]);
                }
                now = row_max(now);
                float shift = now == -infinity() ? 0 : now, fade = power_of_2((largest[i] - shift) * c);
                largest[i] = now;
                sum[i] *= fade;
                UNROLL for (u32 chunk = 0; chunk < CHUNKS; chunk++)
                    UNROLL for (u32 j = 0; j < 4; j++) result[chunk][i][j] *= fade;
                UNROLL for (u32 j = 0; j < 4; j++) s[i][j] = power_of_2((s[i][j] - shift) * c);
            }
            u64 element = first_weight(p, at.head, at.first + 4 * y + i) + first + x;
            UNROLL for (u32 j = 0; j < 4; j++) {
                sum[i] += s[i][j];
                if (!kept(p, element + 16 * j)) s[i][j] = 0;
            }
        }
        put(weights, s);
        add_product(result, weights, b, p, v + at.start, first, at.keep);
    }
    float factor[4];
    UNROLL for (u32 i = 0; i < 4; i++) {
        sum[i] = row_sum(sum[i]);
        factor[i] = inverse(sum[i]) * p.rescale;
        u32 query = at.first + 4 * y + i;
        if (x == 0 && query < p.seq) statistics[(u64)at.head * p.seq + query] = statistic(sum[i], largest[i], c);
    }
    write(o + at.start, p, at.first, result, factor);
}

// The same for dQ = dS K.
template <class T>
__device__ void backward_query(INPUTS(T), const T* d, const float2* pairs, T* dq, const Problem& p) {
    DYNAMIC_SHARED(bytes);
    Tile* tiles = reinterpret_cast<Tile*>(bytes);
    Tile &a = tiles[0], &b = tiles[1], &gradients = tiles[2];
    const Place at = place(p, keep, SIDE);
    const u32 y = threadIdx.x / 16, x = threadIdx.x % 16, keys = count_keys(at.keep, p.seq);
    const u32 padded = (p.seq + SIDE - 1) / SIDE * SIDE;
    float result[CHUNKS][4][4] = {}, factor[4];
    float2 pair[4];
    UNROLL for (u32 i = 0; i < 4; i++) {
        pair[i] = pairs[(u64)at.head * padded + at.first + 4 * y + i];
        factor[i] = RELU ? pair[i].x : p.scale;
    }
    for (u32 first = 0; first < keys; first += SIDE) {
        float s[4][4], dp[4][4];
        scores(s, a, b, p, q + at.start, at.first, nullptr, k + at.start, first, at.keep, true);
        scores(dp, a, b, p, d + at.start, at.first, nullptr, v + at.start, first, at.keep, true);
        UNROLL for (u32 i = 0; i < 4; i++)
            UNROLL for (u32 j = 0; j < 4; j++) {
                u32 key = first + x + 16 * j;
                float w = RELU ? 0 : counts(p, at, key) ? weight(s[i][j], pair[i].x, p.scale * LOG2_E) : 0;
                float dw = kept(p, first_weight(p, at.head, at.first + 4 * y + i) + key) ? dp[i][j] * p.rescale : 0;
                s[i][j] = score_gradient(s[i][j], w, dw, pair[i].y);
            }
        put(gradients, s);
        add_product(result, gradients, b, p, k + at.start, first, at.keep);
    }
    write(dq + at.start, p, at.first, result, factor);
}

// A block has 64 keys and walks over the queries, for dV = (P M)^T dO and dK = dS^T Q: scores are transposed, the rows keys.
template <class T>
__device__ void backward_key_value(INPUTS(T), const T* d, const float2* pairs, T* dk, T* dv,
    const Problem& p) {
    DYNAMIC_SHARED(bytes);
    Tile* tiles = reinterpret_cast<Tile*>(bytes);
    Tile &a = tiles[0], &b = tiles[1], &weights = tiles[2], &gradients = tiles[3];
    const Place at = place(p, keep, SIDE);
    const u32 y = threadIdx.x / 16, x = threadIdx.x % 16, padded = (p.seq + SIDE - 1) / SIDE * SIDE;
    const u32 queries = at.first < count_keys(at.keep, p.seq) ? p.seq : 0;
    float key_gradient[CHUNKS][4][4] = {}, value_gradient[CHUNKS][4][4] = {}, factor[4], rescale[4];
    bool there[4];
    UNROLL for (u32 i = 0; i < 4; i++) {
        there[i] = counts(p, at, at.first + 4 * y + i);
        factor[i] = RELU ? 1 : p.scale;
        rescale[i] = p.rescale;
    }
    for (u32 first = 0; first < queries; first += SIDE) {
        float s[4][4], dp[4][4];
        scores(s, a, b, p, k + at.start, at.first, at.keep, q + at.start, first, nullptr, true);
        scores(dp, a, b, p, v + at.start, at.first, at.keep, d + at.start, first, nullptr, true);
        UNROLL for (u32 j = 0; j < 4; j++) {
            u32 query = first + x + 16 * j;
            float2 pair = pairs[(u64)at.head * padded + query];
            u64 element = first_weight(p, at.head, query) + at.first + 4 * y;
            UNROLL for (u32 i = 0; i < 4; i++) {
                bool keeps = kept(p, element + i);
                float w = RELU || there[i] ? weight(s[i][j], pair.x, p.scale * LOG2_E) : 0;
                dp[i][j] = score_gradient(s[i][j], w, keeps ? dp[i][j] * p.rescale : 0, pair.y) * (RELU ? pair.x : 1);
                s[i][j] = keeps ? w : 0;
            }
        }
        put(weights, s);
        put(gradients, dp);
        add_product(value_gradient, weights, b, p, d + at.start, first, nullptr);
        add_product(key_gradient, gradients, b, p, q + at.start, first, nullptr);
    }
    write(dk + at.start, p, at.first, key_gradient, factor);
    write(dv + at.start, p, at.first, value_gradient, rescale);
}

// Threads of a block, and blocks on an SM for which the compiler leaves registers: one where the results fill them.
#define ONE_RESULT THREADS, (CHUNKS <= 2 ? 2 : 1)
#define TWO_RESULTS THREADS, (CHUNKS == 1 ? 2 : 1)
#define KERNELS(T, forward_name, query_name, key_value_name) \
    KERNEL_OF(ONE_RESULT, forward_name, INPUTS(T), T* o, float* statistics, PROBLEM) { \
        forward(q, k, v, keep, o, statistics, THE_PROBLEM); \
    } \
    KERNEL_OF(ONE_RESULT, query_name, INPUTS(T), const T* d, const float* pairs, T* dq, PROBLEM) { \
        backward_query(q, k, v, keep, d, reinterpret_cast<const float2*>(pairs), dq, THE_PROBLEM); \
    } \
    KERNEL_OF(TWO_RESULTS, key_value_name, INPUTS(T), const T* d, const float* pairs, T* dk, T* dv, PROBLEM) { \
        backward_key_value(q, k, v, keep, d, reinterpret_cast<const float2*>(pairs), dk, dv, THE_PROBLEM); \
    }
KERNELS(float, attention_forward_f32, attention_backward_query_f32, attention_backward_key_value_f32)
KERNELS(bf16, attention_forward_bf16, attention_backward_query_bf16, attention_backward_key_value_bf16)
