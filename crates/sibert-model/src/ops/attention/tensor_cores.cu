// Attention of bf16 on tensor cores, for heads of at most COLUMNS = 32, 64 or 128 columns, a multiple of 8.
//
// Four warps, and no barrier but one a tile of 64 keys (or queries, for dK and dV). A warp has 16 or 32 rows of scores; its
// left operands stay in registers, the right ones come from shared memory, where one tile is used while the next is on its
// way (cp.async). Scores stay in registers: the accumulators of one product, rounded, are the left operand of the next
// (mma_bf16: the layouts agree), 16 keys at a time with ReLU, which needs no maximum first. A row of a tile is 4, 8 or 16
// chunks of 16 bytes, permuted by the row, so that ldmatrix and cp.async meet no conflict of banks.
//
//              columns   rows a warp       shared memory   registers (blocks on an SM)   left operands
// forward      32        32                16 KiB          126 (4)                       Q
//              64        32, softmax 16    32 KiB          168 (3), softmax 128 (4)
//              128       16                64 KiB          168 (3)
// dQ           32        16                16 KiB          95 (5)                        Q and dO
//              64                          32 KiB          128 (4)
//              128                         64 KiB          240 (2)
// dK and dV    32        16                17 KiB          128 (4)                       K and V
//              64                          33 KiB          168 (3)
//              128                         97 KiB          255 (2)                       (K and V in shared memory)
//
// The bounds, counted and not measured: a product (16 x 16 x 8) takes an SM of Hopper about 1.6 cycles, an ldmatrix of
// four 4 cycles. For 64 columns that is 51 : 32 forward, 38 : 48 for dQ and 51 : 64 for dK and dV: the forward pass waits for
// the tensor cores, the others a little for shared memory. The loop of the forward pass has 32 products in 104 instructions.
// Dropout adds about 30 integer instructions for each two weights, which makes the forward pass about half as fast.

constexpr u32 WARPS = 4, THREADS = 32 * WARPS, TILE = 64;
constexpr u32 STEPS = COLUMNS / 16;  // of 16 columns

// Where in a tile a chunk of 8 columns begins.
__device__ inline u32 chunk_at(u32 row, u32 chunk) {
    return row * COLUMNS + 8 * (chunk ^ (COLUMNS == 32 ? row / 2 % 4 : row % 8));
}

// Row `row` of a tile of keys whose fragments, of rows i and i + 8, shall be of neighbours.
__device__ inline u32 paired(u32 row) { return row / 16 * 16 + row % 8 * 2 + row / 8 % 2; }

// Starts to copy rows `first ..` of N tensors' head, to a tile each; zeros outside, and for keys that `keep` has not.
template <u32 ROWS, bool PAIRED, u32 N>
__device__ inline void copy_rows(bf16* tiles, const Problem& p, const bf16* const (&heads)[N], u32 first, const float* keep) {
    constexpr u32 CHUNKS = COLUMNS / 8;
    const u32 chunk = threadIdx.x % CHUNKS, stride = p.heads * p.dim;
    UNROLL for (u32 i = 0; i < ROWS * CHUNKS / THREADS; i++) {
        u32 r = threadIdx.x / CHUNKS + i * (THREADS / CHUNKS), row = first + (PAIRED ? paired(r) : r);
        bool there = row < p.seq && 8 * chunk < p.dim && (!keep || keep[row] != 0);
        UNROLL for (u32 n = 0; n < N; n++)
            copy_async(tiles + n * ROWS * COLUMNS + chunk_at(r, chunk), heads[n] + (u64)row * stride + 8 * chunk, there);
    }
}

// Operands of mma_bf16, from rows `row ..` of a tile: a left one of 16 rows and columns `16 step ..`; the right ones of 16
// rows for a product with the transpose, two times 8; those for a product with the tile itself, two times 8 columns.
__device__ inline void load_left(u32 (&a)[4], const bf16* tile, u32 row, u32 step) {
    u32 lane = threadIdx.x % 32;
    load_matrices(a, tile + chunk_at(row + lane % 16, 2 * step + lane / 16));
}
__device__ inline void load_rows(u32 (&b)[4], const bf16* tile, u32 row, u32 step) {
    u32 lane = threadIdx.x % 32;
    load_matrices(b, tile + chunk_at(row + lane / 16 * 8 + lane % 8, 2 * step + lane / 8 % 2));
}
__device__ inline void load_columns(u32 (&b)[4], const bf16* tile, u32 row, u32 step) {
    u32 lane = threadIdx.x % 32;
    load_matrices_transposed(b, tile + chunk_at(row + lane % 16, 2 * step + lane / 16));
}

// Left operands of 16 rows, in registers or where they lie.
template <bool HELD> struct Left;
template <> struct Left<true> {
    u32 at[STEPS][4];
    __device__ inline void take(const bf16* tile, u32 row) {
        UNROLL for (u32 i = 0; i < STEPS; i++) load_left(at[i], tile, row, i);
    }
    __device__ inline void get(u32 (&a)[4], u32 step) const {
        UNROLL for (int i = 0; i < 4; i++) a[i] = at[step][i];
    }
};
template <> struct Left<false> {
    const bf16* tile;
    u32 row;
    __device__ inline void take(const bf16* from, u32 first) { tile = from, row = first; }
    __device__ inline void get(u32 (&a)[4], u32 step) const { load_left(a, tile, row, step); }
};

