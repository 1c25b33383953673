// A block a row of logits (rows, vocab), which the forward pass reads once.

// The largest logit of the row and the sum of exp(x - largest), known to all threads.
struct Partition { float largest, sum; };

template <class T> __device__ inline Partition partition(const T* x, u32 vocab) {
    bool aligned = aligned4(x);
    float largest = -1e30f, sum = 0;
    for (u32 i = threadIdx.x * 4; i < vocab; i += blockDim.x * 4) {
        float a[4];
        u32 count = vocab - i < 4 ? vocab - i : 4;
        load4(x + i, count, aligned, a);
        float four = largest;
        UNROLL for (int j = 0; j < 4; j++) if (j < (int)count) four = fmaxf(four, a[j]);
        sum *= expf(largest - four);
        UNROLL for (int j = 0; j < 4; j++) if (j < (int)count) sum += expf(a[j] - four);
        largest = four;
    }
    float all = block_max(largest);
    return {all, block_sum(sum * expf(largest - all))};
}

template <class T> __device__ inline void cross_entropy(const T* x, const u32* labels, float* losses, float* partitions, u32 vocab) {
    x += (u64)blockIdx.x * vocab;
    Partition p = partition(x, vocab);
    if (threadIdx.x == 0) {
        losses[blockIdx.x] = logf(p.sum) + (p.largest - widen(x[labels[blockIdx.x]]));
        partitions[2 * (u64)blockIdx.x] = p.largest;
        partitions[2 * (u64)blockIdx.x + 1] = p.sum;
    }
}
KERNEL(cross_entropy_f32, const float* x, const u32* labels, float* losses, float* partitions, u32 vocab) {
    cross_entropy(x, labels, losses, partitions, vocab);
}
KERNEL(cross_entropy_bf16, const bf16* x, const u32* labels, float* losses, float* partitions, u32 vocab) {
    cross_entropy(x, labels, losses, partitions, vocab);
}

// dx = dL (softmax(x) - onehot(label))
template <class T>
__device__ inline void cross_entropy_backward(const T* x, const u32* labels, const float* partitions, const float* dloss, T* dx, u32 vocab) {
    u64 start = (u64)blockIdx.x * vocab;
    x += start, dx += start;
    bool aligned = aligned4(x) && aligned4(dx);
    float largest = partitions[2 * (u64)blockIdx.x], d = *dloss, scale = d / partitions[2 * (u64)blockIdx.x + 1];
    u32 label = labels[blockIdx.x];
    for (u32 i = threadIdx.x * 4; i < vocab; i += blockDim.x * 4) {
        float a[4];
        u32 count = vocab - i < 4 ? vocab - i : 4;
        load4(x + i, count, aligned, a);
        UNROLL for (int j = 0; j < 4; j++) a[j] = expf(a[j] - largest) * scale - (i + j == label ? d : 0.f);
        store4(dx + i, count, aligned, a);
    }
}
KERNEL(cross_entropy_backward_f32, const float* x, const u32* labels, const float* partitions, const float* dloss, float* dx, u32 vocab) {
    cross_entropy_backward(x, labels, partitions, dloss, dx, vocab);
}
KERNEL(cross_entropy_backward_bf16, const bf16* x, const u32* labels, const float* partitions, const float* dloss, bf16* dx, u32 vocab) {
    cross_entropy_backward(x, labels, partitions, dloss, dx, vocab);
}

// The place of the first of the largest logits of a row; NaN is passed over.
template <class T> __device__ inline void argmax(const T* x, u32* places, u32 vocab) {
    x += (u64)blockIdx.x * vocab;
    float largest = widen(x[0]);
    u32 place = 0;
    for (u32 i = threadIdx.x; i < vocab; i += blockDim.x) {
        float a = widen(x[i]);
        if (a > largest) largest = a, place = i;
    }
    SHARED(float, best, 256);
    SHARED(u32, at, 256);
    best[threadIdx.x] = largest, at[threadIdx.x] = place;
    __syncthreads();
    for (u32 half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) {
            float other = best[threadIdx.x + half];
            u32 there = at[threadIdx.x + half];
            if (other > best[threadIdx.x] || (other == best[threadIdx.x] && there < at[threadIdx.x])) {
                best[threadIdx.x] = other, at[threadIdx.x] = there;
            }
        }
        __syncthreads();
    }
    if (threadIdx.x == 0) places[blockIdx.x] = at[0];
}
KERNEL(argmax_f32, const float* x, u32* places, u32 vocab) { argmax(x, places, vocab); }
KERNEL(argmax_bf16, const bf16* x, u32* places, u32 vocab) { argmax(x, places, vocab); }

// How many of n numbers equal those beside them, by one block.
KERNEL(count_equal, const u32* x, const u32* y, double* count, u32 n) {
    double part = 0;
    for (u32 i = threadIdx.x; i < n; i += blockDim.x) part += x[i] == y[i];
    part = block_sum(part);
    if (threadIdx.x == 0) *count = part;
}
