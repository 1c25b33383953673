// y = words[ids] + types[type_ids] + positions[t], a block a token; tables of f32, y of f32 or bf16.

template <class T>
__device__ inline void embed(const float* words, const float* types, const float* positions, const u32* ids, const u32* type_ids, T* y, u32 seq, u32 width) {
    u32 token = blockIdx.x;
    words += (u64)ids[token] * width;
    types += (u64)type_ids[token] * width;
    positions += (u64)(token % seq) * width;
    y += (u64)token * width;
    bool aligned = aligned4(words) && aligned4(types) && aligned4(positions) && aligned4(y) && width % 4 == 0;
    for (u32 i = threadIdx.x * 4; i < width; i += blockDim.x * 4) {
        float a[4], b[4], c[4];
        u32 count = width - i < 4 ? width - i : 4;
        load4(words + i, count, aligned, a);
        load4(types + i, count, aligned, b);
        load4(positions + i, count, aligned, c);
        UNROLL for (int j = 0; j < 4; j++) a[j] = a[j] + b[j] + c[j];
        store4(y + i, count, aligned, a);
    }
}
KERNEL(embed_f32, const float* words, const float* types, const float* positions, const u32* ids, const u32* type_ids, float* y, u32 seq, u32 width) {
    embed(words, types, positions, ids, type_ids, y, seq, width);
}
KERNEL(embed_bf16, const float* words, const float* types, const float* positions, const u32* ids, const u32* type_ids, bf16* y, u32 seq, u32 width) {
    embed(words, types, positions, ids, type_ids, y, seq, width);
}
