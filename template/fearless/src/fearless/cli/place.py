"""`fearless check --env ci`: what is seen here of the place where changes are judged, and what must be set there."""

from __future__ import annotations

from fearless.cli.check import run_guards
from fearless.core.errors import FearlessError
from fearless.core.git import git
from fearless.core.project import Project
from fearless.guard.finding import Finding
from fearless.guard.included import included
from fearless.guard.owners import unowned
from fearless.guard.ownership import unedited

# What the storage asks for, as .env.example names it: secrets, or settings for a login without any.
STORAGE = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY; or, without a secret, AWS_ROLE_ARN. AWS_DEFAULT_REGION",
    "gs": "GOOGLE_CREDENTIALS_JSON; or, without a secret, GOOGLE_WORKLOAD_IDENTITY_PROVIDER, GOOGLE_SERVICE_ACCOUNT",
    "azure": "AZURE_STORAGE_CONNECTION_STRING; or, without a secret, AZURE_CLIENT_ID, AZURE_TENANT_ID,"
    " AZURE_STORAGE_ACCOUNT",
    "ssh": "DVC_SSH_PRIVATE_KEY",
    "webdav": "DVC_WEBDAV_USER, DVC_WEBDAV_PASSWORD",
}
GITHUB = """\
- Settings > Rules > Rulesets, for the default branch: require a pull request with review from code owners, dismiss
  approvals when something is pushed, require the check `All green` on an up-to-date branch, block force pushes, and
  leave the list of who may bypass empty.
- Settings > Environments: `fearless-release`, with required reviewers, for the default branch only. It holds what
  your ops/ci/release.sh asks for.
- Settings > Environments: `fearless-monitor`, for the default branch only, where ops/ci/ledger.sh brings the ledger to
  be watched. It holds the secret FEARLESS_LEDGER_SECRET, which that script reads, and what the storage asks for.
- Settings > Environments: `fearless-update`, for the default branch only, with the secret FEARLESS_APP_PRIVATE_KEY of a
  GitHub App that may write contents, pull requests and workflows; its ID as the variable FEARLESS_APP_ID of the
  repository. An update of the template then opens a pull request by itself; without them it opens an issue that names
  the command."""
GITLAB = """\
- Settings > Repository > Protected branches: nobody pushes to the default branch; code owners approve.
- Settings > Merge requests: pipelines must succeed, skipped pipelines are not a success, and approvals are removed when
  something is pushed.
- Build > Pipeline schedules: one each night with the variable FEARLESS_TASK=nightly, one each week with
  FEARLESS_TASK=update and, where ops/ci/ledger.sh brings the ledger, one each day with FEARLESS_TASK=monitor.
- Settings > CI/CD > Variables, masked, for the environment fearless-hub alone: FEARLESS_GITLAB_TOKEN, a project access
  token of a developer with the scopes api and write_repository. An update of the template then opens a merge request by
  itself, and the gate comments on changes."""
LIMIT = """\
No file in a repository can hold back who may change these settings. Where they are not set, a change can take the
whole pipeline away."""


def show_place(project: Project, name: str, *, as_json: bool) -> int:
    """Print what is found and what to set; returns 1 when something that can be seen here is missing."""
    if name != "ci":
        raise FearlessError(f"There is no place `{name}`.", fix="Choose: ci.")
    code = run_guards(
        [
            ("the template's files equal fearless/MANIFEST", lambda: unedited(project)),
            ("the pipeline is run as it is", lambda: included(project)),
            ("what judges has owners (CODEOWNERS)", lambda: unowned(project)),
            ("there is a remote repository (origin)", lambda: _origin(project)),
        ],
        as_json=as_json,
    )
    if not as_json:
        print(f"\nTo set there; nothing here can see whether it is:\n\n{to_set(project)}\n\n{LIMIT}")
    return code


def to_set(project: Project) -> str:
    """The settings of the host that the pipeline relies on, a line or more each."""
    gitlab = project.answers.get("ci") == "gitlab"
    asked = STORAGE.get(str(project.answers.get("dvc_remote", "")))
    place = "CI/CD > Variables, masked" if gitlab else "Environments: `fearless-storage`, for the storage"
    storage = f"\n- Settings > {place}: {asked}." if asked else ""
    return (GITLAB if gitlab else GITHUB) + storage


def _origin(project: Project) -> list[Finding]:
    if git(["remote", "get-url", "origin"], project.root, check=False).returncode == 0:
        return []
    return [Finding("git knows no remote `origin`.", "Add it: `git remote add origin ADDRESS`, then push.")]
