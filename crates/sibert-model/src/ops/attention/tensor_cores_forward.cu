// The forward pass: a block has 64 or 128 queries and walks over the keys.

constexpr u32 M = COLUMNS == 32 || (COLUMNS == 64 && RELU) ? 2 : 1;  // times 16 queries of a warp
constexpr u32 KEYS = RELU ? 16 : 32;  // whose scores are there at once: with more of them maxima grow less often
#define FORWARD_BLOCK THREADS, (M == 1 && COLUMNS == 64 || COLUMNS == 32 ? 4 : 3)

// Running numbers of this lane's two rows of 16.
struct Row { float sum[2], largest[2]; };

// Scores to their exponentials by a maximum of the row that grows; what was added up before it grew fades.
template <u32 N>
__device__ inline void exponentials(float (&s)[N][4], float (&o)[2 * STEPS][4], Row& row, float c, u32 count) {
    u32 column = threadIdx.x % 4 * 2;
    if (~count) {
        UNROLL for (u32 n = 0; n < N; n++)
            UNROLL for (u32 i = 0; i < 4; i++)
                if (!(count >> (8 * n + column + i % 2) & 1)) s[n][i] = -infinity();
    }
    float shift[2], fade[2];
    bool grew = false;
    UNROLL for (u32 half = 0; half < 2; half++) {
        float now = row.largest[half];
        UNROLL for (u32 n = 0; n < N; n++) now = fmaxf(now, fmaxf(s[n][2 * half], s[n][2 * half + 1]));
        now = row_max(now);
        shift[half] = now == -infinity() ? 0 : now * c;
        fade[half] = power_of_2(row.largest[half] * c - shift[half]);
        grew |= now != row.largest[half];
        row.largest[half] = now;
        row.sum[half] *= fade[half];
    }
    if (__ballot_sync(0xffffffffu, grew)) {
        UNROLL for (u32 n = 0; n < 2 * STEPS; n++) UNROLL for (u32 i = 0; i < 4; i++) o[n][i] *= fade[i / 2];
    }
    UNROLL for (u32 n = 0; n < N; n++) UNROLL for (u32 i = 0; i < 4; i++) s[n][i] = power_of_2(s[n][i] * c - shift[i / 2]);
}

template <bool DROPOUT>
__device__ void forward(INPUTS(bf16), bf16* o, float* statistics, const Problem& p) {
    DYNAMIC_SHARED(bytes);
    bf16* stages = reinterpret_cast<bf16*>(bytes);  // two, each a tile of keys and one of values
    const Place at = place(p, keep, 16 * M * WARPS);
    const u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32, keys = count_keys(at.keep, p.seq);
    const float c = p.scale * LOG2_E;
    const bf16 *const query_head[] = {q + at.start}, *const key_heads[] = {k + at.start, v + at.start};
    auto copy = [&](u32 stage, u32 first) {
        copy_rows<TILE, false>(stages + 2 * stage * TILE * COLUMNS, p, key_heads, first, at.keep);
    };
    // the queries pass through the second stage
    bf16* queries = stages + 2 * TILE * COLUMNS;
    copy_rows<16 * M * WARPS, false>(queries, p, query_head, at.first, nullptr);
    copy_async_commit();
    if (keys > 0) copy(0, 0);
    copy_async_commit();
    copy_async_wait<1>();
    __syncthreads();
    Left<true> left[M];
    float result[M][2 * STEPS][4] = {};
    Row rows[M];
    u64 word[M];
    bool odd[M];
    UNROLL for (u32 m = 0; m < M; m++) {
        rows[m] = Row{{0, 0}, {-infinity(), -infinity()}};
        left[m].take(queries, 16 * (M * warp + m));
        const u64 element = first_weight(p, at.head, at.first + 16 * (M * warp + m) + lane / 4) + lane % 4 * 2;
        word[m] = element / 2;
        odd[m] = element % 2;  // as all weights of these rows with even keys: tiles and their halves are even
    }
    for (u32 first = 0, stage = 0; first < keys; first += TILE, stage ^= 1) {
        copy_async_wait<0>();
        __syncthreads();
        if (first + TILE < keys) copy(stage ^ 1, first + TILE);
        copy_async_commit();
        const bf16 *k_tile = stages + 2 * stage * TILE * COLUMNS, *v_tile = k_tile + TILE * COLUMNS;
        const u64 count = RELU ? 0 : keys_that_count(p, at.keep, first);
#pragma unroll 1
        for (u32 key = 0; key < TILE; key += KEYS) {
            float s[M][KEYS / 8][4];
            scores(s, left, k_tile, key);
            UNROLL for (u32 m = 0; m < M; m++) {
                if (RELU) {
                    UNROLL for (u32 n = 0; n < KEYS / 8; n++)
                        UNROLL for (u32 i = 0; i < 4; i++) s[m][n][i] = relu(s[m][n][i]);
                } else {
                    exponentials(s[m], result[m], rows[m], c, (u32)(count >> key));
                }
                UNROLL for (u32 n = 0; n < KEYS / 8; n++) UNROLL for (u32 half = 0; half < 2; half++) {
                    float* x = s[m][n] + 2 * half;
                    rows[m].sum[half] += x[0] + x[1];
                    if (DROPOUT) drop_pair(p, word[m] + 4 * half * p.seq + first / 2 + (key / 2 + 4 * n), odd[m], x[0], x[1]);
                }
            }
            add_product(result, s, v_tile, key);
        }
    }
    __syncthreads();
    UNROLL for (u32 m = 0; m < M; m++) {
        const u32 row = 16 * (M * warp + m);
        float factor[2];
        UNROLL for (u32 half = 0; half < 2; half++) {
            float sum = row_sum(rows[m].sum[half]), kept = statistic(sum, rows[m].largest[half], c);
            u32 query = at.first + row + lane / 4 + 8 * half;
            factor[half] = inverse(sum) * p.rescale;
            if (lane % 4 == 0 && query < p.seq) statistics[(u64)at.head * p.seq + query] = kept;
        }
        write_rows<false>(o + at.start, p, at.first + row, result[m], factor, stages + row * COLUMNS);
    }
}

KERNEL_OF(FORWARD_BLOCK, attention_forward_bf16, INPUTS(bf16), bf16* o, float* statistics, PROBLEM) {
    forward<false>(q, k, v, keep, o, statistics, THE_PROBLEM);
}
KERNEL_OF(FORWARD_BLOCK, attention_forward_bf16_dropout, INPUTS(bf16), bf16* o, float* statistics, PROBLEM) {
    forward<true>(q, k, v, keep, o, statistics, THE_PROBLEM);
}
