#!/usr/bin/env bash
# Pulls data and models from the storage, with the credentials that CI holds as secrets (.env.example lists them).
# What must lie in a file or an agent for that is removed again before this script ends.
set -euo pipefail

# A secret that nobody set arrives as an empty text, which some clients take for an answer.
for name in AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_DEFAULT_REGION AZURE_STORAGE_CONNECTION_STRING; do
    test -n "${!name:-}" || unset "$name"
done

scratch=$(mktemp -d)
leave() {
    rm -rf "$scratch"
    test -z "${SSH_AGENT_PID:-}" || ssh-agent -k > /dev/null
    test -z "${DVC_WEBDAV_PASSWORD:-}" || uv run --locked dvc config --quiet --local --unset remote.storage.password
}
trap leave EXIT

if test -n "${GOOGLE_CREDENTIALS_JSON:-}"; then
    (umask 077 && printf '%s' "$GOOGLE_CREDENTIALS_JSON" > "$scratch/google.json")
    export GOOGLE_APPLICATION_CREDENTIALS=$scratch/google.json
fi
if test -n "${DVC_SSH_PRIVATE_KEY:-}"; then
    eval "$(ssh-agent -s)" > /dev/null
    printf '%s\n' "$DVC_SSH_PRIVATE_KEY" | ssh-add -q -
fi
if test -n "${DVC_WEBDAV_PASSWORD:-}"; then
    uv run --locked dvc config --quiet --local remote.storage.user "${DVC_WEBDAV_USER:-}"
    uv run --locked dvc config --quiet --local remote.storage.password "$DVC_WEBDAV_PASSWORD"
fi

uv run --locked dvc pull 2>&1 | tee "$scratch/said.txt" && exit 0

# Why it failed, in one sentence; in the job summary too, where there is one.
url=$(uv run --locked dvc config "remote.$(uv run --locked dvc config core.remote).url")
secrets=${AWS_ACCESS_KEY_ID:-}${AZURE_STORAGE_CONNECTION_STRING:-}${DVC_SSH_PRIVATE_KEY:-}${DVC_WEBDAV_PASSWORD:-}${GOOGLE_CREDENTIALS_JSON:-}
if [[ $url == *://* && -z $secrets ]]; then
    why="CI holds none of the secrets that $url may ask for (a pull request from a fork never does): .env.example lists them"
else
    # The names that DVC prints between these two lines; without any, its own last error.
    missing=$(sed -n '/for following targets:$/,/^Is your cache/{//!p}' "$scratch/said.txt" | paste -sd ' ' -)
    if test -n "$missing"; then
        why="$missing is not whole in $url: run \`uv run dvc push\` where it is, and commit .storage if the storage lies there"
    else
        why="DVC says of $url: $(sed -n 's/^ERROR: //p' "$scratch/said.txt" | tail -n 1)"
    fi
fi
echo "fearless: Data and models could not be pulled. $why." >&2
test -z "${GITHUB_STEP_SUMMARY:-}" || echo "⛔ **Not judged: data and models could not be pulled.** $why." >> "$GITHUB_STEP_SUMMARY"
exit 1
