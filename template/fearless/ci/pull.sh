#!/usr/bin/env bash
# Pulls data and models from the storage: with the credentials that CI holds as secrets (.env.example lists them), or without
# any, by a login that lasts an hour (login.sh). What must lie in a file or an agent for that is gone when this script ends.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
source "$here/stop.sh"
source "$here/login.sh"

# What nobody set arrives as an empty text, which some clients take for an answer.
for name in AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_DEFAULT_REGION AWS_ROLE_ARN \
    AZURE_STORAGE_CONNECTION_STRING AZURE_STORAGE_ACCOUNT AZURE_CLIENT_ID AZURE_TENANT_ID; do
    test -n "${!name:-}" || unset "$name"
done

scratch=$(mktemp -d) # private to this user
leave() {
    rm -rf "$scratch"
    test -z "${SSH_AGENT_PID:-}" || ssh-agent -k > /dev/null
    test -z "${DVC_WEBDAV_PASSWORD:-}" || uv run --locked dvc config --quiet --local --unset remote.storage.password
}
trap leave EXIT

config=$(uv run --locked dvc config --list) || stop "The settings of DVC cannot be read (.dvc/config)."
remote=$(sed -n 's/^core\.remote=//p' <<< "$config" | tail -n 1)
test -n "$remote" || stop "No storage is set: .dvc/config names no remote, so there is nothing to pull data and models from."
url=$(awk -v key="remote.$remote.url=" 'index($0, key) == 1 { url = substr($0, length(key) + 1) } END { print url }' <<< "$config")
test -n "$url" || stop "The storage \`$remote\` has no url in .dvc/config."
url=${url#"$PWD"/} # of a storage in the repository

login
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

# Old releases stay where they are: `fearless deploy` and `rollback` bring the one that they want.
mapfile -d '' -t wanted < <(git ls-files -z -- 'dvc.yaml' '*/dvc.yaml' '*.dvc' ':!ops/releases')
if uv run --locked dvc pull "${wanted[@]}" 2>&1 | tee "$scratch/said.txt"; then
    # Other golden data is judged on that of the base too (base.sh laid the base out), by a step that has no credentials.
    test -d .fearless/base || exit 0
    uv run --locked fearless golden base --base "$(git -C .fearless/base rev-parse HEAD)"
    exit
fi

credentials=${AWS_ACCESS_KEY_ID:-}${AZURE_STORAGE_CONNECTION_STRING:-}${DVC_SSH_PRIVATE_KEY:-}${DVC_WEBDAV_PASSWORD:-}${GOOGLE_CREDENTIALS_JSON:-}
test ! -f "$scratch/token" || credentials+=token
if [[ $url == *://* && -z $credentials ]]; then
    why="CI holds none of the secrets that $url may ask for (a pull request from a fork never does): .env.example lists them"
else
    # The names that DVC prints between these two lines; without any, its own last error.
    missing=$(sed -n '/for following targets:$/,/^Is your cache/{//!p}' "$scratch/said.txt" | paste -sd ' ' -)
    if test -n "$missing"; then
        why="$missing is not whole in $url: run \`uv run dvc push\` where it is, and commit .storage if the storage lies there"
    else
        # Its last error may only count the files; the one before it then says why.
        errors=$(sed -n 's/^ERROR: //p' "$scratch/said.txt")
        cause=$(grep -v '^failed to pull data from the cloud - [0-9]* files failed to download' <<< "$errors" | tail -n 1) || true
        why="DVC says of $url: ${cause:-${errors:-$(grep -v '^ *$' "$scratch/said.txt" | tail -n 1)}}"
    fi
fi
stop "Data and models could not be pulled. $why."
