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

uv run --locked dvc pull
