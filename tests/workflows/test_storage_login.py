"""A login to the storage without a secret: what pull.sh asks for, hands to the clouds' libraries, and leaves behind.

S3 is moto's server, from which the repository's own DVC pulls. What stands for GitHub answers on loopback. Google's
and Azure's own libraries read what the script made for them; whether their servers take it is not shown here.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.project.conftest import Repo
from uv import find_uv_bin

BUCKET = "models-of-example"
ROLE = "arn:aws:iam::123456789012:role/fearless"
TOKEN = "head.body.signature"
BEARER = "the-runner-s-own"
PROVIDER = "projects/123456/locations/global/workloadIdentityPools/ci/providers/github"
KEYS = {"AWS_ACCESS_KEY_ID": "key-of-a-person", "AWS_SECRET_ACCESS_KEY": "secret-of-a-person"}
REGION = {"AWS_DEFAULT_REGION": "eu-central-1"}
EXPIRED = b"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>ExpiredTokenException</Code><Message>Token expired</Message></Error><RequestId>1</RequestId></ErrorResponse>"""
# moto knows by the signature which service is meant. The role is there and has no rights.
NEW_ROLE = b"Action=CreateRole&Version=2010-05-08&RoleName=fearless&AssumeRolePolicyDocument=%7B%7D"
FOR_IAM = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/iam/aws4_request, SignedHeaders=a, Signature=a",
    "Content-Type": "application/x-www-form-urlencoded",
}
PATIENCE_S = 240


@dataclass
class Hub:
    """What stands for GitHub's token service, and before AWS's STS; it notes what it was asked."""

    url: str
    sts: str = ""  # where logins are handed on to; refused as expired where there is nothing
    value: str = f'{{"count": 1, "value": "{TOKEN}"}}'
    audiences: list[str] = field(default_factory=list)
    logins: list[dict[str, str]] = field(default_factory=list)

    def variables(self) -> dict[str, str]:
        """What a job has that may ask for a token."""
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": BEARER,
        }


