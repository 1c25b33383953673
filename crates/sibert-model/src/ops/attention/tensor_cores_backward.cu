// The backward pass: one kernel for dQ, whose blocks have 64 queries and walk over the keys, and one for dK and dV, whose
// blocks have 64 keys and walk over the queries. Both make the scores and the mask again, and neither needs an atomic.

template <bool DROPOUT>
__device__ void backward_query(INPUTS(bf16), const bf16* d, const float2* pairs, bf16* dq,
    const Problem& p) {
    DYNAMIC_SHARED(bytes);
    bf16* stages = reinterpret_cast<bf16*>(bytes);  // two, each a tile of keys and one of values
    const Place at = place(p, keep, TILE);
    const u32 row = threadIdx.x / 32 * 16, lane = threadIdx.x % 32, keys = count_keys(at.keep, p.seq);
    const u32 query = at.first + row + lane / 4;
    const bf16 *const query_heads[] = {q + at.start, d + at.start}, *const key_heads[] = {k + at.start, v + at.start};
    auto copy = [&](u32 stage, u32 first) {
        copy_rows<TILE, false>(stages + 2 * stage * TILE * COLUMNS, p, key_heads, first, at.keep);
    };
    // queries and gradients pass through the second stage
    bf16 *q_tile = stages + 2 * TILE * COLUMNS, *d_tile = q_tile + TILE * COLUMNS;
    copy_rows<TILE, false>(q_tile, p, query_heads, at.first, nullptr);
    copy_async_commit();
    if (keys > 0) copy(0, 0);
    copy_async_commit();
    copy_async_wait<1>();
    __syncthreads();
    Left<true> queries[1], gradients[1];
    queries[0].take(q_tile, row);
    gradients[0].take(d_tile, row);
    float2 pair[2];
    float factor[2], result[1][2 * STEPS][4] = {};
    UNROLL for (u32 half = 0; half < 2; half++) {
        pair[half] = pairs[(u64)at.head * ((p.seq + TILE - 1) / TILE * TILE) + query + 8 * half];
        factor[half] = RELU ? pair[half].x : p.scale;
    }
    const u64 element = first_weight(p, at.head, query) + lane % 4 * 2, word = element / 2;
    const bool odd = element % 2;
    for (u32 first = 0, stage = 0; first < keys; first += TILE, stage ^= 1) {
        copy_async_wait<0>();
        __syncthreads();
        if (first + TILE < keys) copy(stage ^ 1, first + TILE);
        copy_async_commit();
        const bf16 *k_tile = stages + 2 * stage * TILE * COLUMNS, *v_tile = k_tile + TILE * COLUMNS;
        const u64 count = RELU ? 0 : keys_that_count(p, at.keep, first) >> lane % 4 * 2;
#pragma unroll 1
        for (u32 key = 0; key < TILE; key += 16) {
            float s[1][2][4], dp[1][2][4];
            scores(s, queries, k_tile, key);
            scores(dp, gradients, v_tile, key);
            UNROLL for (u32 n = 0; n < 2; n++) UNROLL for (u32 half = 0; half < 2; half++) {
                float *x = s[0][n] + 2 * half, *y = dp[0][n] + 2 * half;
                if (DROPOUT) drop_pair(p, word + 4 * half * p.seq + first / 2 + (key / 2 + 4 * n), odd, y[0], y[1]);
                UNROLL for (u32 i = 0; i < 2; i++) {
                    bool counts = RELU || (count >> (key + 8 * n + i) & 1);
                    float w = !RELU && counts ? weight(x[i], pair[half].x, p.scale * LOG2_E) : 0;
                    x[i] = score_gradient(x[i], w, DROPOUT ? y[i] * p.rescale : y[i], pair[half].y);
                }
            }
            add_product(result, s, k_tile, key);
        }
    }
    __syncthreads();
    write_rows<false>(dq + at.start, p, at.first + row, result[0], factor, stages + row * COLUMNS);
}

