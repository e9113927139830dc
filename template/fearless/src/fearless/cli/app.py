"""The commands, in the order in which a newcomer meets them."""

from __future__ import annotations

import json
import os
from copy import copy
from pathlib import Path
from typing import Annotated

import typer

from fearless.cli.groups import Grouped

app = typer.Typer(
    cls=Grouped,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # the rich help costs three times the CPU of the plain one
    help="Golden data, benchmark gate and the guards around your model.",
)
golden_app = typer.Typer(no_args_is_help=True, help="Freeze, verify and grow the golden data.")
columns_app = typer.Typer(no_args_is_help=True, help="Draft and show the column dictionary.")
audit_app = typer.Typer(no_args_is_help=True, help="Hold the ledger against itself.")
app.add_typer(golden_app, name="golden")
app.add_typer(columns_app, name="columns")
app.add_typer(audit_app, name="audit")


def app_of(arguments: list[str]) -> typer.Typer:
    """The command that the arguments name, or all of them: typer builds each that it knows before it calls one."""
    named = [each for each in app.registered_commands if arguments and _name(each) == arguments[0]]
    if not named:
        return app
    found = copy(app)
    found.registered_commands = named
    return found


def _name(command: typer.models.CommandInfo) -> str:
    return command.name or getattr(command.callback, "__name__", "").replace("_", "-")


Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Simulated = Annotated[
    bool, typer.Option("--simulated", help="The simulated rows, in place of the live ones.")
]


@app.command(short_help="From a bare rendering to a working repository.")
def start() -> None:
    """Make a working repository of a fresh rendering: git, data, golden data, model, gate, first commit.

    Run it again whenever it was stopped: it goes on where it was. Example: uv run fearless start
    """
    from fearless.cli.gate import judge_and_print
    from fearless.core.project import Project
    from fearless.pipeline.start import Start

    code = Start(Project.find(), lambda project: judge_and_print(project), _say).run()
    if code == 0:
        _say(
            "\nThis repository works. Next: read README.md, change src/, then `uv run fearless train` and `gate`."
        )
    else:
        _say("\nThis repository works, and its model is not good enough yet: the gate says why above.")
    raise typer.Exit(code)


