"""The harness itself: it does what GitHub does, and what it does not do is an error."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from .conftest import Executed
from .engine import HarnessError
from .hub_server import HubServer
from .sandbox import Event

HEAD = "name: Small\non: push\njobs:\n"


@pytest.fixture
def event(tmp_path: Path) -> Event:
    return Event(tmp_path, "push", "refs/heads/main", "0" * 40)


def test_jobs_hand_on_outputs_and_steps_hand_on_variables_paths_and_summaries(
    executed: Executed, event: Event
) -> None:
    run = executed(
        HEAD
        + """
  first:
    outputs: {number: "${{ steps.made.outputs.number }}", text: "${{ steps.made.outputs.text }}"}
    steps:
      - {id: made, run: 'echo number=42 >> "$GITHUB_OUTPUT"; printf "text<<E\\na\\nb\\nE\\n" >> "$GITHUB_OUTPUT"'}
      - run: |
          echo SAID=once >> "$GITHUB_ENV"
          mkdir bin; printf '#!/bin/sh\\necho tool\\n' > bin/tool; chmod +x bin/tool
          echo "$PWD/bin" >> "$GITHUB_PATH"
      - run: test "$SAID $(tool) $OWN ${{ env.SAID }}" = "once tool own once"
        env: {OWN: own}
      - run: echo "# Read this" >> "$GITHUB_STEP_SUMMARY"
  second:
    needs: first
    if: needs.first.outputs.number == 42 && contains(needs.first.outputs.text, 'b')
    steps: [{name: told, run: "echo ${{ needs.first.outputs.number }} ${{ github.ref }} '${{ secrets.NONE }}'"}]
  third:
    needs: [first, second]
    if: github.event_name == 'pull_request'
    steps: [{run: exit 1}]
""",
        event,
    )
    assert [run.result(name) for name in ("first", "second", "third")] == ["success", "success", "skipped"]
    assert run.job("first").outputs == {"number": "42", "text": "a\nb"}
    assert run.job("first").summary == "# Read this\n"
    assert run.job("second").step("told").log == "42 refs/heads/main \n"


def test_a_red_step_skips_what_follows_but_for_what_asks_to_run_and_turns_needing_jobs_away(
    executed: Executed, event: Event
) -> None:
    run = executed(
        HEAD
        + """
  first:
    steps:
      - {name: forgiven, run: exit 1, continue-on-error: true}
      - {name: red, run: exit 1}
      - {name: after, run: exit 0}
      - {name: always, if: always(), run: 'test "${{ job.status }}" = failure'}
      - {name: failure, if: failure(), run: exit 0}
      - {name: cancelled, if: cancelled(), run: exit 0}
  second: {needs: first, steps: [{run: exit 0}]}
  third: {needs: second, if: always(), steps: [{run: 'test "${{ needs.second.result }}" = skipped'}]}
  fourth: {needs: second, if: failure(), steps: [{run: exit 0}]}
""",
        event,
    )
    outcomes = {step.name: step.outcome for step in run.job("first").steps}
    assert outcomes == {
        "forgiven": "failure",
        "red": "failure",
        "after": "skipped",
        "always": "success",
        "failure": "success",
        "cancelled": "skipped",
    }
    assert run.job("first").step("forgiven").conclusion == "success"
    results = [run.result(name) for name in ("first", "second", "third", "fourth")]
    assert results == ["failure", "skipped", "success", "success"]


def test_a_matrix_makes_a_job_of_each_combination_and_one_red_job_makes_the_whole_red(
    executed: Executed, event: Event
) -> None:
    run = executed(
        HEAD
        + """
  many:
    strategy: {matrix: {letter: [a, b], number: "${{ fromJSON('[1, 2]') }}"}}
    steps: [{run: 'test "${{ matrix.letter }}${{ matrix.number }}" != b2'}]
""",
        event,
    )
    assert [job.result for job in run.jobs["many"]] == ["success", "success", "success", "failure"]
    assert run.result("many") == "failure"


def test_a_job_over_its_time_is_cancelled_and_a_step_over_its_own_is_red(
    executed: Executed, event: Event
) -> None:
    run = executed(
        HEAD
        + """
  slow:
    timeout-minutes: 2
    steps:
      - {name: sleeps, run: sleep 60}
      - {name: cleans, if: always(), run: 'test "${{ job.status }}" = cancelled'}
  step: {timeout-minutes: 20, steps: [{name: sleeps, timeout-minutes: 1, run: sleep 60}]}
""",
        event,
        minute=0.5,
    )
    assert run.result("slow") == "cancelled"
    assert run.job("slow").step("cleans").outcome == "success"
    assert run.result("step") == "failure"


def test_a_secret_reaches_the_step_that_asks_and_is_masked_in_what_it_prints(
    executed: Executed, event: Event
) -> None:
    run = executed(
        HEAD
        + """
  told:
    steps:
      - {name: asks, run: 'test ${#KEY} = 9 && echo "$KEY"', env: {KEY: "${{ secrets.KEY }}"}}
      - {name: others, run: 'test -z "${KEY:-}"'}
""",
        event,
        secrets={"KEY": "hush-hush"},
    )
    assert run.result("told") == "success", run.job("told").log
    assert run.job("told").step("asks").log == "***\n"


def test_a_job_knows_nothing_of_the_surroundings_of_the_tests(
    executed: Executed, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("PYTHONPATH", "mine")
    text = HEAD + "  bare: {steps: [{name: shown, run: 'env; ls -A; command -v uv || echo no uv here'}]}\n"
    said = executed(text, event).job("bare").step("shown").log
    assert "=mine" not in said
    assert said.endswith("no uv here\n")


def test_files_are_found_by_the_function_that_hashes_them(executed: Executed, event: Event) -> None:
    run = executed(
        HEAD
        + """
  files:
    steps:
      - run: mkdir -p a/b && echo 1 > a/b/c.lock && echo 2 > d.lock
      - {name: one, if: "hashFiles('a/b/c.lock') != ''", run: exit 0}
      - {name: none, if: "hashFiles('a/*.lock', 'c.lock') != ''", run: exit 0}
      - {name: all, if: "hashFiles('**/*.lock') != hashFiles('d.lock')", run: exit 0}
