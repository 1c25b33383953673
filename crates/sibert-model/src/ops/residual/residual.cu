// z = x + y m / (1 - p), four elements a thread. Element i has number offset + i in the stream of masks; of the rows `ids` of
// a larger tensor the element in row r and column c has number offset + ids[r] width + c.

template <bool some_rows, bool add, class T>
__device__ inline void residual(const T* x, const T* y, T* z, const u32* ids, u64 n, u32 width, u64 offset, Mask mask) {
    bool aligned = aligned4(x) && aligned4(y) && aligned4(z);
    fours(n, [&](u64 i, u32 count) {
        float a[4], b[4], factor[4] = {1, 1, 1, 1};
        load4(y + i, count, aligned, b);
        if (add) load4(x + i, count, aligned, a);
        if (mask.threshold > 0) {
            u64 row = some_rows ? i / width : 0, column = some_rows ? i % width : 0;
            if (!some_rows) {
                factors4(mask, offset + i, factor);
            } else if (column + 4 <= width) {
                factors4(mask, offset + (u64)ids[row] * width + column, factor);
            } else {  // the four reach into the next rows
                UNROLL for (int j = 0; j < 4; j++) {
                    if (j >= (int)count) break;
                    u64 element = offset + (u64)ids[row] * width + column;
                    factor[j] = draw(mask.key, element) >= mask.threshold ? mask.scale : 0.f;
                    if (++column == width) column = 0, row++;
                }
            }
        }
        UNROLL for (int j = 0; j < 4; j++) b[j] = (add ? a[j] : 0.f) + (factor[j] == 0 ? 0.f : b[j] * factor[j]);
        store4(z + i, count, aligned, b);
    });
}

#define RESIDUAL(T, name) \
    KERNEL(residual_##name, const T* x, const T* y, T* z, u64 n, u64 offset, u64 key, u32 threshold, float scale) { \
        residual<false, true>(x, y, z, nullptr, n, 1, offset, Mask{key, threshold, scale}); \
    } \
    KERNEL(residual_rows_##name, const T* x, const T* y, T* z, const u32* ids, u64 n, u32 width, u64 offset, u64 key, u32 threshold, float scale) { \
        residual<true, true>(x, y, z, ids, n, width, offset, Mask{key, threshold, scale}); \
    } \
    KERNEL(dropped_##name, const T* dz, T* dy, u64 n, u64 offset, u64 key, u32 threshold, float scale) { \
        residual<false, false>(dz, dz, dy, nullptr, n, 1, offset, Mask{key, threshold, scale}); \
    } \
    KERNEL(dropped_rows_##name, const T* dz, T* dy, const u32* ids, u64 n, u32 width, u64 offset, u64 key, u32 threshold, float scale) { \
        residual<true, false>(dz, dz, dy, ids, n, width, offset, Mask{key, threshold, scale}); \
    }
RESIDUAL(float, f32)
RESIDUAL(bf16, bf16)
