#!/usr/bin/env bash
# Packs the program for those who do not build it: the wheel, and an archive with the program, README, licences, completions and
# manual pages, each with its SHA-256. For Linux.
#
#   scripts/release.sh [DIR]      DIR (default target/dist) gets the four files
#
# The archive is named after version and target, sibert-VERSION-TARGET.tar.gz. Its program is the wheel's: scripts/wheel.sh says on
# which systems it starts. Names, times and owners in the archive depend on the commit alone.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(realpath -m "${1:-target/dist}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

scripts/wheel.sh "$work/wheels"
wheel=$(basename "$work"/wheels/*.whl)
python3 -m zipfile -e "$work/wheels/$wheel" "$work/wheel"

sibert=$work/sibert
install -m 755 "$work"/wheel/sibert-*.data/scripts/sibert "$sibert"
name=sibert-$("$sibert" --version | cut -d ' ' -f 2)-$(rustc -vV | sed -n 's/^host: //p')
archive=$work/$name
mkdir -p "$archive/completions"
cp "$sibert" README.md LICENSE-APACHE LICENSE-MIT "$archive/"
"$sibert" completions bash >"$archive/completions/sibert.bash"
"$sibert" completions zsh >"$archive/completions/_sibert"
"$sibert" completions fish >"$archive/completions/sibert.fish"
"$sibert" man --out "$archive/man" >/dev/null

mkdir -p "$out"
mv "$work/wheels/$wheel" "$out/"
tar -C "$work" --sort=name --mtime="@$(git log -1 --format=%ct)" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
    --format=ustar -cf - "$name" | gzip -9 --no-name >"$out/$name.tar.gz"
cd "$out"
for file in "$wheel" "$name.tar.gz"; do sha256sum "$file" >"$file.sha256"; done

# As it is received: checked, unpacked and run.
mkdir "$work/received"
sha256sum --check "$wheel.sha256" "$name.tar.gz.sha256"
tar -C "$work/received" -xzf "$name.tar.gz"
cd "$work/received/$name"
for file in README.md LICENSE-MIT LICENSE-APACHE completions/_sibert man/sibert.1 man/sibert-pretrain.1; do
    test -s "$file" || { echo "the archive lacks $file" >&2; exit 1; }
done
./sibert --version
./sibert pretrain --max-steps 5 --out "$work/run" 2>/dev/null | grep -A 2 '^after 5 steps'
./sibert verify --model "$work/run/last" | tail -n 1
cd "$out" && stat --format='%n: %s bytes' "$wheel" "$name.tar.gz"
