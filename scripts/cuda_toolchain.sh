#!/usr/bin/env bash
# Makes the toolchain for `cargo build --features cuda` on a machine without CUDA and without a GPU: NVIDIA's compiler, from
# its wheels on PyPI, and stand-ins to link with for the driver's library and cuBLAS.
#
#   eval "$(scripts/cuda_toolchain.sh DIR)"    sets the environment of the build; files in DIR are not fetched again
#   scripts/cuda_toolchain.sh DIR --nvcc-only  fetches only the compiler, for scripts/check_kernels.sh
#
# Fetches about 105 MB. A stand-in looks for the real library when one of its functions is first called, so one binary
# starts with and without CUDA. Needs python3 with pip, cargo, gcc and ar; x86-64 Linux only.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,9p' "$0" | cut -c3- >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)

# Compiler, assembler and headers must be of one release.
wheels=(nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88
    nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85)

if [ "$(cat "$dir/wheels.txt" 2>/dev/null)" != "${wheels[*]}" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    echo "fetching ${#wheels[@]} wheels" >&2
    platforms=()
    for glibc in 2_5 2_12 2_17 2_27 2_28; do platforms+=(--platform "manylinux_${glibc}_x86_64"); done
    python3 -m pip download --quiet --retries 1 --no-deps --only-binary=:all: --platform manylinux2014_x86_64 \
        --platform manylinux2010_x86_64 "${platforms[@]}" --dest "$work" "${wheels[@]}" >&2
    for wheel in "$work"/*.whl; do python3 -m zipfile -e "$wheel" "$work/all"; done
    cp -a "$work"/all/nvidia/cu13/. "$dir/"
    chmod +x "$dir"/bin/* "$dir"/nvvm/bin/*
    ln -sfn lib "$dir/lib64"
    printf '%s' "${wheels[*]}" >"$dir/wheels.txt"
fi
[ "${2:-}" = --nvcc-only ] && exit

version=$(sed -n '/^name = "cudarc"$/{n;s/version = "\(.*\)"/\1/p}' "$here/../Cargo.lock")
if [ "$(cat "$dir/standins.txt" 2>/dev/null)" != "$version" ]; then
    (cd "$here/.." && cargo fetch --locked --quiet)
    source=$(echo "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/cudarc-"$version" | cut -d' ' -f1)
    python3 "$here/cuda_standins.py" "$source" "$dir/standins" >&2
    # candle-kernels wants the runtime, which is linked whole: it finds the driver by itself.
    ln -sfn ../../lib/libcudart_static.a "$dir/standins/lib/libcudart.a"
    printf '%s' "$version" >"$dir/standins.txt"
fi

# The folder of the stand-ins is CUDA_ROOT and nothing else, or the linker would find shared libraries first.
cat <<OUT
export PATH="$dir/bin:\$PATH" NVCC="$dir/bin/nvcc" CUDA_ROOT="$dir/standins" CUDA_COMPUTE_CAP="\${CUDA_COMPUTE_CAP:-90}"
unset CUDA_HOME CUDA_PATH CUDA_TOOLKIT_ROOT_DIR CUDNN_LIB
OUT
