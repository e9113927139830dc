#!/usr/bin/env bash
# Your steps of CI after the gate, also when something failed: FEARLESS_RESULT says how it went (success, failure,
# failed, cancelled). The gate's report lies in .fearless/gate/. CI runs this file from the root of the repository.
set -euo pipefail
