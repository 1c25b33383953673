// Four elements a thread, the factors made again in the backward pass. The first element of x has number `offset`.

template <class T> __device__ inline void dropout(const T* x, T* y, u64 n, u64 offset, u64 key, u32 threshold, float scale) {
    bool aligned = aligned4(x) && aligned4(y);
    Mask mask = {key, threshold, scale};
    fours(n, [&](u64 i, u32 count) {
        float a[4], factor[4];
        load4(x + i, count, aligned, a);
        factors4(mask, offset + i, factor);
        UNROLL for (int j = 0; j < 4; j++) a[j] = factor[j] == 0 ? 0.f : a[j] * factor[j];
        store4(y + i, count, aligned, a);
    });
}
KERNEL(dropout_f32, const float* x, float* y, u64 n, u64 offset, u64 key, u32 threshold, float scale) {
    dropout(x, y, n, offset, key, threshold, scale);
}
KERNEL(dropout_bf16, const bf16* x, bf16* y, u64 n, u64 offset, u64 key, u32 threshold, float scale) {
    dropout(x, y, n, offset, key, threshold, scale);
}
