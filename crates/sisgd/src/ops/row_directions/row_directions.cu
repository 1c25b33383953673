#line 1 "row_directions.cu"
// The rows of a table's gradient, each divided by its length.

// 1/‖G_i‖ of each row, 0 for a row of zeros, and of the rows of each block ⟨W, U⟩ and ‖U‖²: parts (blocks, 2). A warp for a
// row; reads 8 bytes per parameter of the rows that the gradient has.
KERNEL_OF(THREADS, row_directions, const long long* table, u32 rows, u32 width, double* inverses, double* parts) {
    Variable v = *reinterpret_cast<const Variable*>(table);
    bool aligned = (v.traits & FOURS) && width % 4 == 0;
    u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32, stride = gridDim.x * (THREADS / 32);
    double sums[2] = {0, 0};
    for (u32 row = blockIdx.x * (THREADS / 32) + warp; row < rows; row += stride) {
        u32 at = v.place ? v.place[row] : row;
        const float *x = v.x + (u64)row * width, *g = v.g + (u64)at * width;
        double xg = 0, gg = 0;
        if (at != NONE) {
            row_fours(width, [&](u32 i, u32 count) {
                float a[4], b[4];
                load4(x + i, count, aligned, a);
                load4(g + i, count, aligned, b);
                UNROLL for (int k = 0; k < 4; k++) {
                    xg += (double)a[k] * b[k];
                    gg += (double)b[k] * b[k];
                }
            });
        }
        xg = warp_sum(xg);
        gg = warp_sum(gg);
        double inverse = gg > 0 ? 1 / sqrt(gg) : 0;
        if (lane == 0) {
            inverses[row] = inverse;
            sums[0] += xg * inverse;
            sums[1] += gg > 0;
        }
    }
    block_sums(sums, parts + 2ull * blockIdx.x);
}
