# Sourced by pull.sh: logs in to the cloud of the storage without a secret, where one is set up for it. CI signs a token that
# says which repository and which job asks; the cloud's own library reads it from a file and is given a key for an hour.

# Expects stop(), $scratch (a private folder) and $url (of the storage); exports what the library looks for.
login() {
    # A secret that is set is taken, and no token is asked for.
    if [[ $url == s3://* && -n ${AWS_ROLE_ARN:-} && -z ${AWS_ACCESS_KEY_ID:-} ]]; then
        login_aws
    elif [[ $url == gs://* && -n ${GOOGLE_WORKLOAD_IDENTITY_PROVIDER:-} && -z ${GOOGLE_CREDENTIALS_JSON:-} ]]; then
        login_google
    elif [[ $url == azure://* && -n ${AZURE_CLIENT_ID:-}${AZURE_TENANT_ID:-} && -z ${AZURE_STORAGE_CONNECTION_STRING:-} ]]; then
        login_azure
    fi
}

login_aws() {
    test -n "${AWS_DEFAULT_REGION:-}" || stop "AWS_ROLE_ARN is set and AWS_DEFAULT_REGION is not: the role is taken in a region."
    token AWS_ROLE_ARN AWS_ID_TOKEN sts.amazonaws.com
    export AWS_WEB_IDENTITY_TOKEN_FILE=$scratch/token
    export AWS_ROLE_SESSION_NAME=fearless-${GITHUB_RUN_ID:-${CI_JOB_ID:-0}}
}

login_google() {
    local provider=$GOOGLE_WORKLOAD_IDENTITY_PROVIDER account=${GOOGLE_SERVICE_ACCOUNT:-} through=
    [[ $provider =~ ^projects/[0-9]+/locations/global/workloadIdentityPools/[a-z0-9-]+/providers/[a-z0-9-]+$ ]] ||
        stop "GOOGLE_WORKLOAD_IDENTITY_PROVIDER is not of the form projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER."
    if test -n "$account"; then
        [[ $account =~ ^[a-z0-9-]+@[a-z0-9.-]+$ ]] || stop "GOOGLE_SERVICE_ACCOUNT is not the e-mail address of a service account."
        through="\"service_account_impersonation_url\": \"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/$account:generateAccessToken\","
    fi
    token GOOGLE_WORKLOAD_IDENTITY_PROVIDER GOOGLE_ID_TOKEN "https://iam.googleapis.com/$provider"
    cat > "$scratch/google.json" << JSON
{
  "type": "external_account",
  "audience": "//iam.googleapis.com/$provider",
  "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
  "token_url": "https://sts.googleapis.com/v1/token",
  $through
  "credential_source": {"file": "$scratch/token"}
}
JSON
    export GOOGLE_APPLICATION_CREDENTIALS=$scratch/google.json
}

login_azure() {
    local name
    for name in AZURE_CLIENT_ID AZURE_TENANT_ID; do
        test -n "${!name:-}" || stop "$name is not set, and a login to Azure without a secret needs AZURE_CLIENT_ID and AZURE_TENANT_ID."
    done
    test -n "${AZURE_STORAGE_ACCOUNT:-}" || grep -q '^remote\.[^=]*\.account_name=' <<< "$config" ||
        stop "Nothing names the storage account of $url: set AZURE_STORAGE_ACCOUNT, or account_name in .dvc/config."
    token AZURE_CLIENT_ID AZURE_ID_TOKEN api://AzureADTokenExchange
    export AZURE_FEDERATED_TOKEN_FILE=$scratch/token
}

# token SETTING VARIABLE AUDIENCE: writes the token for AUDIENCE to $scratch/token. GitLab has it in VARIABLE; GitHub is asked.
token() {
    local setting=$1 variable=$2 audience=$3 answer
    if test -n "${!variable:-}"; then
        answer=${!variable}
    elif test -n "${ACTIONS_ID_TOKEN_REQUEST_URL:-}" && test -n "${ACTIONS_ID_TOKEN_REQUEST_TOKEN:-}"; then
        # The header comes from stdin: what stands on a command line is seen by every process.
        answer=$(curl --silent --show-error --fail --max-time 30 --retry 2 --get --data-urlencode "audience=$audience" --config - \
            "$ACTIONS_ID_TOKEN_REQUEST_URL" <<< "header = \"Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN\"" 2> "$scratch/curl.txt" |
            sed -n 's/.*"value" *: *"\([^"]*\)".*/\1/p') ||
            stop "GitHub gave no token for the login by $setting: $(tail -n 1 "$scratch/curl.txt")."
        test -n "$answer" || stop "GitHub gave no token for the login by $setting: its answer holds none."
    else
        stop "$setting is set, and this job can have no token to log in with: it lacks \`id-token: write\` (GitHub; a pull request from a fork never has it) or $variable in \`id_tokens\` (GitLab)."
    fi
    (umask 077 && printf '%s' "$answer" > "$scratch/token")
}
