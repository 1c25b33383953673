// The beginning of every module. On a GPU this is CUDA C for nvrtc and nvcc, without a header; where EMULATED is defined,
// the emulator's header has given C++ the words of CUDA before, and the tensor cores below.

typedef unsigned int u32;
typedef unsigned long long u64;

// bfloat16: the upper half of a float.
struct bf16 { unsigned short bits; };

#ifndef EMULATED

#define KERNEL(name, ...) extern "C" __global__ void name(__VA_ARGS__)
// The same with the number of its threads, which leaves the compiler more registers.
#define KERNEL_OF(threads, name, ...) extern "C" __global__ void __launch_bounds__(threads) name(__VA_ARGS__)
// An array of the block, and the bytes that the launch asks for.
#define SHARED(type, name, count) __shared__ __align__(16) type name[count]
#define DYNAMIC_SHARED(name) extern __shared__ __align__(16) unsigned char name[]
#define UNROLL _Pragma("unroll")
// Where an address must be a multiple of so many bytes: a GPU faults, the emulator says so.
#define EXPECT_ALIGNED(p, bytes)

__device__ inline float widen(float x) { return x; }
__device__ inline float widen(bf16 x) { return __uint_as_float((u32)x.bits << 16); }
template <class T> __device__ inline T narrow(float x);
template <> __device__ inline float narrow<float>(float x) { return x; }
template <> __device__ inline bf16 narrow<bf16>(float x) {
    bf16 y;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
    return y;
}
// Two bf16 in a word, the first in its lower half.
__device__ inline u32 pack_bf16(float low, float high) {
    u32 y;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(high), "f"(low));
    return y;
}

// d += a b, of one warp: a (16, 16) and b (16, 8) of bf16, d (16, 8) of float. With g = lane / 4 and t = lane % 4, a lane has
//   a[0]: (g, 2t) (g, 2t+1)   a[1]: (g+8, 2t..)   a[2]: (g, 2t+8..)   a[3]: (g+8, 2t+8..)
//   b[0]: (2t, g) (2t+1, g)   b[1]: (2t+8, g) (2t+9, g)
//   d[0], d[1]: (g, 2t) (g, 2t+1)   d[2], d[3]: (g+8, 2t) (g+8, 2t+1)
__device__ inline void mma_bf16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
// Four matrices (8, 8) of bf16 from shared memory: lane i gives the address of row i % 8 of matrix i / 8 (16 bytes, aligned),
// and gets of each matrix (lane / 4, 2 (lane % 4)) and its right neighbour; of their transposes by the second.
__device__ inline void load_matrices(u32 (&r)[4], const void* row) {
    u32 address = (u32)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
        : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
}
__device__ inline void load_matrices_transposed(u32 (&r)[4], const void* row) {
    u32 address = (u32)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
        : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address) : "memory");
}
// 16 bytes from global to shared memory in the background, zeros unless `valid`; groups of them, and the wait until no more
// than N groups are under way (a __syncthreads must follow).
__device__ inline void copy_async(void* shared, const void* global, bool valid) {
    u32 address = (u32)__cvta_generic_to_shared(shared);
    int size = valid ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" :: "r"(address), "l"(global), "r"(size) : "memory");
}
__device__ inline void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int N> __device__ inline void copy_async_wait() { asm volatile("cp.async.wait_group %0;" :: "n"(N) : "memory"); }

#else

