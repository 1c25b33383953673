// A row of a table for each of many ids.

// y[i] = x[ids[i]]: a block a row.
template <class T> __device__ inline void gather(const T* x, const u32* ids, T* y, u32 width) {
    x += (u64)ids[blockIdx.x] * width;
    y += (u64)blockIdx.x * width;
    bool aligned = aligned4(x) && aligned4(y) && width % 4 == 0;
    for (u32 i = threadIdx.x * 4; i < width; i += blockDim.x * 4) {
        float a[4];
        u32 count = width - i < 4 ? width - i : 4;
        load4(x + i, count, aligned, a);
        store4(y + i, count, aligned, a);
    }
}
KERNEL(gather_f32, const float* x, const u32* ids, float* y, u32 width) { gather(x, ids, y, width); }
KERNEL(gather_bf16, const bf16* x, const u32* ids, bf16* y, u32 width) { gather(x, ids, y, width); }
