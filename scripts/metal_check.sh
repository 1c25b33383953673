#!/usr/bin/env bash
# Type-checks the program with the feature `metal` for Apple's processors, on any machine with the target installed:
#
#   rustup target add aarch64-apple-darwin
#   scripts/metal_check.sh
#
# Nothing is linked and nothing runs. The C code of dependencies is not compiled, so no compiler for macOS is needed: an empty
# object stands for each C file.
set -euo pipefail
cd "$(dirname "$0")/.."
target=aarch64-apple-darwin
[ -d "$(rustc --print sysroot)/lib/rustlib/$target" ] || { echo "no target $target: rustup target add $target" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat >"$work/cc" <<'STUB'
#!/usr/bin/env bash
# Compiles to empty objects; all other requests go to this machine's compiler.
object= compiles=
args=("$@")
for ((i = 0; i < $#; i++)); do
    case ${args[i]} in
        -c) compiles=1 ;;
        -o) object=${args[i + 1]} ;;
    esac
done
[ -n "$compiles" ] && [ -n "$object" ] || exec cc "$@"
exec cc -c -x c /dev/null -o "$object"
STUB
chmod +x "$work/cc"
export CC_aarch64_apple_darwin="$work/cc" AR_aarch64_apple_darwin=ar
cargo check --locked --target $target --features metal -p sibert-train "$@"
echo "the program type-checks for $target with the feature metal"
