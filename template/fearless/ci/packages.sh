#!/usr/bin/env bash
# Installs the Debian or Ubuntu packages that ops/ci/apt.txt names, one a line; # begins a comment.
set -euo pipefail
test -f ops/ci/apt.txt || exit 0
packages=()
while read -r name _; do
    [[ -z $name || $name == \#* ]] || packages+=("$name")
done < ops/ci/apt.txt
test "${#packages[@]}" -gt 0 || exit 0
root=()
test "$(id -u)" = 0 || root=(sudo)
"${root[@]}" apt-get update --quiet
"${root[@]}" apt-get install --quiet --yes --no-install-recommends "${packages[@]}"
