#!/usr/bin/env bash
# clang-tidy with .clang-tidy over every source file of the tree, and through them over every header and .inc. What has passed is
# remembered by the contents of the file and of all that it includes, so a run that was stopped goes on where it was, and the next
# one looks only at what changed.
#   scripts/tidy.sh [-j N] [-p BUILD_FOLDER] [--changed REV] [FILE...]
# The build folder must be built: the compile commands and the lists of included files are read there.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD jobs=$(nproc) build=build/release since='' files=()

usage() { echo "usage: scripts/tidy.sh [-j N] [-p BUILD_FOLDER] [--changed REV] [FILE...]" >&2; exit 2; }
while [ $# -gt 0 ]; do
  case $1 in
    -j) [ $# -ge 2 ] || usage; jobs=$2; shift 2;;
    -j*) jobs=${1#-j}; shift;;
    -p) [ $# -ge 2 ] || usage; build=$2; shift 2;;
    --changed) [ $# -ge 2 ] || usage; since=$2; shift 2;;
    -*) usage;;
    *) files+=("$1"); shift;;
  esac
done
case $jobs in ''|*[!0-9]*) usage;; esac
command -v clang-tidy >/dev/null || { echo "tidy: needs clang-tidy (apt install clang-tidy)" >&2; exit 1; }
[ -f "$build/compile_commands.json" ] || { echo "tidy: $build is not built: cmake --preset release && cmake --build --preset release" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# One line for each source file: itself, then the files of this tree that it includes. Ninja keeps the list of each object, the
# source first, as paths from the root or from the build folder.
git ls-files --cached --others --exclude-standard >"$work/tree"
ninja -C "$build" -t deps | awk -v root="$root/" '
  NR == FNR { tree[$0]; next }
  /^    / {
    sub(/^ +/, "")
    if (index($0, root) == 1) path = substr($0, length(root) + 1); else if (!sub(/^(\.\.\/)+/, "")) path = ""; else path = $0
    known = path in tree
    if (first) keep = known
    if (known) line = line path " "
    first = 0
    next
  }
  { if (keep) print line; keep = 0; line = ""; first = 1 }
  END { if (keep) print line }' "$work/tree" - | sort -u -k1,1 >"$work/all"

if [ ${#files[@]} -gt 0 ]; then
  printf '%s\n' "${files[@]}" >"$work/named"
  awk 'NR == FNR { named[$1]; next } { for (i = 1; i <= NF; i++) if ($i in named) { print; next } }' "$work/named" "$work/all" >"$work/some"
elif [ -n "$since" ]; then
  git diff --name-only "$since" -- >"$work/named"
  awk 'NR == FNR { named[$1]; next } { for (i = 1; i <= NF; i++) if ($i in named) { print; next } }' "$work/named" "$work/all" >"$work/some"
else
  cp "$work/all" "$work/some"
fi

# A file's key is the sum of what clang-tidy would read of this tree.
: >"$work/todo"
passed=0
while read -r source included; do
  # shellcheck disable=SC2086  # the list is made of words
  key=$(cat .clang-tidy "$source" $included 2>/dev/null | sha256sum | cut -d' ' -f1)
  if [ "$(cat "$build/tidy/$source.passed" 2>/dev/null)" = "$key" ]; then passed=$((passed + 1)); else echo "$source $key" >>"$work/todo"; fi
done <"$work/some"
echo "tidy: $passed files have passed, $(wc -l <"$work/todo") to look at" >&2

one() {
  local build=$1 source=$2 key=$3 said
  mkdir -p "$build/tidy/$(dirname "$source")"
  if said=$(clang-tidy --quiet -p "$build" "$source" 2>/dev/null); then
    echo "$key" >"$build/tidy/$source.passed"
  else
    printf '%s\n' "tidy: $source" "$said"
    return 1
  fi
}
export -f one
xargs -r -P "$jobs" -L 1 bash -c 'one "$0" "$1" "$2"' "$build" <"$work/todo" || { echo "tidy: findings, see above" >&2; exit 1; }
echo "tidy: all pass" >&2
