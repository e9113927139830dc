#!/usr/bin/env bash
# Takes the newest versions that pyproject.toml allows, and says which moved: the lock is not committed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/stop.sh"

said=$(mktemp)
if ! uv lock --upgrade 2>&1 | tee "$said"; then
    stop "The newest versions do not fit together: $(grep -v '^ *$' "$said" | tail -n 1 | sed 's/^ *//')"
fi
uv sync --locked || stop "The newest versions could not be installed."
moved=$(sed -nE '/^(Updated|Added|Removed) /p' "$said")
test -z "${GITHUB_STEP_SUMMARY:-}" ||
    printf 'Newest versions:\n\n```\n%s\n```\n\n' "${moved:-as in uv.lock}" >> "$GITHUB_STEP_SUMMARY"
