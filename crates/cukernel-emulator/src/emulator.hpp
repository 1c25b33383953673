// The words of CUDA in C++: a kernel's threads are fibers, which change where they wait for one another.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <type_traits>
#include <ucontext.h>
#include <utility>
#include <vector>

#define __device__
#define __forceinline__ inline
#define __restrict__ __restrict
#define UNROLL
#define EXPECT_ALIGNED(p, bytes) emulator::expect_aligned(p, bytes)

struct uint2 { unsigned int x, y; };
struct uint4 { unsigned int x, y, z, w; };
struct float2 { float x, y; };
struct float4 { float x, y, z, w; };
struct emulated_dim { unsigned int x, y, z; };
static emulated_dim threadIdx, blockIdx, blockDim, gridDim;
struct bf16;

namespace emulator {

constexpr size_t STACK = 256 << 10;
constexpr unsigned int LANES = 32;

// Sixteen bytes on their way to shared memory: they arrive as late as they may, and until then the place is NaN.
struct Copy { void* to; const void* from; bool valid; };
struct Fiber {
    ucontext_t context;
    std::vector<char> stack;
    bool done;
    std::vector<Copy> open;                  // not in a group yet
    std::deque<std::vector<Copy>> on_their_way;
};
// Where threads wait: how many have come, and how often all had.
struct Barrier {
    unsigned int arrived = 0;
    unsigned long generation = 0;
};
struct Lane { unsigned char bytes[64]; };
struct Warp {
    Barrier barrier;
    Lane in[LANES], out[LANES];
};

static std::vector<Fiber> fibers;
static std::vector<Warp> warps;
static Barrier block;
static ucontext_t scheduler;
static unsigned int current, alive;
static unsigned long progress;
static std::string fault;
static const std::function<void()>* body;
static std::map<const void*, std::vector<uint4>> arrays;
static std::vector<uint4> dynamic;

inline void yield() { swapcontext(&fibers[current].context, &scheduler); }

inline void enter() {
    (*body)();
    fibers[current].done = true;
    progress++;
    yield();
}

// Runs `last` once all have come, and lets them go on.
template <class F> inline void meet(Barrier& barrier, unsigned int count, F last) {
    unsigned long generation = barrier.generation;
    progress++;
    if (++barrier.arrived == count) {
        last();
        barrier.arrived = 0;
        barrier.generation++;
        return;
    }
    while (barrier.generation == generation) yield();
}

// An exchange of a warp: every lane gives `in`, all outputs are made when the last has come.
template <class In, class Out, class F> inline Out exchange(const In& in, F make) {
    static_assert(sizeof(In) <= sizeof(Lane) && sizeof(Out) <= sizeof(Lane), "an exchange of more than a lane holds");
    Warp& warp = warps[current / LANES];
    unsigned int lane = current % LANES;
    memcpy(warp.in[lane].bytes, &in, sizeof(In));
    meet(warp.barrier, LANES, [&] {
        In ins[LANES];
        Out outs[LANES];
        for (unsigned int i = 0; i < LANES; i++) memcpy((void*)&ins[i], warp.in[i].bytes, sizeof(In));
        make(ins, outs);
        for (unsigned int i = 0; i < LANES; i++) memcpy(warp.out[i].bytes, &outs[i], sizeof(Out));
    });
    Out out;
    memcpy((void*)&out, warp.out[lane].bytes, sizeof(Out));
    return out;
}

// A thread whose access is not aligned goes no further.
inline void expect_aligned(const void* p, size_t bytes) {
    if ((uintptr_t)p % bytes == 0) return;
    fault = "an access of " + std::to_string(bytes) + " bytes at an address that is no multiple of " + std::to_string(bytes);
    for (;;) yield();
}

inline void start_copy(Copy copy) {
    expect_aligned(copy.to, 16);
    expect_aligned(copy.from, 16);
    memset(copy.to, 0xff, 16);
    fibers[current].open.push_back(copy);
}
inline void close_group() {
    fibers[current].on_their_way.push_back(std::move(fibers[current].open));
    fibers[current].open.clear();
}
// Lets all groups arrive but the last `under_way`.
inline void wait_for_copies(size_t under_way) {
    auto& groups = fibers[current].on_their_way;
    for (; groups.size() > under_way; groups.pop_front())
        for (const Copy& copy : groups.front()) {
            if (copy.valid) memcpy(copy.to, copy.from, 16);
            else memset(copy.to, 0, 16);
        }
}

// An array of the block, by its place in the text; NaN until it is written.
template <class T> inline T* shared(const void* place, size_t count) {
    auto& array = arrays[place];
    if (array.empty()) array.assign((count * sizeof(T) + 15) / 16 + 1, uint4{~0u, ~0u, ~0u, ~0u});
    return reinterpret_cast<T*>(array.data());
}

inline void run_block(unsigned int threads, unsigned int bytes, bool reverse) {
    arrays.clear();
    dynamic.assign((bytes + 15) / 16 + 1, uint4{~0u, ~0u, ~0u, ~0u});
    if (fibers.size() < threads) fibers.resize(threads);
    warps.assign((threads + LANES - 1) / LANES, Warp());
    block = Barrier();
    for (unsigned int i = 0; i < threads; i++) {
        Fiber& fiber = fibers[i];
        fiber.stack.resize(STACK);
        fiber.done = false;
        fiber.open.clear();
        fiber.on_their_way.clear();
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.data();
        fiber.context.uc_stack.ss_size = STACK;
        fiber.context.uc_link = nullptr;
        makecontext(&fiber.context, enter, 0);
    }
    for (alive = threads; alive > 0;) {
        unsigned long before = progress;
        alive = 0;
        for (unsigned int i = 0; i < threads; i++) {
            current = reverse ? threads - 1 - i : i;
            if (fibers[current].done) continue;
            threadIdx = {current, 0, 0};
            swapcontext(&scheduler, &fibers[current].context);
            alive += !fibers[current].done;
        }
        if (!fault.empty()) return;
        if (alive > 0 && progress == before) {
            fault = std::to_string(alive) + " of " + std::to_string(threads) + " threads of block (" + std::to_string(blockIdx.x) + ", "
                + std::to_string(blockIdx.y) + ", " + std::to_string(blockIdx.z) + ") wait for others that never come: a barrier or a warp's exchange "
                "is not reached by all";
            return;
        }
    }
}

// One letter for the type of an argument, `*` before it for a pointer.
template <class T> inline const char* letter() {
    if (std::is_same<T, unsigned int>::value) return "u";
    if (std::is_same<T, unsigned long long>::value) return "U";
    if (std::is_same<T, float>::value) return "f";
    if (std::is_same<T, double>::value) return "d";
    if (std::is_same<T, bf16>::value) return "b";
    if (std::is_same<T, long long>::value) return "I";
    if (std::is_same<T, unsigned char>::value) return "c";
    return "?";
}
template <class T> inline std::string signature_of() {
    typedef typename std::remove_cv<typename std::remove_pointer<T>::type>::type Target;
    return std::string(std::is_pointer<T>::value ? "*" : "") + letter<Target>();
}

struct Kernel {
    std::string name, signature;
    std::function<void(void const* const*)> call;
};
// Not inline: the loader would make one list of those of all modules.
static std::vector<Kernel>& kernels() {
    static std::vector<Kernel> all;
    return all;
}
template <class... A, size_t... I> inline void call(void (*f)(A...), void const* const* args, std::index_sequence<I...>) {
    f(*static_cast<typename std::remove_cv<A>::type const*>(args[I])...);
}
struct Registration {
    template <class... A> Registration(const char* name, void (*f)(A...)) {
        std::string signature;
        (void)std::initializer_list<int>{0, (signature += signature_of<typename std::remove_cv<A>::type>(), 0)...};
        kernels().push_back({name, signature, [f](void const* const* args) { call(f, args, std::index_sequence_for<A...>()); }});
    }
};

}  // namespace emulator