// s = x y^T, of rows `row ..` of the tile y.
template <u32 M, u32 N, class L> __device__ inline void scores(float (&s)[M][N][4], const L (&x)[M], const bf16* y, u32 row) {
    UNROLL for (u32 m = 0; m < M; m++)
        UNROLL for (u32 n = 0; n < N; n++)
            UNROLL for (int i = 0; i < 4; i++) s[m][n][i] = 0;
    UNROLL for (u32 step = 0; step < STEPS; step++) {
        u32 a[M][4], b[4];
        UNROLL for (u32 m = 0; m < M; m++) x[m].get(a[m], step);
        UNROLL for (u32 n = 0; n < N; n += 2) {
            load_rows(b, y, row + 8 * n, step);
            UNROLL for (u32 m = 0; m < M; m++) {
                mma_bf16(s[m][n], a[m], b[0], b[1]);
                mma_bf16(s[m][n + 1], a[m], b[2], b[3]);
            }
        }
    }
}

// o += s y, s being rounded: its columns are rows `row ..` of the tile y.
template <u32 M, u32 N>
__device__ inline void add_product(float (&o)[M][2 * STEPS][4], const float (&s)[M][N][4], const bf16* y, u32 row) {
    UNROLL for (u32 n = 0; n < N; n += 2) {
        u32 a[M][4], b[4];
        UNROLL for (u32 m = 0; m < M; m++)
            UNROLL for (u32 i = 0; i < 4; i++) a[m][i] = pack_bf16(s[m][n + i / 2][i % 2 * 2], s[m][n + i / 2][i % 2 * 2 + 1]);
        UNROLL for (u32 step = 0; step < STEPS; step++) {
            load_columns(b, y, row + 8 * n, step);
            UNROLL for (u32 m = 0; m < M; m++) {
                mma_bf16(o[m][2 * step], a[m], b[0], b[1]);
                mma_bf16(o[m][2 * step + 1], a[m], b[2], b[3]);
            }
        }
    }
}

// Writes 16 rows of a warp through its rows of a tile that nobody reads any more, in pieces of 16 bytes. `first` is the first
// row's number, and `factor` belongs to this lane's two rows.
template <bool PAIRED>
__device__ inline void write_rows(bf16* head, const Problem& p, u32 first, const float (&x)[2 * STEPS][4],
    const float (&factor)[2], bf16* tile) {
    constexpr u32 CHUNKS = COLUMNS / 8;
    u32 stride = p.heads * p.dim, lane = threadIdx.x % 32;
    UNROLL for (u32 n = 0; n < CHUNKS; n++)
        UNROLL for (u32 half = 0; half < 2; half++) {
            u32 word = pack_bf16(x[n][2 * half] * factor[half], x[n][2 * half + 1] * factor[half]);
            *reinterpret_cast<u32*>(tile + chunk_at(lane / 4 + 8 * half, n) + lane % 4 * 2) = word;
        }
    __syncwarp();
    UNROLL for (u32 n = 0; n < CHUNKS / 2; n++) {
        u32 i = lane + 32 * n;
        u32 r = i / CHUNKS, chunk = i % CHUNKS, row = first + (PAIRED ? paired(r) : r);
        const uint4* from = reinterpret_cast<const uint4*>(tile + chunk_at(r, chunk));
        if (row < p.seq && 8 * chunk < p.dim) *reinterpret_cast<uint4*>(head + (u64)row * stride + 8 * chunk) = *from;
    }
}

// The elements of two neighbouring keys, zero where dropped, of which the first has draw `2 word + odd`: where that is even,
// one word serves both.
__device__ inline void drop_pair(const Problem& p, u64 word, bool odd, float& a, float& b) {
    u64 draws = random_word(p.key, word);
    u32 low = (u32)draws, high = (u32)(draws >> 32);
    if (odd) low = high, high = (u32)random_word(p.key, word + 1);
    if (low < p.threshold) a = 0;
    if (high < p.threshold) b = 0;
}

// Which of the keys `first .. first + 64` count, a bit each.
__device__ inline u64 keys_that_count(const Problem& p, const float* keep, u32 first) {
    u32 key = first + threadIdx.x % 32;
    u32 low = __ballot_sync(0xffffffffu, key < p.seq && keep[key] != 0);
    u32 high = __ballot_sync(0xffffffffu, key + 32 < p.seq && keep[key + 32] != 0);
    return (u64)high << 32 | low;
}

// Over the four lanes of a row.
__device__ inline float row_sum(float x) {
    UNROLL for (int lane = 1; lane < 4; lane *= 2) x += __shfl_xor_sync(0xffffffffu, x, lane);
    return x;
}
__device__ inline float row_max(float x) {
    UNROLL for (int lane = 1; lane < 4; lane *= 2) x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, lane));
    return x;
}