static inline float widen(float x) { return x; }
static inline float widen(bf16 x) { return bf16_value(x.bits); }
template <class T> static inline T narrow(float x);
template <> inline float narrow<float>(float x) { return x; }
template <> inline bf16 narrow<bf16>(float x) { return bf16{bf16_bits(x)}; }
static inline u32 pack_bf16(float low, float high) { return (u32)bf16_bits(low) | (u32)bf16_bits(high) << 16; }
static inline float bf16_half(u32 word, int upper) { return bf16_value(upper ? word >> 16 : word & 0xffff); }
static inline void mma_bf16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
    struct In { float d[4]; u32 a[4], b[2]; };
    struct Out { float d[4]; };
    In in = {{d[0], d[1], d[2], d[3]}, {a[0], a[1], a[2], a[3]}, {b0, b1}};
    Out out = emulator::exchange<In, Out>(in, [](In* in, Out* out) {
        float a[16][16], b[16][8];
        for (int lane = 0; lane < 32; lane++) {
            int g = lane / 4, t = lane % 4;
            for (int i = 0; i < 4; i++)
                for (int half = 0; half < 2; half++) a[g + i % 2 * 8][2 * t + i / 2 * 8 + half] = bf16_half(in[lane].a[i], half);
            for (int i = 0; i < 2; i++)
                for (int half = 0; half < 2; half++) b[2 * t + i * 8 + half][g] = bf16_half(in[lane].b[i], half);
        }
        for (int lane = 0; lane < 32; lane++)
            for (int i = 0; i < 4; i++) {
                int row = lane / 4 + i / 2 * 8, column = 2 * (lane % 4) + i % 2;
                float sum = in[lane].d[i];
                for (int k = 0; k < 16; k++) sum += a[row][k] * b[k][column];
                out[lane].d[i] = sum;
            }
    });
    for (int i = 0; i < 4; i++) d[i] = out.d[i];
}
static inline void load_matrices_of(u32 (&r)[4], const void* row, bool transposed) {
    struct Out { u32 r[4]; };
    EXPECT_ALIGNED(row, 16);
    Out out = emulator::exchange<const void*, Out>(row, [=](const void** rows, Out* out) {
        for (int lane = 0; lane < 32; lane++)
            for (int i = 0; i < 4; i++) {
                unsigned short pair[2];
                for (int j = 0; j < 2; j++) {
                    int row = lane / 4, column = 2 * (lane % 4) + j;
                    if (transposed) { int other = row; row = column; column = other; }
                    pair[j] = static_cast<const unsigned short*>(rows[8 * i + row])[column];
                }
                out[lane].r[i] = (u32)pair[0] | (u32)pair[1] << 16;
            }
    });
    for (int i = 0; i < 4; i++) r[i] = out.r[i];
}
static inline void load_matrices(u32 (&r)[4], const void* row) { load_matrices_of(r, row, false); }
static inline void load_matrices_transposed(u32 (&r)[4], const void* row) { load_matrices_of(r, row, true); }
static inline void copy_async(void* shared, const void* global, bool valid) { emulator::start_copy({shared, global, valid}); }
static inline void copy_async_commit() { emulator::close_group(); }
template <int N> inline void copy_async_wait() { emulator::wait_for_copies(N); }

#endif

__device__ inline float infinity() { return __uint_as_float(0x7f800000u); }

// Four neighbours, read and written at once: their address is a multiple of their size.
template <class T> struct alignas(4 * sizeof(T)) Four { T at[4]; };
template <class T> __device__ inline bool aligned4(const T* p) { return (u64)p % sizeof(Four<T>) == 0; }
template <class T> __device__ inline void load4(const T* p, float (&x)[4]) {
    EXPECT_ALIGNED(p, sizeof(Four<T>));
    Four<T> four = *reinterpret_cast<const Four<T>*>(p);
    UNROLL for (int i = 0; i < 4; i++) x[i] = widen(four.at[i]);
}
template <class T> __device__ inline void store4(T* p, const float (&x)[4]) {
    EXPECT_ALIGNED(p, sizeof(Four<T>));
    Four<T> four;
    UNROLL for (int i = 0; i < 4; i++) four.at[i] = narrow<T>(x[i]);
    *reinterpret_cast<Four<T>*>(p) = four;
}
// The same of the first `count`, one by one unless they are all and `aligned`; what is not there reads as zero.
template <class T> __device__ inline void load4(const T* p, u32 count, bool aligned, float (&x)[4]) {
    if (aligned && count == 4) {
        load4(p, x);
    } else {
        UNROLL for (int i = 0; i < 4; i++) x[i] = i < (int)count ? widen(p[i]) : 0.f;
    }
}
template <class T> __device__ inline void store4(T* p, u32 count, bool aligned, const float (&x)[4]) {
    if (aligned && count == 4) {
        store4(p, x);
    } else {
        UNROLL for (int i = 0; i < 4; i++) if (i < (int)count) p[i] = narrow<T>(x[i]);
    }
}