#define KERNEL(name, ...) \
    static void name(__VA_ARGS__); \
    static emulator::Registration name##_registration(#name, &name); \
    static void name(__VA_ARGS__)
#define KERNEL_OF(threads, name, ...) KERNEL(name, __VA_ARGS__)
#define SHARED(type, name, count) type* name = emulator::shared<type>([]() -> const void* { static char place; return &place; }(), count)
#define DYNAMIC_SHARED(name) unsigned char* name = reinterpret_cast<unsigned char*>(emulator::dynamic.data())

static inline void __syncthreads() { emulator::meet(emulator::block, blockDim.x, [] {}); }
static inline void __syncwarp(unsigned int = ~0u) { emulator::exchange<int, int>(0, [](int*, int*) {}); }
template <class T> inline T __shfl_xor_sync(unsigned int, T x, int mask) {
    return emulator::exchange<T, T>(x, [=](T* in, T* out) { for (int i = 0; i < 32; i++) out[i] = in[i ^ mask]; });
}
template <class T> inline T __shfl_sync(unsigned int, T x, int lane) {
    struct Ask { T x; int lane; };
    return emulator::exchange<Ask, T>({x, lane}, [](Ask* in, T* out) { for (int i = 0; i < 32; i++) out[i] = in[in[i].lane & 31].x; });
}
template <class T> inline T __shfl_down_sync(unsigned int, T x, int by) {
    return emulator::exchange<T, T>(x, [=](T* in, T* out) { for (int i = 0; i < 32; i++) out[i] = in[i + by < 32 ? i + by : i]; });
}
static inline unsigned int __ballot_sync(unsigned int, int x) {
    return emulator::exchange<int, unsigned int>(x, [](int* in, unsigned int* out) {
        unsigned int all = 0;
        for (int i = 0; i < 32; i++) all |= (unsigned int)(in[i] != 0) << i;
        for (int i = 0; i < 32; i++) out[i] = all;
    });
}
template <class T> inline T atomicAdd(T* p, T x) { T old = *p; *p += x; return old; }
static inline unsigned int atomicOr(unsigned int* p, unsigned int x) { unsigned int old = *p; *p |= x; return old; }
static inline unsigned int atomicMin(unsigned int* p, unsigned int x) { unsigned int old = *p; if (x < old) *p = x; return old; }
static inline unsigned int atomicMax(unsigned int* p, unsigned int x) { unsigned int old = *p; if (x > old) *p = x; return old; }
static inline unsigned int atomicCAS(unsigned int* p, unsigned int expected, unsigned int x) { unsigned int old = *p; if (old == expected) *p = x; return old; }
static inline float __uint_as_float(unsigned int x) { float y; memcpy(&y, &x, 4); return y; }
static inline unsigned int __float_as_uint(float x) { unsigned int y; memcpy(&y, &x, 4); return y; }
static inline float rsqrtf(float x) { return 1.f / sqrtf(x); }
#define __expf expf
#define __fdividef(x, y) ((x) / (y))
template <class T> inline T __ldg(const T* p) { return *p; }
static inline int min(int a, int b) { return a < b ? a : b; }
static inline int max(int a, int b) { return a > b ? a : b; }
static inline unsigned int min(unsigned int a, unsigned int b) { return a < b ? a : b; }
static inline unsigned int max(unsigned int a, unsigned int b) { return a > b ? a : b; }
static inline float min(float a, float b) { return fminf(a, b); }
static inline float max(float a, float b) { return fmaxf(a, b); }

