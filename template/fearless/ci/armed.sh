#!/usr/bin/env bash
# Says whether there is a ledger to watch: whether the team wrote ops/ci/ledger.sh. A run that watches nothing must not look like one
# that found nothing.
set -euo pipefail

armed=false
if test -f ops/ci/ledger.sh; then
    armed=true
else
    why="Not armed: nothing that was served is watched here. Write ops/ci/ledger.sh, which brings the ledger to"
    why+=" .fearless/ledger/predictions.sqlite, or run \`uv run fearless monitor\` on a schedule where the service runs."
    echo "$why"
    test -z "${GITHUB_STEP_SUMMARY:-}" || echo "⚠️ **${why/:/:**}" >> "$GITHUB_STEP_SUMMARY"
fi
test -z "${GITHUB_OUTPUT:-}" || echo "ledger=$armed" >> "$GITHUB_OUTPUT"
