#!/bin/bash
# What a graphics card makes of this program, on a bare Linux machine (bash, tar, gzip) that fetches nothing:
#   bench/gpu.sh pack <folder> [--published <Text2LIVE>,<madgrad>]   here: parts of at most 60 MiB into a new folder
#   bench/gpu.sh unpack <part> ...                                   there: takes parts over, in any number of calls
#   bench/gpu.sh run [--results <folder>] [--swiftshader] [...]      there: unpacks them all, measures, writes results
# Nothing of the tree but this file is needed there. See docs/benchmarks.md.
set -euo pipefail

part_bytes=$((60 * 1024 * 1024))
# Outside the tree, which may be replaced between two calls.
home=${TEXT2LIVE_GPU_HOME:-${TMPDIR:-/tmp}/text2live-gpu}

fail() {
  echo "bench/gpu.sh: $1" >&2
  exit 2
}

pack() {
  local folder=${1:-} published=''
  [ -n "$folder" ] || fail 'pack expects a folder to make: bench/gpu.sh pack build/gpu'
  [ ! -e "$folder" ] || fail "pack makes the folder itself, and $folder is there already. Remove it, or name another."
  shift
  while [ $# -gt 0 ]; do
    case $1 in
      --published)
        published=${2:-}
        shift 2 || fail '--published expects two checkouts: <Text2LIVE>,<madgrad>'
        ;;
      *) fail "pack does not know \"$1\"" ;;
    esac
  done
  local root loader
  root=$(cd "$(dirname "$0")/.." && pwd)
  mkdir -p "$folder"
  folder=$(cd "$folder" && pwd)
  staged=$(mktemp -d)
  trap 'rm -rf "$staged"' EXIT
  mkdir "$staged/bin" "$staged/lib" "$staged/published"
  cp -L "$(node -p process.execPath)" "$staged/bin/node"
  # The loader of Vulkan drivers, for a machine that has a driver without it. The driver itself belongs to the card.
  loader=$(PATH=$PATH:/usr/sbin:/sbin ldconfig -p 2>/dev/null |
    sed -n 's/.*libvulkan\.so\.1 .*x86-64.* => //p' | sed q) || loader=''
  if [ -n "$loader" ]; then
    cp -L "$loader" "$staged/lib/libvulkan.so.1"
  else
    echo 'there is no libvulkan.so.1 here to carry: the other machine needs its own' >&2
  fi
  if [ -n "$published" ]; then
    [[ $published == *,* ]] || fail '--published expects two checkouts: <Text2LIVE>,<madgrad>'
    cp -R "${published%%,*}" "$staged/published/Text2LIVE"
    cp -R "${published#*,}" "$staged/published/madgrad"
    rm -rf "$staged"/published/*/.git
  fi
  (cd "$root" && node bench/gpuFiles.mjs) >"$staged/files"
  tar -c -C "$staged" bin lib published -C "$root" -T "$staged/files" |
    gzip "${TEXT2LIVE_GPU_GZIP:--6}" | split -b "$part_bytes" -a 1 --numeric-suffixes=1 - "$folder/part-"
  # Each part tells of all: whoever has one knows what is missing.
  (cd "$folder" && sha256sum part-* >sums)
  for part in "$folder"/part-?; do
    mkdir "$part.of"
    mv "$part" "$part.of/"
    cp "$folder/sums" "$part.of/"
    mv "$part.of" "$folder/$(basename "$part" | sed 's/^part-//')"
  done
  rm "$folder/sums"
  du -b "$folder"/*/part-*
}

unpack() {
  [ $# -gt 0 ] || fail 'unpack expects folders that pack made, for instance build/gpu/1'
  mkdir -p "$home/parts"
  for part in "$@"; do
    [ -f "$part/sums" ] || fail "expected $part to be a folder of a pack, with a part and its sums"
    if [ -f "$home/parts/sums" ] && ! cmp -s "$part/sums" "$home/parts/sums"; then
      echo "another pack than before: its parts are given up" >&2
      rm -rf "$home/parts" "$home/tree"
      mkdir -p "$home/parts"
    fi
    cp "$part"/sums "$part"/part-* "$home/parts/"
  done
  ls "$home/parts"
}

run() {
  [ -f "$home/parts/sums" ] || fail "no part of a pack is in $home. Give them first: bench/gpu.sh unpack <part>"
  if [ ! -x "$home/tree/bin/node" ] || ! cmp -s "$home/parts/sums" "$home/tree/sums"; then
    (cd "$home/parts" && sha256sum --check --quiet sums) >&2 ||
      fail "expected every part that $home/parts/sums names, whole. Unpack those that are missing or differ."
    rm -rf "$home/tree"
    mkdir "$home/tree"
    cat "$home"/parts/part-* | tar -xz -C "$home/tree"
    cp "$home/parts/sums" "$home/tree/sums"
  fi
  exec "$home/tree/bin/node" "$home/tree/bench/gpuRun.mjs" "$@"
}

case ${1:-} in
  pack | unpack | run) "$@" ;;
  *) fail 'expected pack, unpack or run' ;;
esac