""",
        event,
    )
    assert [step.outcome for step in run.job("files").steps[1:]] == ["success", "skipped", "success"]


def test_artifacts_outputs_of_actions_variables_and_the_event_reach_the_job_that_needs_them(
    executed: Executed, event: Event
) -> None:
    run = executed(
        HEAD
        + """
  first:
    outputs: {kept: "${{ steps.keep.outputs.artifact-id }}", none: "${{ steps.none.outputs.artifact-id }}"}
    steps:
      - run: mkdir -p .hidden && echo 42 > .hidden/number
      - {id: keep, uses: actions/upload-artifact@v1, with: {name: it, path: .hidden, include-hidden-files: true}}
      - {id: none, uses: actions/upload-artifact@v1, with: {name: no, path: gone, if-no-files-found: ignore}}
  second:
    needs: first
    if: needs.first.outputs.kept != '' && needs.first.outputs.none == '' && vars.SWITCH == 'on'
    steps:
      - {uses: actions/download-artifact@v1, with: {name: it, path: there}}
      - {name: told, run: 'echo "$(cat there/number) ${{ github.event.number }} $GITHUB_REF_NAME"; python3 --version'}
      - {name: gone, uses: actions/download-artifact@v1, with: {name: no}}
""",
        replace(event, payload={"number": 7}),
        variables={"SWITCH": "on"},
    )
    assert run.job("second").step("told").log.startswith("42 7 main\nPython 3.")
    assert run.job("second").red == ["gone"]


def test_a_job_has_a_token_of_its_own_with_the_rights_that_its_permissions_name(
    executed: Executed, event: Event, tmp_path: Path
) -> None:
    program = """
import os, urllib.error, urllib.request
headers = {"Authorization": "Bearer " + os.environ["TOKEN"]}
address = os.environ["GITHUB_API_URL"] + "/repos/team/model/issues"
try:
    print(urllib.request.urlopen(urllib.request.Request(address, headers=headers)).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""
    checkout = "uses: actions/checkout@v1, with: {persist-credentials: false}"
    with HubServer(tmp_path / "none") as server:
        run = executed(
            f"env: {{ASK: {json.dumps(program)}}}\n"
            + HEAD
            + f"""
  may: &job
    permissions: {{issues: read}}
    steps: [{{name: asked, run: 'python3 -c "$ASK"', env: {{TOKEN: "${{{{ github.token }}}}"}}}}]
  unsaid: {{<<: *job, permissions: {{contents: write}}}}
  nothing: {{<<: *job, permissions: {{}}}}
  read: {{permissions: {{issues: write}}, steps: [{{name: checkout, {checkout}}}]}}
""",
            event,
            server=server,
        )
    assert [run.job(name).step("asked").log for name in ("may", "unsaid", "nothing")] == [
        "200\n",
        "403\n",
        "403\n",
    ]
    assert "lacks contents: read" in run.job("read").step("checkout").log


def test_a_token_of_an_app_is_made_only_with_its_key_and_within_what_it_was_granted(
    executed: Executed, event: Event, tmp_path: Path
) -> None:
    with HubServer(tmp_path / "none") as server:
        server.apps["42"] = ("the key", {"contents": "write"})
        step = "uses: actions/create-github-app-token@v1, with: {client-id: 42, private-key: "
        run = executed(
            HEAD
            + f"""
  made:
    steps:
      - {{id: app, {step} the key, permission-contents: write}}}}
      - {{name: told, run: 'test "${{{{ steps.app.outputs.token }}}}"'}}
  more: {{steps: [{{{step} the key, permission-issues: write}}}}]}}
  other: {{steps: [{{{step} another key, permission-contents: write}}}}]}}
""",
            event,
            server=server,
        )
    assert [run.result(name) for name in ("made", "more", "other")] == ["success", "failure", "failure"]


@pytest.mark.parametrize(
    ("job", "named"),
    [
        ("{steps: [{if: false, uses: someone/else@v1}]}", "someone/else@v1 is not in the table"),
        ("{services: {}, steps: []}", "the job it uses services"),
        ("{steps: [{run: exit 0, retry: 3}]}", "uses retry"),
        ("{if: github.ref ==, steps: []}", "cannot be evaluated"),
        ("{if: nothing(), steps: []}", "cannot be evaluated"),
        ("{needs: [gone], steps: []}", "one that is not there"),
        ("{strategy: {matrix: {a: [1], exclude: []}}, steps: []}", "include or exclude"),
        ("{steps: [{uses: astral-sh/setup-uv@v1, with: {cache: true}}]}", "setup-uv is used with cache"),
        ("{steps: [{shell: pwsh, run: exit 0}]}", "the shell 'pwsh'"),
        ("{permissions: write-all, steps: []}", "the permissions 'write-all'"),
        ("{steps: [{uses: actions/checkout@v1}]}", "keeps the token"),
        (
            "{steps: [{uses: actions/download-artifact@v1, with: {name: it, pattern: x}}]}",
            "used with pattern",
        ),
    ],
)
def test_what_the_harness_does_not_do_is_an_error_and_never_passed_over(
    executed: Executed, event: Event, job: str, named: str
) -> None:
    with pytest.raises(HarnessError, match=named.replace("(", r"\(")):
        executed(f"{HEAD}  it: {job}\n", event)
