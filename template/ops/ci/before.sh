#!/usr/bin/env bash
# Your steps of CI before anything is installed. CI runs this file from the root of the repository.
set -euo pipefail
