#!/usr/bin/env bash
# Measures everything that this repository claims about GPUs, on a machine with a GPU, and writes one report.
#
#   scripts/gpu_acceptance.sh BINARY OUT [--phase selftest nccl bench pretrain] [--text FILE] [--minutes 8] [--seconds 570]
#
# BINARY is the program from scripts/build_cuda.sh, packed (.xz) or not. The machine needs an NVIDIA GPU with its driver, and a
# python3 (or $PYTHON) with PyTorch, whose CUDA libraries the program uses too. It needs neither Rust nor a network.
# OUT gets report.md, report.json, results.jsonl (every measurement), log.txt and the curves of the pretraining.
#
# It takes two calls of at most ten minutes, each bounded by --seconds. The second adds to what the first left in OUT:
#
#   scripts/gpu_acceptance.sh sibert.xz out --phase selftest nccl bench
#   scripts/gpu_acceptance.sh sibert.xz out --phase pretrain --text book.txt
#
# If a phase fails, the others still run; the report says what failed, and the exit code is 1. `--device cpu --tiny` tries the
# whole script with a tiny model, on a machine without a GPU.
set -euo pipefail
[ $# -ge 2 ] && [ "${1#-}" = "$1" ] && [ "${2#-}" = "$2" ] || { sed -n '2,17p' "$0" | cut -c3- >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

binary=$1 out=$2
shift 2
case $binary in
    *.xz) "$python" -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), open(sys.argv[2], "wb"))' \
        "$binary" "$work/sibert" ;;
    *) cp "$binary" "$work/sibert" ;;
esac
chmod +x "$work/sibert"

# cuBLAS, cuRAND, nvrtc and NCCL come with PyTorch, as wheels.
libraries=$("$python" -c 'import glob, importlib.util, os
spec = importlib.util.find_spec("nvidia")
folders = [lib for base in (spec.submodule_search_locations if spec else []) for lib in glob.glob(os.path.join(base, "*", "lib"))]
print(":".join(sorted(folders)))')
export LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"

status=0
"$python" "$here/gpu_acceptance.py" --sibert "$work/sibert" --python "$python" --work "$work" --out "$out" "$@" || status=$?
"$python" "$here/gpu_report.py" "$out" || status=$?
exit $status
