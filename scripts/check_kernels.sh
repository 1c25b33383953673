#!/usr/bin/env bash
# Compiles every CUDA kernel for GPUs of compute capability 8.0 and 9.0, without a GPU: to PTX, as at run time, and then to
# machine code. Prints registers and spills.
#
#   scripts/check_kernels.sh [SIBERT]      SIBERT is the program, which writes the kernels' source; default: cargo run
#
# NVRTC names libnvrtc, which also compiles the kernels at run time; an installed CUDA's is found. NVCC names the compiler.
# Without it the one on the PATH is used, or one is fetched into target/cuda-toolchain (105 MB). If there is none and it cannot
# be fetched, the script says so and exits with 0; REQUIRED=1 makes that a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ -z "${NVCC:-}" ]; then
    if NVCC=$(command -v nvcc); then :
    elif scripts/cuda_toolchain.sh target/cuda-toolchain --nvcc-only 2>"$work/log"; then
        NVCC=$PWD/target/cuda-toolchain/bin/nvcc
    else
        echo "no CUDA toolchain: kernels were not compiled to PTX ($(tail -n 1 "$work/log"))"
        exit "${REQUIRED:-0}"
    fi
fi

if [ $# -ge 1 ]; then
    "$1" kernels --out "$work/kernels" >/dev/null
else
    cargo run --release --quiet --locked -- kernels --out "$work/kernels" >/dev/null
fi

# A file that no module includes would not be compiled.
find crates -name '*.cu' -not -name prelude.cu | while read -r file; do
    line=$(grep -m 1 -E '^(__device__|KERNEL|template|constexpr|struct)' "$file")
    grep -qF -r -- "$line" "$work/kernels" || { echo "$file is in no module of \`sibert kernels\`" >&2; exit 1; }
done

compile() { # FILE CAPABILITY: the compiler's report, or its errors and a status
    local file=$1 arch=$2 base=$work/$2.$(basename "$1" .cu)
    {
        "$NVCC" -std=c++17 -arch="compute_$arch" -ptx "$file" -o "$base.ptx" &&
            "$(dirname "$NVCC")/ptxas" -v -arch="sm_$arch" "$base.ptx" -o "$base.cubin"
    } >"$base.log" 2>&1 || { echo "$(basename "$file") does not compile for $arch:"; cat "$base.log"; return 255; } >&2
}
export -f compile
export NVCC work
for arch in 80 90; do
    for file in "$work"/kernels/*.cu; do printf '%s %s\n' "$file" "$arch"; done
done | xargs -P "$(nproc)" -L 1 bash -c 'compile "$0" "$1"'

python3 - "$work" <<'PYTHON'
"""A row for each module: its kernels, and the most registers and spilled bytes, by capability."""
import pathlib, re, sys

work = pathlib.Path(sys.argv[1])
print('| module | kernels | registers, 8.0 | registers, 9.0 | spilled bytes, 8.0 | spilled bytes, 9.0 |\n|---|---|---|---|---|---|')
total = 0
for file in sorted((work / 'kernels').glob('*.cu')):
    logs = [(work / f'{arch}.{file.stem}.log').read_text() for arch in (80, 90)]
    largest = lambda pattern, log: max(map(int, re.findall(pattern, log)), default=0)
    registers = [largest(r'Used (\d+) registers', log) for log in logs]
    spilled = [largest(r'(\d+) bytes spill stores', log) for log in logs]
    kernels = len(re.findall(r'Compiling entry function', logs[1]))
    total += kernels
    print(f'| {file.stem} | {kernels} |', ' | '.join(map(str, registers + spilled)), '|')
print(f'\n{total} kernels compile for compute capability 8.0 and 9.0')
PYTHON

nvrtc=${NVRTC:-$(find "$(dirname "$NVCC")/../lib64/" -name 'libnvrtc.so.*' 2>/dev/null | head -n 1)}
if [ -n "$nvrtc" ]; then
    LD_LIBRARY_PATH="$(dirname "$nvrtc")" python3 scripts/nvrtc.py "$nvrtc" "$work"/kernels/*.cu
else
    echo "no nvrtc here (NVRTC names one): only nvcc compiled them"
fi
