#!/usr/bin/env bash
# Lays out the commit that a pull or merge request, or a place in a merge queue, started from in .fearless/base, so that its toolkit can judge the change,
# and says where the scripts to run lie: there, or in fearless/ci where nothing is proposed or the base is too old for it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/stop.sh"

target=
if test -n "${GITHUB_BASE_REF:-}"; then
    target=origin/$GITHUB_BASE_REF
elif test "${GITHUB_EVENT_NAME:-}" = merge_group; then
    target=${QUEUED_ON:-}
    test -n "$target" || stop "The base of this change cannot be found: the merge queue names none."
elif test -n "${CI_MERGE_REQUEST_IID:-}"; then
    # A pipeline of merged results holds what the target has gained since: that is no part of the change.
    target=${CI_MERGE_REQUEST_TARGET_BRANCH_SHA:-${CI_MERGE_REQUEST_DIFF_BASE_SHA:-origin/$CI_MERGE_REQUEST_TARGET_BRANCH_NAME}}
fi

scripts=fearless/ci base=
if test -n "$target"; then
    base=$(git merge-base "$target" HEAD) ||
        stop "The base of this change cannot be found: there is no common commit with $target. The pipeline needs the whole history."
    rm -rf .fearless/base
    git worktree prune
    git worktree add --quiet --detach .fearless/base "$base"
    theirs=.fearless/base/$(git rev-parse --show-prefix)fearless/ci # the repository may lie in a folder of a larger one
    test ! -f "$theirs/toolkit.sh" || scripts=$theirs
fi
test -z "${GITHUB_OUTPUT:-}" || printf 'base=%s\nscripts=%s\n' "$base" "$scripts" >> "$GITHUB_OUTPUT"
echo "$scripts"