@app.command(short_help="Check columns, leakage, data, files, lint, tests.")
def check(
    staged: Annotated[
        bool, typer.Option("--staged", help="Only what the next commit changes (fast).")
    ] = False,
    change: Annotated[
        bool, typer.Option("--change", help="Only what this change does to its own judges (needs no data).")
    ] = False,
    environment: Annotated[
        str, typer.Option("--env", help="Only what a place needs: `ci` prints the rules to set there.")
    ] = "",
    base: Annotated[
        str, typer.Option(help="The commit or branch to compare with; default: the target of the change.")
    ] = "",
    summary: Annotated[str, typer.Option(help="Also add the result as Markdown to this file.")] = "",
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Only the guards that train again (minutes): nightly, before a release."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Check all that must hold before a model is worth judging: columns, leakage, golden data, files, lint, tests.

    Exit code 1 when something was found. Example: uv run fearless check
    """
    from fearless.cli.check import all_guards, change_guards, run_guards, staged_guards
    from fearless.core.errors import FearlessError
    from fearless.core.project import Project

    project = Project.find()
    if staged + change + deep + bool(environment) > 1:
        raise FearlessError(
            "--staged, --change, --deep and --env are four different checks.", fix="Choose one of them."
        )
    if deep:
        from fearless.cli.deep import run_deep

        raise typer.Exit(run_deep(project, as_json=as_json, summary=summary))
    if environment:
        from fearless.cli.place import show_place

        raise typer.Exit(show_place(project, environment, as_json=as_json))
    if staged:
        guards = staged_guards(project)
    elif change:
        guards = change_guards(project, base)
    else:
        guards = all_guards(project, base)
    raise typer.Exit(run_guards(guards, as_json=as_json, summary=summary))


@app.command(short_help="Run the stages that are out of date.")
def train(
    ci: Annotated[
        bool, typer.Option("--ci", help="As `retrain:` in gate.yaml says, and tell what is judged.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Run every stage, also with a dvc.lock that is current.")
    ] = False,
) -> None:
    """Run the stages of dvc.yaml that are out of date: prepare, train, evaluate.

    Example: uv run fearless train
    """
    from fearless.cli.train import run_train
    from fearless.core.project import Project

    run_train(Project.find(), ci=ci, again=again)


@app.command(short_help="Judge the candidate on the golden data.")
def gate(
    mode: Annotated[
        str, typer.Option(help="pull_request or release: what an unsettled verdict means.")
    ] = "pull_request",
    base: Annotated[
        str, typer.Option(help="The commit or branch whose policy judges; default: the target of the change.")
    ] = "",
    summary: Annotated[str, typer.Option(help="Also add the report as Markdown to this file.")] = "",
    as_json: Json = False,
    predictions: Annotated[
        str, typer.Option(help="Judge the scores in this Parquet or CSV file instead; needs no model.")
    ] = "",
    policy: Annotated[str, typer.Option(help="With --predictions: the policy; default: gate.yaml.")] = "",
    task: Annotated[
        str,
        typer.Option(help="With --predictions: binary, regression or multiclass; default: as the file says."),
    ] = "",
    group: Annotated[
        str, typer.Option(help="With --predictions: the column of the customer, or whatever rows belong to.")
    ] = "",
    engine: Annotated[
        str, typer.Option(help="With --predictions: exact, streaming, or auto, which goes by the rows.")
    ] = "",
    out: Annotated[
        str,
        typer.Option(help="With --predictions: the folder of the reports; default: .fearless/predictions."),
    ] = "",
) -> None:
    """Judge models/candidate on the golden data by gate.yaml. The reports are in .fearless/gate/: open report.html.

    Exit code 0: pass, 1: fail, 2: error, 3: not settled and counted as a failure.
    Example: uv run fearless gate. For any other model: fearless gate --predictions scores.parquet --policy gate.yaml
    """
    from fearless.core.errors import FearlessError

    if predictions:
        if base:
            raise FearlessError(
                "A file of predictions has no base.",
                fix="Take the policy from the target branch: `git show origin/main:gate.yaml > policy.yaml`.",
            )
        # Rows are read and added up block by block: pools of threads would only wait for each other, and waiting costs.
        for pool in ("OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"):
            os.environ.setdefault(pool, "1")
        from fearless.cli.predictions import judge_file_and_print

        raise typer.Exit(
            judge_file_and_print(
                Path(predictions),
                policy=policy,
                task=task,
                group=group,
                engine=engine or "auto",
                out=out,
                mode=mode,
                summary=summary,
                as_json=as_json,
            )
        )
    beside = {"policy": policy, "task": task, "group": group, "engine": engine, "out": out}
    if given := [name for name, value in beside.items() if value]:
        raise FearlessError(
            f"--{given[0]} goes with --predictions FILE.",
            fix="The policy, task and groups of a repository stand in gate.yaml and columns.yaml.",
        )
    from fearless.cli.gate import judge_and_print
    from fearless.core.project import Project

    raise typer.Exit(judge_and_print(Project.find(), mode=mode, base=base, summary=summary, as_json=as_json))


@app.command(short_help="Answer predictions over HTTP, each recorded first.")
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 is every one.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.", min=0, max=65535)] = 8000,
    model: Annotated[
        str, typer.Option(help="champion or candidate; default: the champion where there is one.")
    ] = "",
) -> None:
    """Answer /v1/predict from the model, and record each prediction before it is answered.

    Example: uv run fearless serve --port 8000
    """
    from fearless.cli.serve import serve_model
    from fearless.core.project import Project

    serve_model(Project.find(), host, port, model)


@app.command(short_help="Make one recorded prediction again.")
def trace(
    prediction_id: Annotated[str, typer.Argument(metavar="ID", help="The id of a prediction.")],
    as_json: Json = False,
) -> None:
    """Show one recorded prediction, and make it again from the model with the recorded digest.

    Exit code 1 when it comes out different. Example: uv run fearless trace 01995f3c-3c40-7000-8000-000000000000
    """
    from fearless.cli.trace import show_trace
    from fearless.core.project import Project

    raise typer.Exit(show_trace(Project.find(), prediction_id, as_json=as_json))


@app.command(short_help="Serve, kill, restore and roll back once, in private.")
def rehearse(as_json: Json = False) -> None:
    """Go through production with the candidate: the real service, with a ledger of its own.

    Golden rows are asked for and compared with the gate's scores, the service is killed under load, the ledger is
    counted and restored, and the service goes back to what is in production now. Exit code 1 where one does not hold.
    Example: uv run fearless rehearse
    """
    from fearless.cli.rehearse import run_rehearsal
    from fearless.core.project import Project

    raise typer.Exit(run_rehearsal(Project.find(), as_json=as_json))


@app.command(short_help="Make the candidate the champion, in a change of its own.")
def release(
    merge: Annotated[
        bool, typer.Option("--merge", help="Merge it into the branch that is checked out (without a server).")
    ] = False,
    break_glass: Annotated[
        str | None, typer.Option("--break-glass", help="Release in spite of what is open, and say why.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Judge the candidate, look at the checklist, and prepare the change that makes it the champion.

    Merging that change is the release. Exit code 0: prepared or merged, 1: something is open, 2: error.
    Example: uv run fearless release
    """
    from fearless.cli.release import run_release
    from fearless.core.project import Project

    raise typer.Exit(run_release(Project.find(), into_here=merge, break_glass=break_glass, as_json=as_json))


@app.command(short_help="Put the released model in production.")
def deploy(
    why: Annotated[str, typer.Option(help="Why, for the history.")] = "",
    url: Annotated[
        list[str] | None, typer.Option(help="Wait until the service there answers with it.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also where production was rolled back from it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put the champion in production: each running service follows, without dropping a request.

    Exit code 0: done, 1: done, and a service at --url does not follow, 2: error, production as it was.
    Example: uv run fearless deploy --url http://127.0.0.1:8000
    """
    from fearless.cli.deploy import run_deploy
    from fearless.core.project import Project

    raise typer.Exit(run_deploy(Project.find(), why=why, urls=url or [], again=again, as_json=as_json))


@app.command(short_help="Go back to the release before, at once.")
def rollback(
    version: Annotated[str, typer.Argument(help="The release to go to; default: the one before.")] = "",
    why: Annotated[str, typer.Option(help="Why, for the history.")] = "",
    url: Annotated[
        list[str] | None, typer.Option(help="Wait until the service there answers with it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Put the release before the present one in production, and prepare the change that moves the champion back.

    No checklist is asked. Exit codes as of `deploy`. Example: uv run fearless rollback --why "wrong prices"
    """
    from fearless.cli.deploy import run_rollback
    from fearless.core.project import Project

    raise typer.Exit(run_rollback(Project.find(), version, why=why, urls=url or [], as_json=as_json))


@app.command(short_help="What was in production, when, and by whom.")
def history(
    at: Annotated[str, typer.Option(help="Only what was in production then: 2026-11-25T14:30, in UTC.")] = "",
    as_json: Json = False,
) -> None:
    """Show what was put in production, when, by whom and why.

    Exit code 1 where nothing was in production at that time. Example: uv run fearless history --at 2026-11-25T14:30
    """
    from fearless.cli.deploy import show_history
    from fearless.core.project import Project

    raise typer.Exit(show_history(Project.find(), at=at, as_json=as_json))


@app.command(short_help="Bring in the newest release of the template.")
def update(
    to: Annotated[str, typer.Option(help="The release to take; default: the newest one.")] = "",
    finish: Annotated[
        bool, typer.Option("--finish", help="Finish what copier, or a bot that ran it, began on this branch.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring in the newest release of the template on a branch: files, lock, check, training, gate, one commit.

    Exit code 0: check and gate are content, 1: committed, and they are not, 2: not made, and nothing is left of it.
    Example: uv run fearless update
    """
    from fearless.cli.update import run_finish, run_update
    from fearless.core.project import Project

    project = Project.find()
    raise typer.Exit(
        run_finish(project, as_json=as_json) if finish else run_update(project, to=to, as_json=as_json)
    )


@app.command(short_help="Run the pipeline's commands in a fresh clone.")
def ci(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the clone and say where it is.")] = False,
    as_json: Json = False,
) -> None:
    """Say what the pipeline would say of the last commit: its commands, in a fresh clone, in clean surroundings.

    The result is kept in ops/evidence/ci.json. Exit code: that of the first command that failed.
    Example: uv run fearless ci
    """
    from fearless.cli.ci import run_ci
    from fearless.core.project import Project

    raise typer.Exit(run_ci(Project.find(), keep=keep, as_json=as_json))


@app.command(short_help="What is proven, and what is open before a release.")
def checklist(as_json: Json = False) -> None:
    """Show every item of the deployment checklist: its state, what proves it, from where, and who must act.

    It is computed each time. Exit code 1 while anything is open. Example: uv run fearless checklist
    """
    from fearless.cli.checklist import show_checklist
    from fearless.core.project import Project

    raise typer.Exit(show_checklist(Project.find(), as_json=as_json))


@app.command(short_help="Sign one item of the checklist.")
def sign(
    item: Annotated[str, typer.Argument(help="S1 to S7; `fearless checklist` says which are open.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
) -> None:
    """Show what exactly an item says and is about, ask, and commit the signature of whoever git says you are.

    It lapses by itself, when what it is about changes or by date. Example: uv run fearless sign S1
    """
    from fearless.cli.sign import sign_and_print
    from fearless.core.project import Project

    raise typer.Exit(sign_and_print(Project.find(), item, yes=yes))


@app.command(short_help="Raise a concern: it blocks until answered.")
def concern(
    text: Annotated[str, typer.Argument(help="What you saw, or the answer; without it the open ones.")] = "",
    answer: Annotated[str, typer.Option(metavar="ID", help="Answer this concern with the text.")] = "",
    as_json: Json = False,
) -> None:
    """Raise a concern, which stops every release until it is answered. Anyone may.

    Exit code 1 while any is open, where they are listed. Example: uv run fearless concern "Two customers have one id"
    """
    from fearless.cli.concern import concern_and_print
    from fearless.core.project import Project

    raise typer.Exit(concern_and_print(Project.find(), text, answered=answer, as_json=as_json))


@app.command(short_help="Compare what was served with training and truth.")
def monitor(
    since: Annotated[str, typer.Option(help="How far to look back: 12h, 7d or 4w.")] = "7d",
    page: Annotated[str, typer.Option("--html", help="Also write the report as a page to this file.")] = "",
    simulated: Simulated = False,
    as_json: Json = False,
) -> None:
    """Compare what was served with what the model was trained on and, where it is known, with the truth.

    Exit code 0: healthy or only worth a look, 1: something needs somebody, or nothing was served, 2: error.
    Example: uv run fearless monitor --since 7d
    """
    from fearless.cli.monitor import watch_and_print
    from fearless.core.project import Project

    kind = "simulated" if simulated else "live"
    raise typer.Exit(watch_and_print(Project.find(), kind=kind, since=since, page=page, as_json=as_json))


@app.command(short_help="Store what turned out to be true, and measure.")
def truth(
    file: Annotated[Path, typer.Argument(help="A CSV or Parquet file with the labels.")],
    since: Annotated[str, typer.Option(help="Measure the predictions of this time: 12h, 7d or 4w.")] = "90d",
    page: Annotated[str, typer.Option("--html", help="Also write the report as a page to this file.")] = "",
    simulated: Simulated = False,
    as_json: Json = False,
) -> None:
    """Store labels beside their predictions, and measure the model by them as the gate does.

    The file has prediction_id (or the key columns), label (or the target's name) and perhaps labelled_at.
    Exit code 0: as good as was asked, as far as can be told, 1: proven not to be, 2: error.
    Example: uv run fearless truth labels.csv
    """
    from fearless.cli.truth import measure_and_print
    from fearless.core.project import Project

    kind = "simulated" if simulated else "live"
    raise typer.Exit(
        measure_and_print(Project.find(), file, kind=kind, since=since, page=page, as_json=as_json)
    )


@app.command(short_help="Play a season against the running service.")
def simulate(
    drift: Annotated[bool, typer.Option("--drift", help="Let a column drift after a third of it.")] = False,
    url: Annotated[str, typer.Option(help="Where the service answers.")] = "http://127.0.0.1:8000",
    rows: Annotated[int, typer.Option(help="How many golden rows at most.")] = 2000,
    as_json: Json = False,
) -> None:
    """Ask the running service for golden rows in their order of time, with messy ones and late labels, and judge it.

    Once without and once with --drift proves that the monitor keeps still and alarms; ops/evidence/simulation.json
    keeps both. Exit code 0: it did what it must, 1: it did not, 2: error.
    Example: uv run fearless simulate --drift
    """
    from fearless.cli.simulate import simulate_and_print
    from fearless.core.project import Project

    raise typer.Exit(simulate_and_print(Project.find(), url, drift=drift, rows=rows, as_json=as_json))


@app.command(short_help="Run one stage; dvc.yaml calls this.")
def stage(name: Annotated[str, typer.Argument(help="prepare, train or evaluate")]) -> None:
    """Run one stage; dvc.yaml calls this.

    Example: uv run fearless stage prepare
    """
    from fearless.pipeline.run import run_stage

    run_stage(name)


@golden_app.command()
def freeze(
    again: Annotated[bool, typer.Option("--again", help="Replace the golden data that is there.")] = False,
    share: Annotated[float, typer.Option(help="How much of the rows becomes golden.")] = 0.2,
) -> None:
    """Choose the golden rows: the newest by time, or a share by key. They judge every model and train none.

    Example: uv run fearless golden freeze --again --share 0.25
    """
    from fearless.cli.golden import freeze_golden
    from fearless.core.project import Project

    _say(freeze_golden(Project.find(), again=again, share=share))


@golden_app.command()
def verify() -> None:
    """Hold the golden data against its record and its pointer in git. Example: uv run fearless golden verify"""
    from fearless.cli.golden import verify_golden
    from fearless.core.project import Project

    _say(verify_golden(Project.find()))


@golden_app.command()
def grow(
    take: Annotated[str, typer.Option("--take", help="Add the reviewed rows of this proposal.")] = "",
    rows: Annotated[int, typer.Option(help="How many rows are proposed at most.")] = 200,
    since: Annotated[str, typer.Option(help="Look at the predictions of this time: 12h, 7d or 4w.")] = "365d",
) -> None:
    """Propose live predictions with their truth as golden rows, to be reviewed by a person; then --take those reviewed.

    Example: uv run fearless golden grow --rows 100
    """
    from fearless.cli.golden import grow_golden, take_grown
    from fearless.core.project import Project

    project = Project.find()
    _say(
        take_grown(project, Path(take), since=since) if take else grow_golden(project, rows=rows, since=since)
    )


@golden_app.command("base", short_help="Bring the base's golden data; the pipeline calls this.")
def golden_base(
    base: Annotated[str, typer.Option(help="The commit or branch to compare with.")] = "",
) -> None:
    """Bring the golden data of the change's base, where it is another; the pipeline calls this, and the gate itself.

    Example: uv run fearless golden base
    """
    from fearless.cli.golden import bring_base
    from fearless.core.project import Project

    _say(bring_base(Project.find(), base))


@columns_app.command()
def draft(
    file: Annotated[Path, typer.Argument(help="A CSV or Parquet file.")],
    target: Annotated[
        str, typer.Option(help="The column to predict; default: the one in columns.yaml.")
    ] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Replace a dictionary that is there.")] = False,
) -> None:
    """Draft columns.yaml from a data file; you then replace each TODO.

    Example: uv run fearless columns draft data/raw/customers.csv
    """
    from fearless.cli.columns import draft_columns
    from fearless.core.project import Project

    _say(draft_columns(Project.find(), file, target=target, replace=replace))


@columns_app.command()
def show(as_json: Json = False) -> None:
    """Show the dictionary and what is open in it. Example: uv run fearless columns show"""
    from fearless.cli.columns import show_columns
    from fearless.core.project import Project

    raise typer.Exit(show_columns(Project.find(), as_json=as_json))


@audit_app.command("verify")
def audit_verify(as_json: Json = False) -> None:
    """Follow the hash chain of the ledger; name the first row that was edited, removed or put in.

    Exit code 1 when there is one. Example: uv run fearless audit verify
    """
    from fearless.cli.trace import verify_ledger
    from fearless.core.project import Project

    raise typer.Exit(verify_ledger(Project.find(), as_json=as_json))


@app.command(short_help="Print the version of the toolkit.")
def version(as_json: Json = False) -> None:
    """Print the version of the toolkit.

    Example: uv run fearless version
    """
    from fearless.core.toolkit import toolkit_version

    found = toolkit_version()
    _say(json.dumps({"fearless": found}) if as_json else f"fearless {found}")


def _say(text: str) -> None:
    print(text, flush=True)
