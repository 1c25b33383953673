#!/usr/bin/env bash
# Installs what a build with `mpi` needs on Debian and Ubuntu, if it is not there: MPI with its headers, and libclang, which
# reads them. Ends with 1 where it cannot.
set -euo pipefail
there() { command -v mpicc mpirun >/dev/null && ls /usr/lib/*/libclang*.so* /usr/lib/llvm*/lib/libclang*.so* >/dev/null 2>&1; }
there && exit 0
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo -n)
command -v apt-get >/dev/null || { echo "no apt-get: install an MPI with its headers, and libclang" >&2; exit 1; }
"${as_root[@]}" apt-get update -qq >/dev/null 2>&1 || true # an older list of packages may do
"${as_root[@]}" apt-get install -qq -y --no-install-recommends libopenmpi-dev openmpi-bin libclang-dev >/dev/null
there
