#!/usr/bin/env bash
# Runs `fearless` with the toolkit beside this script: on a pull or merge request that of the base, which the change cannot edit.
# Where the change brings another toolkit, as an update does, that one judges as well. Both must be content.
set -euo pipefail

toolkit=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if cmp -s "$toolkit/MANIFEST" fearless/MANIFEST; then
    PYTHONPATH=$toolkit/src exec uv run --locked python -m fearless.cli "$@"
fi

title() {
    echo "--- $1"
    test -z "${GITHUB_STEP_SUMMARY:-}" || printf '# %s\n\n' "$1" >> "$GITHUB_STEP_SUMMARY"
}

code=0
title "By the toolkit of the base"
PYTHONPATH=$toolkit/src uv run --locked python -m fearless.cli "$@" || code=$?
if test "${1:-}" = gate && test -d .fearless/gate; then
    rm -rf .fearless/gate-of-base
    mv .fearless/gate .fearless/gate-of-base
fi
title "By the toolkit of this change"
own=0
uv run --locked fearless "$@" || own=$?
test "$code" != 0 || code=$own
exit "$code"