// The rows of scores are keys, in an order in which a lane's two are neighbours: one random word serves both.
template <bool DROPOUT>
__device__ void backward_key_value(INPUTS(bf16), const bf16* d, const float2* pairs, bf16* dk,
    bf16* dv, const Problem& p) {
    constexpr bool HELD = COLUMNS <= 64;
    DYNAMIC_SHARED(bytes);
    float2* pair_stages = reinterpret_cast<float2*>(bytes);              // two, for a tile of queries each
    bf16* stages = reinterpret_cast<bf16*>(pair_stages + 2 * TILE);      // two, each a tile of queries and one of gradients
    bf16* k_tile = stages + (HELD ? 2 : 4) * TILE * COLUMNS;             // the second of them, at first, or a place of its own
    bf16* v_tile = k_tile + TILE * COLUMNS;
    const Place at = place(p, keep, TILE);
    const u32 row = threadIdx.x / 32 * 16, lane = threadIdx.x % 32, key = at.first + row + lane / 4 * 2;
    const u32 padded = (p.seq + TILE - 1) / TILE * TILE, queries = at.first < count_keys(at.keep, p.seq) ? p.seq : 0;
    const bf16 *const query_heads[] = {q + at.start, d + at.start}, *const key_heads[] = {k + at.start, v + at.start};
    auto copy = [&](u32 stage, u32 first) {
        copy_rows<TILE, false>(stages + 2 * stage * TILE * COLUMNS, p, query_heads, first, nullptr);
        const u32 two = 2 * threadIdx.x;
        if (two < TILE) copy_async(pair_stages + stage * TILE + two, pairs + (u64)at.head * padded + first + two, true);
    };
    copy_rows<TILE, true>(k_tile, p, key_heads, at.first, at.keep);
    copy_async_commit();
    if (queries > 0) copy(0, 0);
    copy_async_commit();
    copy_async_wait<1>();
    __syncthreads();
    Left<HELD> keys[1], values[1];
    keys[0].take(k_tile, row);
    values[0].take(v_tile, row);
    const u64 weights = first_weight(p, at.head, 0) + key;
    bool counts[2];
    UNROLL for (u32 half = 0; half < 2; half++) counts[half] = RELU || (key + half < p.seq && at.keep[key + half] != 0);
    float key_gradient[1][2 * STEPS][4] = {}, value_gradient[1][2 * STEPS][4] = {};
    for (u32 first = 0, stage = 0; first < queries; first += TILE, stage ^= 1) {
        copy_async_wait<0>();
        __syncthreads();
        if (first + TILE < queries) copy(stage ^ 1, first + TILE);
        copy_async_commit();
        const bf16 *q_tile = stages + 2 * stage * TILE * COLUMNS, *d_tile = q_tile + TILE * COLUMNS;
        const float2* pair_tile = pair_stages + stage * TILE;
#pragma unroll 1
        for (u32 query = 0; query < TILE; query += 16) {
            float s[1][2][4], dp[1][2][4];
            scores(s, keys, q_tile, query);
            scores(dp, values, d_tile, query);
            UNROLL for (u32 n = 0; n < 2; n++) UNROLL for (u32 i = 0; i < 2; i++) {
                const u32 column = query + 8 * n + lane % 4 * 2 + i;
                const float2 pair = pair_tile[column];
                float w[2], x[2];  // weights before dropout, and after it
                UNROLL for (u32 half = 0; half < 2; half++)
                    x[half] = w[half] = counts[half] ? weight(s[0][n][2 * half + i], pair.x, p.scale * LOG2_E) : 0;
                if (DROPOUT) {
                    const u64 element = weights + (u64)(first + column) * p.seq;
                    float kept[2] = {p.rescale, p.rescale};
                    drop_pair(p, element / 2, element % 2, kept[0], kept[1]);
                    UNROLL for (u32 half = 0; half < 2; half++) dp[0][n][2 * half + i] *= kept[half], x[half] *= kept[half];
                }
                UNROLL for (u32 half = 0; half < 2; half++) {
                    float gradient = score_gradient(s[0][n][2 * half + i], w[half], dp[0][n][2 * half + i], pair.y);
                    dp[0][n][2 * half + i] = RELU ? gradient * pair.x : gradient;
                    s[0][n][2 * half + i] = x[half];
                }
            }
            add_product(value_gradient, s, d_tile, query);
            add_product(key_gradient, dp, q_tile, query);
        }
    }
    __syncthreads();
    const float factor = RELU ? 1 : p.scale, key_factor[2] = {factor, factor}, value_factor[2] = {1, 1};
    write_rows<true>(dk + at.start, p, at.first + row, key_gradient[0], key_factor, stages + row * COLUMNS);
    write_rows<true>(dv + at.start, p, at.first + row, value_gradient[0], value_factor, stages + (TILE + row) * COLUMNS);
}

#define QUERY_BLOCK THREADS, (COLUMNS == 32 ? 5 : COLUMNS == 64 ? 4 : 2)
#define KEY_VALUE_BLOCK THREADS, (COLUMNS == 32 ? 4 : COLUMNS == 64 ? 3 : 2)
#define KERNELS(query_name, key_value_name, dropout) \
    KERNEL_OF(QUERY_BLOCK, query_name, INPUTS(bf16), const bf16* d, const float* pairs, bf16* dq, PROBLEM) { \
        backward_query<dropout>(q, k, v, keep, d, reinterpret_cast<const float2*>(pairs), dq, THE_PROBLEM); \
    } \
    KERNEL_OF(KEY_VALUE_BLOCK, key_value_name, INPUTS(bf16), const bf16* d, const float* pairs, bf16* dk, bf16* dv, PROBLEM) { \
        backward_key_value<dropout>(q, k, v, keep, d, reinterpret_cast<const float2*>(pairs), dk, dv, THE_PROBLEM); \
    }
KERNELS(attention_backward_query_bf16, attention_backward_key_value_bf16, false)
KERNELS(attention_backward_query_bf16_dropout, attention_backward_key_value_bf16_dropout, true)
