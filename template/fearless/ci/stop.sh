# Sourced by the scripts beside it: ends a step with one sentence, in its log and in the summary of the job.
stop() {
    echo "fearless: $1" >&2
    test -z "${GITHUB_STEP_SUMMARY:-}" || printf '⛔ **Not judged.** %s\n' "$1" >> "$GITHUB_STEP_SUMMARY"
    exit 1
}
