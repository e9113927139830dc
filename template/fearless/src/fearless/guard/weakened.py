"""What an edit takes out of a pipeline: a job, a command, a need, or what makes a failure count."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from fearless.core.errors import FearlessError
from fearless.core.yaml_file import parse_mapping

# What lets a failing step pass for a good one, as it is written in either system.
SHRUGS = {
    "`|| true`": re.compile(r"\|\|\s*(?:true|:|exit 0)(?=\s|$|[;\"'])", re.MULTILINE),
    "`set +e`": re.compile(r"\bset \+e\b"),
    "`continue-on-error`": re.compile(r"^\s*(?:- )?continue-on-error:(?!\s*false)", re.MULTILINE),
    "`allow_failure`": re.compile(r"^\s*allow_failure:(?!\s*false)", re.MULTILINE),
    "`if: false`": re.compile(r"^\s*(?:- )?if:\s*(?:\$\{\{\s*)?false\b", re.MULTILINE),
    "`when: never`": re.compile(r"^\s*(?:- )?when:\s*(?:never|manual)\b", re.MULTILINE),
}
LONGEST = 60


def weakened(before: str, after: str | None) -> list[str]:
    """What `after` lacks of the workflow or pipeline `before`, and what it shrugs off; no text means it was removed.

    Other edits give an empty list: whether they are allowed is not asked here.
    """
    if after is None:
        return ["it is gone"]
    found = [
        f"adds {name}"
        for name, pattern in SHRUGS.items()
        if len(pattern.findall(after)) > len(pattern.findall(before))
    ]
    old, new = _jobs(before), _jobs(after)
    for name, job in old.items():
        if name not in new:
            found.append(f"the job `{name}` is gone")
            continue
        kept, needed = set(_commands(new[name])), _needs(new[name])
        found += [
            f"the job `{name}` no longer runs `{_short(command)}`"
            for command in _commands(job)
            if command not in kept
        ]
        found += [
            f"the job `{name}` no longer needs `{other}`" for other in _needs(job) if other not in needed
        ]
    return found


def _jobs(text: str) -> dict[str, Mapping[str, Any]]:
    """The jobs by name: of GitHub those below `jobs`, of GitLab what has a script. None where it cannot be read."""
    try:
        content = parse_mapping(text, "the pipeline")
    except FearlessError:
        return {}
    jobs = content.get("jobs", content)
    if not isinstance(jobs, Mapping):
        return {}
    return {
        str(name): job
        for name, job in jobs.items()
        if isinstance(job, Mapping) and ("steps" in job or "script" in job)
    }


def _commands(job: Mapping[str, Any]) -> Iterator[str]:
    """What a job runs: the lines of its scripts, and the actions it uses without their versions."""
    for step in _list(job.get("steps")):
        if isinstance(step, Mapping):
            yield from (line.strip() for line in str(step.get("run", "")).splitlines() if line.strip())
            if "uses" in step:
                yield str(step["uses"]).partition("@")[0]
    for key in ("before_script", "script", "after_script"):
        yield from (str(line).strip() for line in _list(job.get(key)))


def _needs(job: Mapping[str, Any]) -> list[str]:
    return [str(each) for each in _list(job.get("needs"))]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _short(command: str) -> str:
    return command if len(command) <= LONGEST else command[: LONGEST - 3] + "..."
