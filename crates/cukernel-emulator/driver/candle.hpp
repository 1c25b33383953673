// The few kernels of candle's own that training calls, in C++. Their arguments are those of candle-kernels 0.11.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>
#include <vector>

inline float bf16_number(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float x;
    memcpy(&x, &wide, 4);
    return x;
}
inline uint16_t bf16_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    if (x != x) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

struct Half { uint16_t bits; };
template <class T> inline double wide(T x) { return (double)x; }
inline double wide(Half x) { return bf16_number(x.bits); }
template <class T> inline T narrow(double x) { return (T)x; }
template <> inline Half narrow<Half>(double x) { return {bf16_of((float)x)}; }

// Where element i of a tensor lies, whose dimensions and strides `info` holds; in order where there is no `info`.
inline size_t place(size_t i, size_t dims, const size_t* info) {
    if (!info) return i;
    size_t at = 0;
    for (size_t d = dims; d-- > 0; i /= info[d]) at += i % info[d] * info[dims + d];
    return at;
}
template <class T> inline T argument(void** args, int i) { return *(T*)args[i]; }

template <class From, class To> void cast(void** args) {
    size_t n = argument<size_t>(args, 0), dims = argument<size_t>(args, 1);
    const size_t* info = argument<const size_t*>(args, 2);
    for (size_t i = 0; i < n; i++) argument<To*>(args, 4)[i] = narrow<To>(wide(argument<const From*>(args, 3)[place(i, dims, info)]));
}
template <class T> void const_set(void** args) {
    size_t n = argument<size_t>(args, 0), dims = argument<size_t>(args, 1);
    const size_t* info = argument<const size_t*>(args, 2);
    for (size_t i = 0; i < n; i++) argument<T*>(args, 4)[place(i, dims, info)] = argument<T>(args, 3);
}
template <class T> void copy_strided(void** args) {
    size_t n = argument<size_t>(args, 0), dims = argument<size_t>(args, 1);
    const size_t* info = argument<const size_t*>(args, 2);
    for (size_t i = 0; i < n; i++) argument<T*>(args, 4)[i] = argument<const T*>(args, 3)[place(i, dims, info)];
}
template <class T> void affine(void** args) {
    size_t n = argument<size_t>(args, 0), dims = argument<size_t>(args, 1);
    const size_t* info = argument<const size_t*>(args, 2);
    const T* x = argument<const T*>(args, 3);
    T* y = argument<T*>(args, 4);
    for (size_t i = 0; i < n; i++) y[i] = (x ? x[place(i, dims, info)] : y[i]) * argument<T>(args, 5) + argument<T>(args, 6);
}
template <class T> void add(void** args) {
    size_t n = argument<size_t>(args, 0), dims = argument<size_t>(args, 1);
    const size_t* info = argument<const size_t*>(args, 2);  // the dimensions, the strides of x, those of y
    std::vector<size_t> of_y(info, info ? info + dims : info);
    if (info) of_y.insert(of_y.end(), info + 2 * dims, info + 3 * dims);
    for (size_t i = 0; i < n; i++)
        argument<T*>(args, 5)[i] = argument<const T*>(args, 3)[place(i, dims, info)] + argument<const T*>(args, 4)[place(i, dims, info ? of_y.data() : info)];
}
template <class T> void index_select(void** args) {
    size_t n = argument<size_t>(args, 0), rows = argument<size_t>(args, 7), count = argument<size_t>(args, 8), right = argument<size_t>(args, 9);
    const uint32_t* ids = argument<const uint32_t*>(args, 3);
    for (size_t i = 0; i < n; i++)
        argument<T*>(args, 5)[i] = argument<const T*>(args, 4)[(i / (count * right) * rows + ids[i / right % count]) * right + i % right];
}
template <class T> void copy2d(void** args) {
    const T* from = argument<const T*>(args, 0);
    T* to = argument<T*>(args, 1);
    uint32_t rows = argument<uint32_t>(args, 2), columns = argument<uint32_t>(args, 3);
    for (uint32_t i = 0; i < rows; i++)
        for (uint32_t j = 0; j < columns; j++) to[i * argument<uint32_t>(args, 5) + j] = from[i * argument<uint32_t>(args, 4) + j];
}

inline void (*candle_kernel(const char* name))(void**) {
    typedef void (*Kernel)(void**);
    static const std::map<std::string, Kernel> kernels = {
        {"cast_f32_f64", cast<float, double>}, {"cast_f64_f32", cast<double, float>}, {"cast_f32_bf16", cast<float, Half>},
        {"cast_bf16_f32", cast<Half, float>}, {"cast_bf16_f64", cast<Half, double>}, {"cast_f64_bf16", cast<double, Half>},
        {"cast_u32_f32", cast<uint32_t, float>}, {"cast_u32_f64", cast<uint32_t, double>}, {"cast_u8_f32", cast<uint8_t, float>},
        {"const_set_f32", const_set<float>}, {"const_set_f64", const_set<double>}, {"const_set_u32", const_set<uint32_t>},
        {"const_set_bf16", const_set<Half>}, {"ucopy_f32", copy_strided<float>}, {"ucopy_f64", copy_strided<double>},
        {"ucopy_bf16", copy_strided<Half>}, {"ucopy_u32", copy_strided<uint32_t>}, {"affine_f32", affine<float>},
        {"affine_f64", affine<double>}, {"copy2d_f32", copy2d<float>}, {"copy2d_f64", copy2d<double>}, {"copy2d_bf16", copy2d<Half>},
        {"copy2d_u32", copy2d<uint32_t>}, {"badd_f32", add<float>}, {"is_u32_f32", index_select<float>},
    };
    auto found = kernels.find(name);
    return found == kernels.end() ? nullptr : found->second;
}
