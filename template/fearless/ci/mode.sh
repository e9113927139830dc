#!/usr/bin/env bash
# Says how strict the gate must be: as for a release where a push brings another champion, else as for a change.
# BEFORE names the commit that the branch was at before the push.
set -euo pipefail

mode=pull_request
if git cat-file -e "${BEFORE:-}^{commit}" 2> /dev/null; then
    git diff --quiet "$BEFORE" HEAD -- models/champion.dvc || mode=release
elif [[ ${BEFORE:-} == *[1-9a-f]* ]]; then
    mode=release # a forced push: what the branch was at is gone, so the stricter of both
fi
test -z "${GITHUB_OUTPUT:-}" || echo "mode=$mode" >> "$GITHUB_OUTPUT"
echo "$mode"
