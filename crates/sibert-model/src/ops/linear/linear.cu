// The steps that follow a product, in place; four elements a thread.

template <bool rectify, class T> __device__ inline void add_bias(T* y, const float* bias, u64 n, u32 width) {
    bool aligned = aligned4(y) && width % 4 == 0;
    fours(n, [&](u64 i, u32 count) {
        float a[4];
        load4(y + i, count, aligned, a);
        u32 column = (u32)(i % width);
        UNROLL for (int j = 0; j < 4; j++) {
            a[j] += bias[column];
            if (rectify && a[j] < 0) a[j] = 0;  // not fmaxf, which would hide NaN
            column = column + 1 == width ? 0 : column + 1;
        }
        store4(y + i, count, aligned, a);
    });
}
KERNEL(bias_f32, float* y, const float* bias, u64 n, u32 width) { add_bias<false>(y, bias, n, width); }
KERNEL(bias_bf16, bf16* y, const float* bias, u64 n, u32 width) { add_bias<false>(y, bias, n, width); }
KERNEL(bias_relu_f32, float* y, const float* bias, u64 n, u32 width) { add_bias<true>(y, bias, n, width); }
KERNEL(bias_relu_bf16, bf16* y, const float* bias, u64 n, u32 width) { add_bias<true>(y, bias, n, width); }
