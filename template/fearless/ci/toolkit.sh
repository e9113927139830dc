#!/usr/bin/env bash
# Runs `fearless` with the toolkit beside this script: on a pull or merge request that of the base, which the change cannot edit.
# Where the change brings another toolkit, as an update does, that one judges as well. Both must be content.
set -euo pipefail

toolkit=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# PYTHONSAFEPATH: a module of the change that lies where this runs must not stand in for one of the toolkit.
run() { PYTHONSAFEPATH=1 PYTHONPATH=$1 uv run --locked python -m fearless.cli "${@:2}"; }
if cmp -s "$toolkit/MANIFEST" fearless/MANIFEST; then
    run "$toolkit/src" "$@"
    exit
fi

title() {
    echo "--- $1"
    test -z "${GITHUB_STEP_SUMMARY:-}" || printf '# %s\n\n' "$1" >> "$GITHUB_STEP_SUMMARY"
}

base=0 own=0
test "${1:-}" != gate || rm -rf .fearless/gate .fearless/gate-of-base .fearless/gate-of-change
title "By the toolkit of the base"
run "$toolkit/src" "$@" || base=$?
if test "${1:-}" = gate && test -d .fearless/gate; then
    mv .fearless/gate .fearless/gate-of-base
fi
title "By the toolkit of this change"
run "$PWD/fearless/src" "$@" || own=$?
if test "${1:-}" = gate && test -d .fearless/gate-of-base && test "$base" != 0; then
    # What is kept and told in the comment is what decided.
    test ! -d .fearless/gate || mv .fearless/gate .fearless/gate-of-change
    mv .fearless/gate-of-base .fearless/gate
fi
test "$base" = 0 || exit "$base"
exit "$own"