// bfloat16, rounded to nearest even.
struct bf16;
static inline unsigned short bf16_bits(float x) {
    unsigned int bits = __float_as_uint(x);
    if (x != x) return (unsigned short)(bits >> 16 | 0x40);
    return (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
static inline float bf16_value(unsigned int bits) { return __uint_as_float(bits << 16); }

extern "C" int emulator_find(const char* name) {
    auto& all = emulator::kernels();
    for (size_t i = 0; i < all.size(); i++)
        if (all[i].name == name) return (int)i;
    return -1;
}
extern "C" const char* emulator_signature(int kernel) { return emulator::kernels()[kernel].signature.c_str(); }
// Null, or what went wrong.
extern "C" const char* emulator_run(int kernel, const unsigned int* grid, unsigned int threads, unsigned int shared, void const* const* args, int reverse) {
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {threads, 1, 1};
    std::function<void()> body = [&] { emulator::kernels()[kernel].call(args); };
    emulator::body = &body;
    emulator::fault.clear();
    if (threads % 32 || threads == 0 || threads > 1024) {
        emulator::fault = "a block of " + std::to_string(threads) + " threads: expected whole warps, at most 1024";
        return emulator::fault.c_str();
    }
    for (unsigned int z = 0; z < grid[2]; z++)
        for (unsigned int y = 0; y < grid[1]; y++)
            for (unsigned int x = 0; x < grid[0]; x++) {
                blockIdx = {reverse ? grid[0] - 1 - x : x, y, z};
                emulator::run_block(threads, shared, reverse);
                if (!emulator::fault.empty()) return emulator::fault.c_str();
            }
    return nullptr;
}