class Answer(BaseHTTPRequestHandler):
    """GET is GitHub's service, POST is STS."""

    hub: Hub

    def do_GET(self) -> None:
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        if self.headers["Authorization"] != f"bearer {BEARER}" or query["api-version"] != ["2.0"]:
            self._send(401, b"who are you?")
            return
        self.hub.audiences += query["audience"]
        self._send(200, self.hub.value.encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.hub.logins.append(dict(urllib.parse.parse_qsl(body.decode())))
        if not self.hub.sts:
            self._send(400, EXPIRED)
            return
        self._send(*asked(self.hub.sts, "POST", body, {"Content-Type": self.headers["Content-Type"]}))

    def _send(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


def asked(url: str, method: str, body: bytes = b"", headers: Mapping[str, str] = {}) -> tuple[int, bytes]:
    """The answer of a server on loopback."""
    address = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=30)
    try:
        connection.request(method, address.path or "/", body, {**headers})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.fixture
def hub() -> Iterator[Hub]:
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Answers", (Answer,), {})) as server:
        made = Hub(f"http://127.0.0.1:{server.server_port}")
        server.RequestHandlerClass.hub = made  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 and STS on loopback, with an empty bucket."""
    program = shutil.which(
        "moto_server", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    )
    if program is None:
        pytest.skip("there is no moto_server on this machine (PyPI: moto[server])")
    server = subprocess.Popen(
        [program, "-H", "127.0.0.1", "-p", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert server.stderr
        url = next(
            found[0] for line in server.stderr if (found := re.search(r"http://127\.0\.0\.1:\d+", line))
        )
        threading.Thread(target=server.stderr.read, daemon=True).start()  # a full pipe would stop it
        assert asked(f"{url}/{BUCKET}", "PUT")[0] == 200
        assert asked(url, "POST", NEW_ROLE, FOR_IAM)[0] == 200
        yield url
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture(scope="module")
def stored(started: tuple[Repo, str], s3: str, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A started repository whose data and models lie in S3 and nowhere else."""
    original = started[0]
    root = tmp_path_factory.mktemp("stored") / "project"
    shutil.copytree(original.root, root, ignore=shutil.ignore_patterns(".venv", "__pycache__"))
    repo = Repo(root, original.python, original.surroundings)
    repo.edit(".dvc/config", "url = ../.storage", f"url = s3://{BUCKET}/churn")
    repo.edit("pyproject.toml", 'dependencies = ["fearless"]', 'dependencies = ["fearless[s3]"]')
    for command in (["uv", "lock"], ["uv", "run", "--locked", "dvc", "push"]):
        surroundings = {**machine(repo), **KEYS, **REGION, "AWS_ENDPOINT_URL": s3}
        done = subprocess.run(command, cwd=root, env=surroundings, capture_output=True, encoding="utf-8")
        assert done.returncode == 0, done.stdout + done.stderr
    return repo


def machine(repo: Repo) -> dict[str, str]:
    """A runner: none of the settings of this machine's owner, and nobody to ask for credentials."""
    foreign = ("AWS_", "AZURE_", "GOOGLE_", "ACTIONS_", "GITHUB_", "DVC_WEBDAV", "DVC_SSH")
    kept = {name: value for name, value in repo.surroundings.items() if not name.startswith(foreign)}
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true", "GITHUB_RUN_ID": "77"}


@dataclass
class Pulled:
    """How pull.sh ended, what it said, and what it left in the folder of temporary files."""

    code: int
    said: str
    summary: str
    left: list[str]

    @property
    def sentence(self) -> str:
        """The one sentence of a script that stopped; it stands in the log and in the summary."""
        assert self.code == 1, self.said
        assert self.said.count("fearless: ") == 1, self.said
        sentence = self.said.split("fearless: ")[1].strip()
        assert self.summary == f"⛔ **Not judged.** {sentence}\n"
        return sentence


def pull(repo: Repo, folder: Path, **variables: str) -> Pulled:
    """Run pull.sh in a clone that holds no data yet; whatever happens, no token may stay behind or be printed."""
    for name in ("data/raw", "data/golden", "data/prepared", "models/candidate", ".dvc/cache", ".dvc/tmp"):
        shutil.rmtree(repo.root / name, ignore_errors=True)
    temporary, summary = folder / "tmp", folder / "summary.md"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    summary.write_text("", encoding="utf-8")
    surroundings = machine(repo) | {"TMPDIR": str(temporary), "GITHUB_STEP_SUMMARY": str(summary)} | variables
    done = subprocess.run(
        ["bash", "fearless/ci/pull.sh"],
        cwd=repo.root,
        env=surroundings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=PATIENCE_S,
    )
    left = [
        file.name for file in temporary.rglob("*") if file.is_file() and TOKEN.encode() in file.read_bytes()
    ]
    assert TOKEN not in done.stdout
    assert BEARER not in done.stdout
    return Pulled(done.returncode, done.stdout, summary.read_text(encoding="utf-8"), left)


def arrived(repo: Repo) -> bool:
    return (repo.root / "data" / "golden" / "rows.parquet").is_file()


def test_each_setting_has_one_name_in_the_workflow_in_the_scripts_and_on_the_pages() -> None:
    root = Path(__file__).resolve().parents[2]
    workflow = next((root / "template").rglob("fearless-pull-request.yml")).read_text(encoding="utf-8")
    scripts = root / "template" / "fearless" / "ci"
    login = (scripts / "login.sh").read_text(encoding="utf-8")
    given = {
        name
        for name in re.findall(r"vars\.(\w+)", workflow)
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_"))
    }
    read = set(re.findall(r"\$\{?!?((?:AWS|AZURE|GOOGLE)_[A-Z_]+)", login)) | {"AZURE_TENANT_ID"}
    secrets = {"AWS_ACCESS_KEY_ID", "AZURE_STORAGE_CONNECTION_STRING", "GOOGLE_CREDENTIALS_JSON"}
    assert given == read - secrets
    tokens = set(re.findall(r"token \w+ (\w+_ID_TOKEN) ", login))
    assert len(tokens) == 3
    for page in ("docs/how-to/storage-in-ci.md", "docs/reference/frozen-surface.md"):
        text = (root / page).read_text(encoding="utf-8")
        assert all(f"`{name}`" in text for name in given | tokens), page


def test_a_role_and_a_token_of_github_pull_from_s3_without_any_secret(
    stored: Repo, s3: str, hub: Hub, tmp_path: Path
) -> None:
    hub.sts = s3
    settings = {"AWS_ENDPOINT_URL": s3, "AWS_ENDPOINT_URL_STS": hub.url, **REGION}
    refused = pull(stored, tmp_path, **settings)
    assert "CI holds none of the secrets" in refused.sentence
    assert not arrived(stored)

    done = pull(stored, tmp_path, **settings, **hub.variables(), AWS_ROLE_ARN=ROLE, AWS_ACCESS_KEY_ID="")
    assert done.code == 0, done.said
    assert arrived(stored)
    assert hub.audiences == ["sts.amazonaws.com"]
    for login in hub.logins:
        assert login["Action"] == "AssumeRoleWithWebIdentity"
        assert (login["RoleArn"], login["WebIdentityToken"]) == (ROLE, TOKEN)
        assert login["RoleSessionName"] == "fearless-77"
    assert hub.logins
    assert done.left == []


def test_gitlab_hands_its_token_over_in_a_variable(stored: Repo, s3: str, hub: Hub, tmp_path: Path) -> None:
    hub.sts = s3
    done = pull(
        stored,
        tmp_path,
        AWS_ENDPOINT_URL=s3,
        AWS_ENDPOINT_URL_STS=hub.url,
        AWS_ROLE_ARN=ROLE,
        AWS_ID_TOKEN=TOKEN,
        **REGION,
    )
    assert done.code == 0, done.said
    assert arrived(stored)
    assert hub.audiences == []
    assert {login["WebIdentityToken"] for login in hub.logins} == {TOKEN}
    assert done.left == []


def test_an_expired_token_is_told_in_the_words_of_the_cloud(
    stored: Repo, s3: str, hub: Hub, tmp_path: Path
) -> None:
    settings = {"AWS_ENDPOINT_URL": s3, "AWS_ENDPOINT_URL_STS": hub.url, **REGION}
    refused = pull(stored, tmp_path, **settings, **hub.variables(), AWS_ROLE_ARN=ROLE)
    assert refused.sentence.startswith(
        f"Data and models could not be pulled. DVC says of s3://{BUCKET}/churn: "
    )
    assert "Token expired" in refused.sentence
    assert not arrived(stored)
    assert refused.left == []


def test_a_role_without_the_right_to_read_is_told_in_the_words_of_the_cloud(
    stored: Repo, s3: str, hub: Hub, tmp_path: Path
) -> None:
    hub.sts = s3
    settings = {"AWS_ENDPOINT_URL": s3, "AWS_ENDPOINT_URL_STS": hub.url, **REGION}
    # From the second call on each needs a right: the login is the first.
    assert asked(f"{s3}/moto-api/reset-auth", "POST", b"1")[0] == 200
    try:
        refused = pull(stored, tmp_path, **settings, **hub.variables(), AWS_ROLE_ARN=ROLE)
    finally:
        assert asked(f"{s3}/moto-api/reset-auth", "POST", b"inf")[0] == 200
    assert hub.logins
    assert f"DVC says of s3://{BUCKET}/churn: " in refused.sentence
    assert "Forbidden" in refused.sentence, refused.sentence
    assert not arrived(stored)


def test_a_role_in_a_job_that_may_have_no_token_is_a_sentence_and_a_secret_needs_none(
    stored: Repo, s3: str, tmp_path: Path
) -> None:
    sentence = pull(stored, tmp_path, AWS_ENDPOINT_URL=s3, AWS_ROLE_ARN=ROLE, **REGION).sentence
    assert sentence.startswith("AWS_ROLE_ARN is set, and this job can have no token")
    assert "`id-token: write`" in sentence
    assert "AWS_ID_TOKEN in `id_tokens`" in sentence

    done = pull(stored, tmp_path, AWS_ENDPOINT_URL=s3, AWS_ROLE_ARN=ROLE, **KEYS, **REGION)
    assert done.code == 0, done.said
    assert arrived(stored)


def test_what_github_answers_instead_of_a_token_is_a_sentence(
    stored: Repo, s3: str, hub: Hub, tmp_path: Path
) -> None:
    settings = {"AWS_ENDPOINT_URL": s3, "AWS_ROLE_ARN": ROLE, **REGION, **hub.variables()}
    stranger = pull(stored, tmp_path, **{**settings, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-another"})
    assert stranger.sentence.startswith("GitHub gave no token for the login by AWS_ROLE_ARN: ")
    assert "401" in stranger.sentence

    hub.value = '{"message": "not today"}'
    assert "its answer holds none" in pull(stored, tmp_path, **settings).sentence


def test_a_role_without_its_region_is_a_sentence(stored: Repo, s3: str, hub: Hub, tmp_path: Path) -> None:
    said = pull(stored, tmp_path, AWS_ENDPOINT_URL=s3, AWS_ROLE_ARN=ROLE, **hub.variables()).sentence
    assert said == "AWS_ROLE_ARN is set and AWS_DEFAULT_REGION is not: the role is taken in a region."
    assert hub.audiences == []


def test_a_repository_without_a_storage_is_a_sentence(repo: Repo, tmp_path: Path) -> None:
    repo.edit(".dvc/config", "    remote = storage\n", "")
    assert pull(repo, tmp_path).sentence == (
        "No storage is set: .dvc/config names no remote, so there is nothing to pull data and models from."
    )


def test_a_storage_within_git_asks_for_no_token_although_a_role_is_set(
    repo: Repo, hub: Hub, tmp_path: Path
) -> None:
    done = pull(repo, tmp_path, AWS_ROLE_ARN=ROLE, AZURE_CLIENT_ID="1", **hub.variables())
    assert done.code == 0, done.said
    assert arrived(repo)
    assert hub.audiences == []


PROBE = """
import json, os, stat, sys
from pathlib import Path

def private(file):
    return [stat.S_IMODE(Path(file).parent.stat().st_mode), stat.S_IMODE(Path(file).stat().st_mode) & 0o077]

class Answer:
    status, headers = 200, {}
    def __init__(self, url):
        self.data = json.dumps(
            {"access_token": "a", "token_type": "Bearer", "expires_in": 3600, "issued_token_type": "x"}
            if "sts.googleapis.com" in url
            else {"accessToken": "b", "expireTime": "2099-01-01T00:00:00Z", "projectId": "models"}
        ).encode()

if sys.argv[1] == "gs":
    import google.auth
    asked = []
    def request(url, method="GET", body=None, headers=None, **_):
        asked.append([url, body.decode() if isinstance(body, bytes) else body])
        return Answer(url)
    scope = "https://www.googleapis.com/auth/devstorage.full_control"
    credentials, _ = google.auth.default(scopes=[scope], request=request)
    found = {
        "class": type(credentials).__module__,
        "asked": asked,
        "account": credentials.service_account_email,
        "file": json.load(open(os.environ["GOOGLE_APPLICATION_CREDENTIALS"]))["credential_source"]["file"],
    }
else:
    from azure.identity.aio import DefaultAzureCredential, WorkloadIdentityCredential
    (found,) = [each for each in DefaultAzureCredential().credentials if isinstance(each, WorkloadIdentityCredential)]
    found = {
        "token": found._get_service_account_token(),
        "file": os.environ["AZURE_FEDERATED_TOKEN_FILE"],
        "account": os.environ.get("AZURE_STORAGE_ACCOUNT"),
    }
found["private"] = private(found["file"])
json.dump(found, open(os.environ["FOUND"], "w"))
"""
LIBRARIES = {
    "gs": ["google-auth[requests]>=2.40,<3"],
    "azure": ["azure-identity>=1.25,<2", "aiohttp>=3.10,<4"],
}


@pytest.fixture
def probed(repo: Repo, tmp_path: Path) -> dict[str, str]:
    """Lets the cloud's own library read what pull.sh made, where DVC would run: the pull itself needs the cloud."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (tmp_path / "probe.py").write_text(PROBE, encoding="utf-8")
    (programs / "uv").write_text(
        '#!/usr/bin/env bash\ncase "$*" in\n'
        f'    *"dvc pull "*) exec "{find_uv_bin()}" run --no-project --quiet'
        f' --python "{sys.executable}" $PROBE_WITH "{tmp_path}/probe.py" "$PROBE_CLOUD" ;;\n'
        f'    *) shift 2; exec "{repo.python}" -m "$@" ;;\nesac\n',
        encoding="utf-8",
    )
    (programs / "uv").chmod(0o755)
    return {
        "PATH": f"{programs}{os.pathsep}{repo.surroundings['PATH']}",
        "FOUND": str(tmp_path / "found.json"),
    }


def probe(repo: Repo, folder: Path, cloud: str, surroundings: dict[str, str], **variables: str) -> Pulled:
    url = {"gs": "gs://models-of-example/churn", "azure": "azure://models/churn"}[cloud]
    if "../.storage" in (repo.root / ".dvc/config").read_text(encoding="utf-8"):
        repo.edit(".dvc/config", "url = ../.storage", f"url = {url}")
    libraries = " ".join(f"--with {each}" for each in LIBRARIES[cloud])
    return pull(repo, folder, **surroundings, **variables, PROBE_CLOUD=cloud, PROBE_WITH=libraries)


def test_google_s_library_takes_the_token_for_a_service_account_or_for_itself(
    repo: Repo, hub: Hub, probed: dict[str, str], tmp_path: Path
) -> None:
    settings = {**hub.variables(), "GOOGLE_WORKLOAD_IDENTITY_PROVIDER": PROVIDER}
    for account in ("fearless@example.iam.gserviceaccount.com", ""):
        done = probe(repo, tmp_path, "gs", probed, **settings, GOOGLE_SERVICE_ACCOUNT=account)
        assert done.code == 0, done.said
        found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
        assert found["class"] == "google.auth.identity_pool"
        assert found["account"] == (account or None)
        (exchange, *others) = found["asked"]
        assert exchange[0] == "https://sts.googleapis.com/v1/token"
        form = dict(urllib.parse.parse_qsl(exchange[1]))
        assert (form["subject_token"], form["audience"]) == (TOKEN, f"//iam.googleapis.com/{PROVIDER}")
        through = [
            url for url, _ in others if url.endswith(f"/serviceAccounts/{account}:generateAccessToken")
        ]
        assert bool(through) is bool(account)
        assert found["private"] == [0o700, 0]
        assert not Path(found["file"]).exists(), "the token must be gone when the script ends"
        assert done.left == []
    assert set(hub.audiences) == {f"https://iam.googleapis.com/{PROVIDER}"}


def test_azure_s_library_takes_the_token(
    repo: Repo, hub: Hub, probed: dict[str, str], tmp_path: Path
) -> None:
    settings = {"AZURE_CLIENT_ID": "00000000-0000-0000-0000-000000000001", "AZURE_STORAGE_ACCOUNT": "models"}
    settings |= {"AZURE_TENANT_ID": "00000000-0000-0000-0000-000000000002", "AZURE_ID_TOKEN": ""}
    done = probe(repo, tmp_path, "azure", probed, **settings, **hub.variables())
    assert done.code == 0, done.said
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert (found["token"], found["account"]) == (TOKEN, "models")
    assert found["private"] == [0o700, 0]
    assert not Path(found["file"]).exists(), "the token must be gone when the script ends"
    assert hub.audiences == ["api://AzureADTokenExchange"]
    assert done.left == []


@pytest.mark.parametrize(
    ("cloud", "variables", "sentence"),
    [
        (
            "gs",
            {"GOOGLE_WORKLOAD_IDENTITY_PROVIDER": "github"},
            "GOOGLE_WORKLOAD_IDENTITY_PROVIDER is not of the form projects/NUMBER/",
        ),
        (
            "gs",
            {"GOOGLE_WORKLOAD_IDENTITY_PROVIDER": PROVIDER, "GOOGLE_SERVICE_ACCOUNT": 'a", "b": "c'},
            "GOOGLE_SERVICE_ACCOUNT is not the e-mail address of a service account.",
        ),
        (
            "gs",
            {"GOOGLE_WORKLOAD_IDENTITY_PROVIDER": PROVIDER},
            "GOOGLE_WORKLOAD_IDENTITY_PROVIDER is set, and this job can have no token",
        ),
        (
            "azure",
            {"AZURE_CLIENT_ID": "1"},
            "AZURE_TENANT_ID is not set, and a login to Azure without a secret needs",
        ),
        (
            "azure",
            {"AZURE_CLIENT_ID": "1", "AZURE_TENANT_ID": "2"},
            "Nothing names the storage account of azure://models/churn",
        ),
        (
            "azure",
            {"AZURE_CLIENT_ID": "1", "AZURE_TENANT_ID": "2", "AZURE_STORAGE_ACCOUNT": "models"},
            "AZURE_CLIENT_ID is set, and this job can have no token",
        ),
    ],
)
def test_a_setting_that_cannot_work_is_a_sentence_before_anything_is_asked(
    cloud: str,
    variables: dict[str, str],
    sentence: str,
    repo: Repo,
    probed: dict[str, str],
    tmp_path: Path,
) -> None:
    done = probe(repo, tmp_path, cloud, probed, **variables)
    assert done.sentence.startswith(sentence)
    assert not Path(probed["FOUND"]).exists()
