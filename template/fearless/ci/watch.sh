#!/usr/bin/env bash
# Watches what was served. Your ops/ci/ledger.sh brings a copy of the ledger and, where you have some, the labels; then `fearless
# truth` and `fearless monitor` look at them. Their reports go to .fearless/watched, and what each said first to said.txt there.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/stop.sh"

ledger=.fearless/ledger/predictions.sqlite
said=.fearless/watched/said.txt
mkdir -p .fearless/ledger .fearless/watched
rm -rf .fearless/watched/monitor .fearless/watched/truth
: > "$said"
bash ops/ci/ledger.sh bring || stop "Your ops/ci/ledger.sh bring ended with exit code $?."
test -n "${FEARLESS_LEDGER:-}" || test -f "$ledger" || stop "Your ops/ci/ledger.sh brought no ledger: it belongs at $ledger."

code=0
look() {
    local told
    told=$(mktemp)
    uv run --locked fearless "$@" > "$told" 2>&1 || code=1
    cat "$told"
    test ! -d ".fearless/$1" || cp -r ".fearless/$1" .fearless/watched/
    grep -m 1 -E '^(HEALTHY|WATCH|BREACH|fearless): ' "$told" | sed "s/^/$1: /" >> "$said" || true
    test -z "${GITHUB_STEP_SUMMARY:-}" || printf '```\n%s\n```\n' "$(< "$told")" >> "$GITHUB_STEP_SUMMARY"
}
for labels in .fearless/labels.csv .fearless/labels.parquet; do
    test ! -f "$labels" || look truth "$labels"
done
look monitor

test -z "${GITHUB_OUTPUT:-}" || echo "said=$(paste -sd ' ' "$said")" >> "$GITHUB_OUTPUT"
bash ops/ci/ledger.sh keep || stop "Your ops/ci/ledger.sh keep ended with exit code $?."
exit "$code"
