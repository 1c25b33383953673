#line 1 "verdict.cu"
// From the sums of a group to its clip factor, and to the refusal of its step: one block each, f64 as on the host.

// The guard: why the first refused step was refused, its number, its group, and what the reason is about; as in guard.rs.
#define RECORD 6
#define GRADIENT 1
#define PARAMETER 2
#define ZERO 3
#define STEP 4
#define SQUARE 5
#define BLOCK 6
// A report: the guard's record when the step was due, the clip factor, the sums over the group.
#define CLIP RECORD
#define SUMS (RECORD + 1)

#define F32_MAX 3.4028234663852886e38

struct Judge {
    double* guard;
    double step, group;
    __device__ void refuse(double reason, double variable, double a, double b) const {
        if (guard[0] != 0) return;
        double record[RECORD] = {reason, step, group, variable, a, b};
        for (int i = 0; i < RECORD; i++) guard[i] = record[i];
    }
};

__device__ inline bool is_finite(double x) { return x - x == 0; }

// The sums over the group, in the order of its variables; what is not finite is refused.
template <int S> __device__ inline void total(const Judge& judge, const double* sums, u32 count, double* all) {
    for (int k = 0; k < S; k++) all[k] = 0;
    for (u32 v = 0; v < count; v++) {
        double xx = sums[S * v], gg = sums[S * v + 2];
        if (!is_finite(gg)) judge.refuse(GRADIENT, v, sqrt(gg), 0);
        if (!is_finite(xx)) judge.refuse(PARAMETER, v, sqrt(xx), 0);
        for (int k = 0; k < S; k++) all[k] += sums[S * v + k];
    }
}

__device__ inline double clip_factor(double grad_norm, double threshold) {
    return grad_norm > threshold ? threshold / grad_norm : 1;
}

// The norm of keep·x − rate·d, from xx = ‖x‖², xd = ⟨x, d⟩ and dd = ‖d‖².
__device__ inline double stepped_norm(double xx, double xd, double dd, double keep, double rate) {
    double along = sqrt(dd), across = 0, norm = sqrt(xx);
    if (xx > 0) {
        along = xd / norm;
        across = sqrt(fmax(dd - along * along, 0.0));
    }
    return hypot(keep * norm - rate * along, rate * across);
}

__device__ inline void refuse_overflow(const Judge& judge, double dd, double norm) {
    if (!(norm <= F32_MAX)) judge.refuse(STEP, 0, sqrt(dd), norm);
}

// Gradient descent with the threshold slope·‖x‖ + offset.
KERNEL_OF(THREADS, judge_descent, const long long* table, u32 count, u32 chunks, const double* parts, double* sums, double* report,
          double* guard, double step, double group, double lr, double keep, double slope, double offset, u32 not_zero) {
    variable_sums<3>(table, count, chunks, parts, sums);
    if (threadIdx.x > 0) return;
    Judge judge = {guard, step, group};
    double* all = report + SUMS;
    total<3>(judge, sums, count, all);
    double xx = all[0], xg = all[1], gg = all[2];
    double clip = clip_factor(sqrt(gg), slope * sqrt(xx) + offset);
    if (not_zero && xx == 0) judge.refuse(ZERO, 0, 0, 0);
    refuse_overflow(judge, gg, stepped_norm(xx, xg, gg, keep, lr * clip));
    report[CLIP] = clip;
}

// The same with momentum. The next velocity w' = momentum·w + clip·g is not formed yet: a refused step leaves w alone.
KERNEL_OF(THREADS, judge_heavy_ball, const long long* table, u32 count, u32 chunks, const double* parts, double* sums, double* report,
          double* guard, double step, double group, double lr, double keep, double momentum, double threshold) {
    variable_sums<6>(table, count, chunks, parts, sums);
    if (threadIdx.x > 0) return;
    Judge judge = {guard, step, group};
    double* all = report + SUMS;
    total<6>(judge, sums, count, all);
    double xx = all[0], xg = all[1], gg = all[2], xw = all[3], gw = all[4], ww = all[5];
    double clip = clip_factor(sqrt(gg), threshold);
    refuse_overflow(judge, gg, stepped_norm(xx, xg, gg, keep, lr * clip));
    double next_xw = momentum * xw + clip * xg;
    double next_ww = fmax(momentum * momentum * ww + 2 * momentum * clip * gw + clip * clip * gg, 0.0);
    refuse_overflow(judge, next_ww, stepped_norm(xx, next_xw, next_ww, keep, lr));
    report[CLIP] = clip;
}

// LAMB and AdamW: the second moment must hold the squares.
KERNEL_OF(THREADS, judge_squares, const long long* table, u32 count, u32 chunks, const double* parts, double* sums, double* report,
          double* guard, double step, double group, double threshold) {
    variable_sums<3>(table, count, chunks, parts, sums);
    if (threadIdx.x > 0) return;
    Judge judge = {guard, step, group};
    double* all = report + SUMS;
    total<3>(judge, sums, count, all);
    double clip = clip_factor(sqrt(all[2]), threshold);
    for (u32 v = 0; v < count; v++) {
        double norm = sqrt(sums[3 * v + 2]) * clip;
        if (norm * norm > F32_MAX) judge.refuse(SQUARE, v, norm, 0);
    }
    report[CLIP] = clip;
}

// Whether nothing may change any more, which the report of the step says too.
__device__ inline bool is_refused(const double* guard, double* report) {
    if (blockIdx.x == 0 && threadIdx.x < RECORD) report[threadIdx.x] = guard[threadIdx.x];
    return guard[0] != 0;
}
