#!/usr/bin/env bash
# Makes a runner ready: system packages, the team's own steps, and the versions that uv.lock names.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/stop.sh"

bash fearless/ci/packages.sh || stop "The system packages that ops/ci/apt.txt names could not be installed."
if test -f ops/ci/before.sh; then
    bash ops/ci/before.sh || stop "Your ops/ci/before.sh ended with exit code $?."
fi
command -v uv > /dev/null || stop "This runner has no uv, and the step before did not install it."
said=$(mktemp)
if ! uv sync --locked 2>&1 | tee "$said"; then
    if grep -q 'needs to be updated' "$said"; then
        stop "uv.lock is not current: run \`uv lock\` and commit it."
    fi
    stop "The versions that uv.lock names could not be installed: $(grep -v '^ *$' "$said" | tail -n 1 | sed 's/^ *//')"
fi
