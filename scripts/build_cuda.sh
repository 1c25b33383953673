#!/usr/bin/env bash
# Builds the program for NVIDIA GPUs, on a machine with or without one, and packs it for another machine:
#
#   scripts/build_cuda.sh [DIR] [--toolchain DIR|installed] [--features mpi]
#
# DIR (default target/cuda) gets `sibert`, stripped, and `sibert.xz`. The build uses this machine's CUDA 12 or 13 if nvcc is
# there. Otherwise scripts/cuda_toolchain.sh makes a toolchain in target/cuda-toolchain. --toolchain names another folder, or
# `installed`. A program built without CUDA's libraries starts anywhere, and looks for them when it is asked for a GPU. A program
# built with an installed CUDA needs them to start.
#
# NCCL is in it and is also looked for at run time, when several processes have GPUs. `--features mpi` is for those: the program
# then needs the MPI that it was built with.
#
# Our kernels are compiled at run time for the GPU in the machine. candle's own few kernels are compiled here, for the GPUs that
# CUDA_COMPUTE_CAP names (default 90, H100); 80 covers the A100 and everything newer. This takes some minutes, once (4 on two cores).
set -euo pipefail
cd "$(dirname "$0")/.."
out=target/cuda toolchain= features=nccl
while [ $# -gt 0 ]; do
    case $1 in
        --toolchain) toolchain=${2:?--toolchain needs a folder or installed}; shift 2 ;;
        --features) features+=,${2:?--features needs a list}; shift 2 ;;
        -*) sed -n '2,15p' "$0" | cut -c3- >&2; exit 2 ;;
        *) out=$1; shift ;;
    esac
done

if [ "$toolchain" = installed ] || { [ -z "$toolchain" ] && [ -z "${CUDA_ROOT:-}" ] && command -v nvcc >/dev/null; }; then
    command -v nvcc >/dev/null || { echo "no nvcc on the PATH" >&2; exit 1; }
elif [ -z "${CUDA_ROOT:-}" ] || [ -n "$toolchain" ]; then
    exports=$(scripts/cuda_toolchain.sh "${toolchain:-target/cuda-toolchain}")
    eval "$exports"
fi
export CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-90} CUDAFORGE_THREADS=${CUDAFORGE_THREADS:-$(nproc)}
nvcc --version | tail -n 2 | head -n 1 >&2

cargo build --release --locked --features "$features" -p sibert-train
mkdir -p "$out"
strip -o "$out/sibert" "${CARGO_TARGET_DIR:-target}/release/sibert"
xz -9 --keep --force --threads=0 "$out/sibert"

# It must start without a GPU, and be small enough to be carried.
"$out/sibert" --version
"$out/sibert" devices
if readelf -d "$out/sibert" | grep -E 'NEEDED.*(cuda|cublas|curand|nvrtc)'; then
    echo "note: the program needs these libraries of CUDA to start" >&2
fi
bytes=$(stat -c %s "$out/sibert.xz")
printf '%s: %d MiB, compressed %d MiB\n' "$out/sibert" $(($(stat -c %s "$out/sibert") >> 20)) $((bytes >> 20))
[ "$bytes" -lt $((60 << 20)) ] || { echo "the compressed program is not below 60 MiB" >&2; exit 1; }