// Calls f(i, count) for the fours of n elements that belong to this thread of the grid.
template <class F> __device__ inline void fours(u64 n, F f) {
    u64 stride = (u64)gridDim.x * blockDim.x * 4;
    for (u64 i = ((u64)blockIdx.x * blockDim.x + threadIdx.x) * 4; i < n; i += stride) f(i, (u32)(n - i < 4 ? n - i : 4));
}
// Calls f(i, count) for the fours of a row that belong to this lane of a warp.
template <class F> __device__ inline void row_fours(u32 width, F f) {
    for (u32 i = threadIdx.x % 32 * 4; i < width; i += 128) f(i, width - i < 4 ? width - i : 4);
}
// y[i] = f(x[i]), and z[i] = f(x[i], y[i]).
template <class X, class Y, class F> __device__ inline void map(const X* x, Y* y, u64 n, F f) {
    bool aligned = aligned4(x) && aligned4(y);
    fours(n, [&](u64 i, u32 count) {
        float a[4];
        load4(x + i, count, aligned, a);
        UNROLL for (int j = 0; j < 4; j++) a[j] = f(a[j]);
        store4(y + i, count, aligned, a);
    });
}
template <class X, class Y, class Z, class F> __device__ inline void map2(const X* x, const Y* y, Z* z, u64 n, F f) {
    bool aligned = aligned4(x) && aligned4(y) && aligned4(z);
    fours(n, [&](u64 i, u32 count) {
        float a[4], b[4];
        load4(x + i, count, aligned, a);
        load4(y + i, count, aligned, b);
        UNROLL for (int j = 0; j < 4; j++) a[j] = f(a[j], b[j]);
        store4(z + i, count, aligned, a);
    });
}

// Sums and largest values over the lanes of a warp, known to all of them.
template <class T> __device__ inline T warp_sum(T x) {
    UNROLL for (int lane = 16; lane > 0; lane /= 2) x += __shfl_xor_sync(0xffffffffu, x, lane);
    return x;
}
__device__ inline float warp_max(float x) {
    UNROLL for (int lane = 16; lane > 0; lane /= 2) x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, lane));
    return x;
}

// The sum over a block of whole warps, known to all threads, in a fixed order.
template <class T> __device__ inline T block_sum(T x) {
    SHARED(T, parts, 32);
    x = warp_sum(x);
    u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    if (lane == 0) parts[warp] = x;
    __syncthreads();
    x = lane < blockDim.x / 32 ? parts[lane] : T(0);
    __syncthreads();
    return warp_sum(x);
}
__device__ inline float block_max(float x) {
    SHARED(float, parts, 32);
    x = warp_max(x);
    u32 warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    if (lane == 0) parts[warp] = x;
    __syncthreads();
    x = parts[lane < blockDim.x / 32 ? lane : 0];
    __syncthreads();
    return warp_max(x);
}

// The index-th word of the stream of `key` (SplitMix64): two draws of dropout, the low and the high half.
__device__ inline u64 random_word(u64 key, u64 index) {
    u64 z = key + index * 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}
// The draw of one element; it is dropped if the draw is below the threshold.
__device__ inline u32 draw(u64 key, u64 element) {
    return (u32)(random_word(key, element / 2) >> (element % 2 * 32));
}

// Inverted dropout: what is dropped, and what the rest is multiplied by, 1 / (1 - p).
struct Mask { u64 key; u32 threshold; float scale; };
// The factors of the elements first, first + 1, ...: one word serves two of them.
__device__ inline void factors4(Mask mask, u64 first, float (&factor)[4]) {
    u64 odd = first % 2, word = random_word(mask.key, first / 2);
    UNROLL for (int i = 0; i < 4; i++) {
        u64 element = i + odd;
        if (i > 0 && element % 2 == 0) word = random_word(mask.key, first / 2 + element / 2);
        factor[i] = (u32)(word >> (element % 2 * 32)) >= mask.threshold ? mask.scale : 0.f;
    }
}
