#!/usr/bin/env bash
# Builds the wheel that pip installs, and tries it in a fresh virtual environment. For Linux.
#
#   scripts/wheel.sh [DIR]        DIR (default target/wheels) gets the wheel
#
# The wheel holds the program and no Python code, so that one wheel serves every Python 3. The program is linked by zig against
# glibc 2.17 (the tag manylinux2014), so that it starts on older systems too; maturin checks that it asks for nothing newer. Both
# come from PyPI, once, into target/wheel-tools (115 MB). Everything is compiled for this, apart from the other builds.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(uname -s)" = Linux ] || { echo "this script builds the wheel for Linux" >&2; exit 1; }
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
out=$(realpath -m "${1:-target/wheels}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

tools=$target/wheel-tools
export PIP_DISABLE_PIP_VERSION_CHECK=1
[ -x "$tools/bin/pip" ] || python3 -m venv "$tools"
"$tools/bin/pip" install --quiet maturin==1.16.0 ziglang==0.17.1

# The program names no folder of this machine, and the wheel has the commit's time.
cargo_home=$(realpath -m "${CARGO_HOME:-$HOME/.cargo}")
CARGO_ENCODED_RUSTFLAGS=$(printf -- '--remap-path-prefix=%s\x1f--remap-path-prefix=%s' "$cargo_home=/cargo" "$PWD=/sibert")
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export CARGO_ENCODED_RUSTFLAGS SOURCE_DATE_EPOCH CARGO_TARGET_DIR=$target
PATH=$tools/bin:$PATH maturin build --release --zig --compatibility manylinux2014 --auditwheel check \
    --manifest-path crates/sibert-train/Cargo.toml --out "$work/wheel"
wheel=$(basename "$work"/wheel/*.whl)
mkdir -p "$out"
mv "$work/wheel/$wheel" "$out/"

# As a user has it: installed without a compiler or a registry, tried and removed.
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-index "$out/$wheel"
cd "$work"
sibert=$work/venv/bin/sibert
"$sibert" --version
"$sibert" pretrain --max-steps 5 --out run >pretrain.log 2>&1 || { cat pretrain.log; exit 1; }
grep -A 2 '^after 5 steps' pretrain.log
newest=$(readelf --version-info --wide "$sibert" | grep -o 'GLIBC_[0-9.]*' | sort -V | tail -n 1)
"$work/venv/bin/pip" uninstall --quiet --yes sibert
[ ! -e "$sibert" ] || { echo "pip left the program behind" >&2; exit 1; }
echo "$wheel: $(stat --format=%s "$out/$wheel") bytes; the program needs $newest"
