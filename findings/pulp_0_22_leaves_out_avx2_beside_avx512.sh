#!/usr/bin/env bash
# The crate pulp 0.22.3 with the feature x86-v4: a processor with AVX2 and no AVX-512 gets neither, but single numbers.
#
# Guess:     x86-v4 adds AVX-512 to what there is: `Arch::new()` takes the widest vectors of the processor, and so AVX2 where
#            there is no AVX-512. gemm 0.19, which turns pulp's defaults off and asks for x86-v4 alone, seems to say so too.
# Behaviour: the features are apart, and a level that is not asked for is not in `Arch`: on a Haswell or a Zen 3 `Arch::new()` is
#            Scalar, whose vectors are one number, without a word at build or run time. Cargo joins the features of all crates, so
#            the answer depends on which others are in the build.
# Seen:      x86-v4: scalar on AVX2; x86-v3 and x86-v4: AVX2 on AVX2
# Versions:  pulp 0.22.3 (crates.io), QEMU 7.2 (Debian 12's qemu-user), Linux, x86-64, Rust 1.95.
#
# Needs cargo and qemu-x86_64, which plays the processor, or apt-get to fetch it; builds in a temporary folder. Fails if the behaviour
# changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
qemu=$(command -v qemu-x86_64 || true)
if [ -z "$qemu" ]; then
    apt-get download --quiet qemu-user
    dpkg -x qemu-user_*.deb qemu
    qemu=$work/qemu/usr/bin/qemu-x86_64
fi

mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.1.0"
edition = "2021"
[features]
both = ["pulp/x86-v3"]
[dependencies]
pulp = { version = "=0.22.3", default-features = false, features = ["std", "x86-v4"] }
[workspace]
TOML
cat >src/main.rs <<'RUST'
use pulp::{Arch, Simd, WithSimd};

struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

fn main() {
    assert!(is_x86_feature_detected!("avx2") && !is_x86_feature_detected!("avx512f"), "the emulated processor is another");
    println!("{}", Arch::new().dispatch(Lanes));
}
RUST
lanes() {
    cargo build --quiet "$@"
    "$qemu" -cpu Haswell target/debug/finding 2> >(grep -v "warning: TCG" >&2)
}

alone=$(lanes)
both=$(lanes --features both)
echo "f32 numbers of a vector on a Haswell: x86-v4 $alone, x86-v3 and x86-v4 $both"
if [ "$alone" != 1 ] || [ "$both" != 8 ]; then
    echo "this is no longer what was found"
    exit 1
fi
