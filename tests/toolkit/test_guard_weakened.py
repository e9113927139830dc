"""What an edit takes out of a pipeline is said in its own words; what adds to it is not."""

from __future__ import annotations

import pytest

from fearless.guard.weakened import weakened

GITHUB = """\
on: pull_request
jobs:
  judge:
    steps:
      - uses: actions/checkout@1234 # v7
      - run: fearless gate
      - run: |
          fearless check
          fearless score
  green:
    needs: [judge]
    steps:
      - run: test "$JUDGE" = success
"""
GITLAB = """\
fearless:
  variables: {A: "1"}
  before_script: [date]
  script:
    - fearless check
    - fearless gate
"""


@pytest.mark.parametrize(
    ("before", "old", "new", "named"),
    [
        (GITHUB, "fearless gate", "true", "the job `judge` no longer runs `fearless gate`"),
        (GITHUB, "fearless score", "echo", "the job `judge` no longer runs `fearless score`"),
        (GITHUB, "[judge]", "[]", "the job `green` no longer needs `judge`"),
        (GITHUB, "  judge:", "  other:", "the job `judge` is gone"),
        (GITHUB, "actions/checkout", "someone/checkout", "the job `judge` no longer runs `actions/checkout`"),
        (GITHUB, "fearless gate", "fearless gate || true", "adds `|| true`"),
        (GITHUB, "run: fearless gate", "run: fearless gate || :", "adds `|| true`"),
        (
            GITHUB,
            "      - run: |",
            "      - continue-on-error: true\n        run: |",
            "adds `continue-on-error`",
        ),
        (GITHUB, "run: fearless gate", "if: false\n        run: fearless gate", "adds `if: false`"),
        (GITHUB, "run: fearless gate", "if: ${{ false }}\n        run: fearless gate", "adds `if: false`"),
        (GITHUB, "          fearless check", "          set +e\n          fearless check", "adds `set +e`"),
        (GITLAB, "    - fearless gate", "    - date", "the job `fearless` no longer runs `fearless gate`"),
        (GITLAB, "[date]", "[]", "the job `fearless` no longer runs `date`"),
        (GITLAB, "  variables", "  allow_failure: true\n  variables", "adds `allow_failure`"),
        (GITLAB, "  variables", "  when: never\n  variables", "adds `when: never`"),
        (GITLAB, "fearless:\n", "other:\n", "the job `fearless` is gone"),
    ],
)
def test_what_is_taken_out_is_named(before: str, old: str, new: str, named: str) -> None:
    assert before.count(old) == 1
    assert named in weakened(before, before.replace(old, new))


@pytest.mark.parametrize(
    ("before", "old", "new"),
    [
        (GITHUB, "      - run: fearless gate", "      - run: date\n      - run: fearless gate"),
        (GITHUB, "@1234 # v7", "@5678 # v8"),
        (GITHUB, "jobs:", "jobs:\n  more:\n    steps: [{run: date}]"),
        (GITLAB, "    - fearless gate", "    - fearless gate\n    - date"),
        (GITLAB, '"1"', '"2"'),
        (GITHUB, "run: fearless gate", "continue-on-error: false\n        run: fearless gate"),
    ],
)
def test_what_only_adds_is_not_named(before: str, old: str, new: str) -> None:
    assert before.count(old) == 1
    assert weakened(before, before.replace(old, new)) == []


def test_a_removed_file_is_gone_and_one_that_is_no_yaml_has_lost_its_jobs() -> None:
    assert weakened(GITHUB, None) == ["it is gone"]
    assert weakened(GITHUB, "jobs: [") == ["the job `judge` is gone", "the job `green` is gone"]
    assert weakened(GITHUB, "jobs: none") == ["the job `judge` is gone", "the job `green` is gone"]
