// The parts that both families of kernels share. RELU says how scores become weights, as in row.rs: relu(s) / sum relu(s), or the
// softmax of s times a factor. Scores are made where they are needed and never stored.
//
// A key of padding is read as zeros: its scores are zero, and with ReLU that is no weight and no gradient.

// Shapes, and the dropout of the weights: those are dropped whose draw is below the threshold, the others multiplied.
struct Problem {
    u32 seq, heads, dim;
    float scale;  // of the scores, with softmax
    u64 key, offset;
    u32 threshold;
    float rescale;
};
// The arguments that all kernels have, the inputs first and the problem last.
#define INPUTS(T) const T* q, const T* k, const T* v, const float* keep
#define PROBLEM u32 seq, u32 heads, u32 dim, float scale, u64 key, u64 offset, u32 threshold, float rescale
#define THE_PROBLEM Problem{seq, heads, dim, scale, key, offset, threshold, rescale}

constexpr float LOG2_E = 1.44269504f;
constexpr float SMALLEST = 1.17549435e-38f;  // whose inverse is finite

#ifdef EMULATED
static inline float relu(float s) { return s < 0 ? 0 : s; }
static inline float power_of_2(float x) { return exp2f(x); }
#else
// Keeps NaN.
__device__ inline float relu(float s) {
    float y;
    asm("max.NaN.f32 %0, %1, 0f00000000;" : "=f"(y) : "f"(s));
    return y;
}
__device__ inline float power_of_2(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
#endif

// 1 / sum; zero where no score counts, or where so little is left of them that the quotient overflows.
__device__ inline float inverse(float sum) { return sum < SMALLEST ? 0 : 1 / sum; }

// The number of a row of scores for the backward pass: with ReLU the inverse of its sum, else log2 of the sum of 2^(s c), with
// c = scale log2(e); infinity if there is no key.
__device__ inline float statistic(float sum, float largest, float c) {
    if (RELU) return inverse(sum);
    return sum == 0 ? infinity() : largest * c + log2f(sum);
}
// A weight from its score and that number.
__device__ inline float weight(float s, float statistic, float c) {
    return RELU ? relu(s) * statistic : power_of_2(s * c - statistic);
}
// The gradient of a score by that of its weight, but for the factor `1 / sum` with ReLU and `scale` else;
// dot = sum dO o = sum dP P of the row.
__device__ inline float score_gradient(float s, float p, float dp, float dot) {
    return RELU ? (s > 0 ? dp - dot : 0) : p * (dp - dot);
}

// The place that this block works on: a head of a sequence, and a tile of its rows.
struct Place {
    u32 head, first;     // the head counted through all sequences, the tile's first row
    u64 start;           // of the head in a tensor (batch, seq, heads * dim)
    const float* keep;   // of the sequence
};
__device__ inline Place place(const Problem& p, const float* keep, u32 tile) {
    u32 tiles = (p.seq + tile - 1) / tile;
    u32 head = blockIdx.x / tiles, sequence = head / p.heads;
    u64 start = (u64)sequence * p.seq * p.heads + head % p.heads;
    return Place{head, blockIdx.x % tiles * tile, start * p.dim, keep + (u64)sequence * p.seq};
}

// Index of the first weight of a query in the stream of dropout.
__device__ inline u64 first_weight(const Problem& p, u32 head, u32 query) {
    return p.offset + ((u64)head * p.seq + query) * p.seq;
}

// Keys up to the last of a sequence that is no padding, rounded up a little: what follows need not be read.
__device__ inline u32 count_keys(const float* keep, u32 seq) {
    for (u32 end = seq; end > 0; end = (end - 1) / 32 * 32) {
        u32 key = (end - 1) / 32 * 32 + threadIdx.x % 32;
        if (__ballot_sync(0xffffffffu, key < end && keep[key] != 0)) return end;
    }
    return 0;
}

// For every query its statistic and dot = sum dO o, as pairs (batch * heads, padded): the rows behind the last are of no
// weight, so that tiles of queries need no other bound. Eight lanes a row, rows in the order of memory.
template <class T>
__device__ void row_pairs(const T* o, const T* d, const float* statistics, float2* pairs, u32 seq, u32 heads, u32 dim,
    u32 padded) {
    u64 row = (u64)blockIdx.x * (blockDim.x / 8) + threadIdx.x / 8;
    u32 head = (u32)(row % heads), query = (u32)(row / heads % padded);
    u64 sequence = row / heads / padded;
    float dot = 0;
    if (query < seq) {
        u64 start = ((sequence * seq + query) * heads + head) * dim;
        if (dim % 4 == 0) {
            for (u32 c = threadIdx.x % 8 * 4; c < dim; c += 32) {
                float x[4], y[4];
                load4(o + start + c, x);
                load4(d + start + c, y);
                UNROLL for (int i = 0; i < 4; i++) dot += x[i] * y[i];
            }
        } else {
            for (u32 c = threadIdx.x % 8; c < dim; c += 8) dot += widen(o[start + c]) * widen(d[start + c]);
        }
    }
    UNROLL for (int lane = 4; lane > 0; lane /= 2) dot += __shfl_xor_sync(0xffffffffu, dot, lane);
    if (threadIdx.x % 8 == 0) {
        u64 index = sequence * heads + head;
        float none = RELU ? 0 : infinity();
        pairs[index * padded + query] = float2{query < seq ? statistics[index * seq + query] : none, dot};
    }
}
#define ROW_PAIRS(name, T) \
    KERNEL(name, const T* o, const T* d, const float* statistics, float* pairs, u32 seq, u32 heads, u32 dim, u32 padded) { \
        row_pairs(o, d, statistics, reinterpret_cast<float2*>(pairs), seq, heads, dim, padded); \
    }
ROW_PAIRS(attention_rows_f32, float)
ROW_PAIRS(attention_rows_bf16, bf16)
