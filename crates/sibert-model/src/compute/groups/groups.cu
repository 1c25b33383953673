// The sums of the rows that share an id.

// out[i] = the sum of rows[order[j]] for starts[i] <= j < starts[i + 1], in this order: a block a sum. It goes to row
// targets[i] of `out`, which nothing else writes.
template <class T, class Out>
__device__ inline void group(const T* rows, const u32* order, const u32* starts, const u32* targets, Out* out, u32 width) {
    u32 start = starts[blockIdx.x], end = starts[blockIdx.x + 1];
    out += (u64)targets[blockIdx.x] * width;
    bool aligned = aligned4(rows) && aligned4(out) && width % 4 == 0;
    for (u32 i = threadIdx.x * 4; i < width; i += blockDim.x * 4) {
        float sum[4] = {0, 0, 0, 0}, a[4];
        u32 count = width - i < 4 ? width - i : 4;
        for (u32 j = start; j < end; j++) {
            load4(rows + (u64)order[j] * width + i, count, aligned, a);
            UNROLL for (int k = 0; k < 4; k++) sum[k] += a[k];
        }
        store4(out + i, count, aligned, sum);
    }
}
KERNEL(group_f32, const float* rows, const u32* order, const u32* starts, const u32* targets, float* out, u32 width) {
    group(rows, order, starts, targets, out, width);
}
KERNEL(group_bf16, const bf16* rows, const u32* order, const u32* starts, const u32* targets, bf16* out, u32 width) {
    group(rows, order, starts, targets, out, width);
}
KERNEL(group_narrow_f32, const float* rows, const u32* order, const u32* starts, const u32* targets, bf16* out, u32 width) {
    group(rows, order, starts, targets, out, width);
}
KERNEL(group_wide_bf16, const bf16* rows, const u32* order, const u32* starts, const u32* targets, float* out, u32 width) {
    group(rows, order, starts, targets, out, width);
}

// table[ids[i]] += rows[i], ids being distinct: a block a row.
KERNEL(add_to_rows, float* table, const u32* ids, const float* rows, u32 width) {
    table += (u64)ids[blockIdx.x] * width;
    rows += (u64)blockIdx.x * width;
    for (u32 i = threadIdx.x; i < width; i += blockDim.x) table[i] += rows[i];
}
