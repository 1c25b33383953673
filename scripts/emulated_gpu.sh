#!/usr/bin/env bash
# Runs a program built with `cuda` on a machine without a GPU, through the driver of crates/cukernel-emulator. All GPU code of
# the program runs, with the kernels in the emulator. It is thousands of times slower than a GPU: use small models.
#
#   scripts/emulated_gpu.sh target/cuda/sibert selftest --device cuda --quick
#   scripts/emulated_gpu.sh target/cuda/sibert pretrain --device cuda --max-steps 10 --config …
#
# The program must look for CUDA's libraries at run time, as one from scripts/build_cuda.sh does. Needs a C++ compiler (CXX).
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,8p' "$0" | cut -c3- >&2; exit 2; }
crate=$(cd "$(dirname "$0")/../crates/cukernel-emulator" && pwd)
folder=${CARGO_TARGET_DIR:-$(cd "$(dirname "$0")/.." && pwd)/target}/emulated-gpu
mkdir -p "$folder/modules"

driver=$folder/libcuda.so.1
newest=$(ls -t "$crate"/driver/* "$crate"/src/emulator.hpp | head -n 1)
# The driver holds the path of the header; a checkout, or a copy of its target folder, may have moved.
if [ ! -e "$driver" ] || [ "$newest" -nt "$driver" ] || [ "$(cat "$folder/made-of" 2>/dev/null)" != "$crate" ]; then
    rm -rf "$folder"/modules/* "$folder/cache"
    "${CXX:-c++}" -std=c++17 -O2 -fPIC -shared -Wall -DEMULATOR="\"$crate/src/emulator.hpp\"" \
        -o "$driver.$$" "$crate/driver/driver.cpp" -ldl -lrt
    mv "$driver.$$" "$driver"
    printf '%s\n' "$crate" >"$folder/made-of"
    for name in libcublas.so.13 libcublas.so.12 libcublasLt.so.13 libcublasLt.so.12 libcurand.so.10 libnvrtc.so.13 libnvrtc.so.12 libnccl.so.2; do
        ln -sf libcuda.so.1 "$folder/$name"
    done
fi
LD_LIBRARY_PATH=$folder CUKERNEL_MODULES=$folder/modules XDG_CACHE_HOME=$folder/cache exec "$@"
