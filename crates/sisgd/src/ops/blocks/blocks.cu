#line 1 "blocks.cu"
// Blocks of variables that move together: W ← keep·W − rate·U, with a keep and a rate of their own, in f64 as on the host.

// How a gradient becomes the direction U: it is U; each row has length 1; the orthogonal factor. As in mod.rs.
#define WHOLE 0
#define ROWS 1
#define ORTHOGONAL 2
// Behind the sums of a report: ‖W'‖² and ⟨W, W'⟩ of all blocks.
#define MOVED (SUMS + 3)

// A row of the table that mod.rs writes.
struct Block {
    // Its variables, from the first on.
    u64 first, count;
    u64 factor;
    // Elements of a row of a table, and where its first row is among those of all tables.
    u64 width, row;
    // Where its partial sums of ⟨W, U⟩ and ‖U‖² begin, and how many there are.
    u64 part, parts;
    // √max(1, rows/columns) of a matrix.
    double stretch;
};

// 1 − keep, rate, ‖W'‖² and ⟨W, W'⟩.
struct Move { double decay, rate, squared, along; };

// Whether a gradient is finite, and where steps are relative to the norms, that no block is zero which has one.
KERNEL_OF(THREADS, judge_blocks, const long long* table, u32 count, u32 chunks, const double* parts, double* sums, double* report,
          double* guard, double step, double group, const long long* blocks, u32 block_count, u32 relative) {
    variable_sums<3>(table, count, chunks, parts, sums);
    if (threadIdx.x > 0) return;
    Judge judge = {guard, step, group};
    total<3>(judge, sums, count, report + SUMS);
    report[CLIP] = 1;
    if (!relative) return;
    for (u32 b = 0; b < block_count; b++) {
        Block block = reinterpret_cast<const Block*>(blocks)[b];
        double xx = 0, gg = 0;
        for (u64 v = block.first; v < block.first + block.count; v++) {
            xx += sums[3 * v];
            gg += sums[3 * v + 2];
        }
        if (gg > 0 && xx == 0) judge.refuse(BLOCK, (double)block.first, 0, 0);
    }
}

// How far the rate leads, from ‖W‖², ⟨W, U⟩ and ‖U‖².
__device__ inline Move planned(double xx, double xu, double uu, double keep, double rate, bool keep_norms) {
    double along = keep * xx - rate * xu, squared = keep * keep * xx - 2 * keep * rate * xu + rate * rate * uu;
    if (!keep_norms) return {1 - keep, rate, squared, along};
    double back = sqrt(xx / squared);
    return {1 - keep * back, rate * back, xx, along * back};
}

// The moves of the matrices, or of the other blocks, of those from `from` on: a warp each.
KERNEL(plan_blocks, const long long* blocks, u32 from, u32 matrices, const double* sums, const double* parts, double* moves,
       double keep, double rate, u32 relative, u32 keep_norms) {
    u32 number = from + blockIdx.x, lane = threadIdx.x;
    Block block = reinterpret_cast<const Block*>(blocks)[number];
    if ((block.factor == ORTHOGONAL) != (matrices != 0)) return;
    double xx = 0, xg = 0, gg = 0, xu = 0, uu = 0;
    for (u64 v = block.first + lane; v < block.first + block.count; v += 32) {
        xx += sums[3 * v];
        xg += sums[3 * v + 1];
        gg += sums[3 * v + 2];
    }
    for (u64 i = block.part + lane; i < block.part + block.parts; i += 32) {
        xu += parts[2 * i];
        uu += parts[2 * i + 1];
    }
    xx = warp_sum(xx);
    gg = warp_sum(gg);
    xu = warp_sum(block.factor == WHOLE ? xg : xu);
    uu = block.factor == WHOLE ? gg : warp_sum(uu);
    if (lane > 0) return;
    Move move = {0, 0, xx, xx};
    if (gg > 0) move = planned(xx, xu, uu, keep, rate * (relative ? sqrt(xx / uu) : block.stretch), keep_norms);
    reinterpret_cast<Move*>(moves)[number] = move;
}

// The sums over all blocks, for the report of the step. One warp.
KERNEL(total_moves, const double* guard, double* report, const double* moves, u32 count) {
    if (is_refused(guard, report)) return;
    double squared = 0, along = 0;
    for (u32 b = threadIdx.x; b < count; b += 32) {
        Move move = reinterpret_cast<const Move*>(moves)[b];
        squared += move.squared;
        along += move.along;
    }
    squared = warp_sum(squared);
    along = warp_sum(along);
    if (threadIdx.x > 0) return;
    report[MOVED] = squared;
    report[MOVED + 1] = along;
}

// The part to subtract is formed first, as f32 has no `keep` close to 1. Gradients of any length are multiplied in f64: their
// rate may be no number of f32.
struct AlongGradient {
    float decay;
    double rate;
    template <int N> __device__ void at(const Variable& v, u32 i) const {
        float x[N], g[N];
        load(v.x + i, x);
        load_gradient(v, i, g);
        UNROLL for (int k = 0; k < N; k++) x[k] -= fmaf(decay, x[k], (float)(rate * g[k]));
        store(v.x + i, x);
    }
};

struct AlongRows {
    float decay;
    double rate;
    // 1/‖G_i‖ of each row.
    const double* inverses;
    u32 width;
    template <int N> __device__ void at(const Variable& v, u32 i) const {
        float x[N], g[N];
        load(v.x + i, x);
        load_gradient(v, i, g);
        UNROLL for (int k = 0; k < N; k++) x[k] -= fmaf(decay, x[k], (float)(rate * inverses[(i + k) / width] * g[k]));
        store(v.x + i, x);
    }
};

__device__ inline u32 block_of(const Block* blocks, u32 count, u32 variable) {
    u32 low = 0, high = count;
    while (high - low > 1) {
        u32 middle = (low + high) / 2;
        if (blocks[middle].first <= variable) low = middle;
        else high = middle;
    }
    return low;
}

// W ← keep·W − rate·U of the blocks that are no matrices: 12 bytes per parameter.
KERNEL_OF(THREADS, descend_blocks, const long long* table, u32 count, const double* guard, const long long* blocks, u32 block_count,
          const double* inverses, const double* moves) {
    if (guard[0] != 0) return;
    Chunk chunk = chunk_of(table, count);
    const Block* all = reinterpret_cast<const Block*>(blocks);
    u32 number = block_of(all, block_count, chunk.variable);
    Block block = all[number];
    Move move = reinterpret_cast<const Move*>(moves)[number];
    if (block.factor == ORTHOGONAL || (move.decay == 0 && move.rate == 0)) return;
    if (block.factor == WHOLE) {
        const AlongGradient update = {(float)move.decay, move.rate};
        each(chunk, update);
    } else {
        const AlongRows update = {(float)move.decay, move.rate, inverses + block.row, (u32)block.width};
        each(chunk, update);
    }
}
