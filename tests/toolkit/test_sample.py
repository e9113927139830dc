"""The sample data: the same everywhere, true to its dictionary, and worth more than a linear model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from fearless.columns.dictionary import Dictionary, gaps, parse
from fearless.columns.frame import check_rows, read_untyped, target_of, typed
from fearless.core.errors import FearlessError
from fearless.model.contract import Training
from fearless.sample import DIGESTS, write
from fearless.sample.draws import Draws

TEMPLATE = Path(__file__).parents[2] / "template"
LEAKS = {"churn": "calls_total", "travel-delay": "departure_delay_minutes"}


def template_text(folder: str, name: str, example: str) -> str:
    """A file of the template that exists for one example only."""
    return (TEMPLATE / folder / f"{{% if example == '{example}' %}}{name}{{% endif %}}").read_text("utf-8")


def function(example: str, name: str, change: Callable[[str], str] = str) -> Callable[[Any], Any]:
    """The function of the team's code that `name` (`features`, `train`) names, from its changed text."""
    file = {"features": "features.py", "train": "model.py"}[name]
    space: dict[str, Any] = {}
    exec(change(template_text("src/{{ package_name }}", file, example)), space)  # noqa: S102 (our own file)
    found: Callable[[Any], Any] = space[name]
    return found


@dataclass(frozen=True)
class Sample:
    """One example: its file, its dictionary, and its typed rows in the order of the file."""

    example: str
    file: Path
    dictionary: Dictionary
    rows: pl.DataFrame

    def split(self, features: Callable[[Any], Any], known: list[str]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Features as float32 and the target, both by time."""
        rows = self.rows.sort(self.dictionary.time, *self.dictionary.key)
        made: pl.DataFrame = features(rows.select(known)).cast(pl.Float32)
        return made.to_numpy(), target_of(rows, self.dictionary)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Training waits in a busy loop for its other threads, which is slow where tests share the cores."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module", params=sorted(DIGESTS))
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    example: str = request.param
    [file] = write(example, tmp_path_factory.mktemp("raw"))
    dictionary = parse(yaml.safe_load(template_text(".", "columns.yaml", example)))
    return Sample(example, file, dictionary, typed(read_untyped(file), dictionary, file.name))


def test_the_bytes_are_the_same_on_every_platform_and_python(sample: Sample) -> None:
    assert hashlib.sha256(sample.file.read_bytes()).hexdigest() == DIGESTS[sample.example]


def test_the_file_has_twenty_thousand_lines_that_end_in_a_line_feed(sample: Sample) -> None:
    content = sample.file.read_bytes()
    assert content.count(b"\n") == 20_001
    assert content.endswith(b"\n")
    assert b"\r" not in content
    assert content.isascii()


def test_the_dictionary_leaves_nothing_open(sample: Sample) -> None:
    assert gaps(sample.dictionary) == []


def test_the_rows_keep_to_the_dictionary(sample: Sample) -> None:
    assert check_rows(sample.rows, sample.dictionary, sample.file.name) == []


def test_a_column_has_empty_cells_exactly_where_the_dictionary_allows_them(sample: Sample) -> None:
    with_empty = {name for name in sample.rows.columns if sample.rows[name].null_count()}
    assert with_empty == {name for name, column in sample.dictionary.columns.items() if column.missing}
    assert len(with_empty) >= 3


def test_every_level_of_a_category_occurs(sample: Sample) -> None:
    for name, column in sample.dictionary.columns.items():
        if column.levels:
            assert set(sample.rows[name].unique()) == set(column.levels)


def test_the_key_names_each_row_once(sample: Sample) -> None:
    assert sample.rows.select(sample.dictionary.key).n_unique() == sample.rows.height


def test_the_rows_spread_evenly_over_two_years(sample: Sample) -> None:
    moments = sample.rows[sample.dictionary.time].cast(pl.Datetime).sort()
    quarter = sample.rows.height // 4
    for start in range(4):
        span = moments[(start + 1) * quarter - 1] - moments[start * quarter]
        assert timedelta(days=180) < span < timedelta(days=185)


def test_customers_arrive_late_and_out_of_order(tmp_path: Path) -> None:
    rows = pl.read_csv(write("churn", tmp_path)[0], try_parse_dates=True)
    delay = (rows["recorded_at"] - rows["observed_at"]).dt.total_days()
    assert delay.min() == 0
    assert 0.03 < (delay > 7).mean() < 0.15  # type: ignore[operator]
    assert not rows["observed_at"].is_sorted()
    assert rows["recorded_at"].is_sorted()


def test_a_fifth_to_a_quarter_of_the_customers_leave(tmp_path: Path) -> None:
    rows = pl.read_csv(write("churn", tmp_path)[0])
    assert 0.20 < (rows["churned"] == "yes").mean() < 0.27  # type: ignore[operator]


def test_the_delays_of_flights_follow_from_their_times(tmp_path: Path) -> None:
    rows = pl.read_csv(write("travel-delay", tmp_path)[0], try_parse_dates=True)
    for way in ("departure", "arrival"):
        minutes = (rows[f"actual_{way}"] - rows[f"scheduled_{way}"]).dt.total_minutes()
        assert (minutes == rows[f"{way}_delay_minutes"]).all()
    assert (rows["arrival_delay_minutes"] < 0).any()
    assert (rows["origin"] != rows["destination"]).all()


def test_a_good_model_beats_a_linear_one_and_a_worsened_one_does_not(sample: Sample) -> None:
    x, y = sample.split(function(sample.example, "features"), sample.dictionary.known)
    params = yaml.safe_load((TEMPLATE / "params.yaml").read_text("utf-8"))
    worse = params | {"model": params["model"] | {"max_iter": 1}}
    good, bad = (skill(sample, x, y, trained(sample, given)) for given in (params, worse))
    linear = skill(sample, x, y, fit_linear)
    wanted = {"churn": (0.40, 0.20), "travel-delay": (0.60, 0.35)}[sample.example]
    assert good > wanted[0]
    assert wanted[1] > linear > 0.08
    assert bad < linear - 0.02


def test_the_leak_needs_one_more_line_and_makes_the_model_too_good(sample: Sample) -> None:
    leak = LEAKS[sample.example]
    leaking = function(
        sample.example,
        "features",
        lambda text: text.replace("NUMBERS = [\n", f'NUMBERS = [\n    "{leak}",\n'),
    )
    with pytest.raises(pl.exceptions.ColumnNotFoundError, match=leak):
        leaking(sample.rows.select(sample.dictionary.known))
    assert sample.dictionary.why_not_known(leak)

    params = yaml.safe_load((TEMPLATE / "params.yaml").read_text("utf-8"))
    honest = sample.split(function(sample.example, "features"), sample.dictionary.known)
    cheating = sample.split(leaking, sample.rows.columns)
    train = trained(sample, params)
    assert skill(sample, *cheating, train) > skill(sample, *honest, train) + 0.12


def test_a_file_that_is_there_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("half of a fi", encoding="utf-8")
    assert write("churn", tmp_path) == [tmp_path / "customers.csv"]
    assert [path.name for path in tmp_path.iterdir()] == ["customers.csv"]
    assert hashlib.sha256((tmp_path / "customers.csv").read_bytes()).hexdigest() == DIGESTS["churn"]


def test_an_example_without_sample_data_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FearlessError, match="no sample data for the example `none`"):
        write("none", tmp_path / "raw")
    assert list(tmp_path.iterdir()) == []


def test_draws_reach_both_ends_and_nothing_beyond() -> None:
    draws = Draws(1)
    assert {draws.below(6) for _ in range(500)} == set(range(6))
    assert {draws.tent(2) for _ in range(500)} == set(range(-2, 3))
    assert {draws.pick(("a", "b")) for _ in range(50)} == {"a", "b"}
    assert {draws.below(1) for _ in range(50)} == {0}


def test_a_chance_is_in_per_mille() -> None:
    draws = Draws(2)
    assert 220 < sum(draws.chance(250) for _ in range(1000)) < 280
    assert not any(draws.chance(0) for _ in range(1000))
    assert all(draws.chance(1000) for _ in range(1000))


def trained(sample: Sample, params: dict[str, Any]) -> Callable[[NDArray[Any], NDArray[Any]], Any]:
    """The team's train(), with these hyper-parameters."""

    def fit(x: NDArray[Any], y: NDArray[Any]) -> Any:
        names = tuple(str(number) for number in range(x.shape[1]))
        return function(sample.example, "train")(
            Training(x=x, y=y, names=names, params=params, seed=params["seed"], task=sample.dictionary.task)
        )

    return fit


def fit_linear(x: NDArray[Any], y: NDArray[Any]) -> Any:
    model = LogisticRegression(max_iter=500) if set(np.unique(y)) == {0.0, 1.0} else LinearRegression()
    return make_pipeline(SimpleImputer(), StandardScaler(), model).fit(x, y)


def skill(sample: Sample, x: NDArray[Any], y: NDArray[Any], fit: Callable[[Any, Any], Any]) -> float:
    """1 - loss / loss of the constant, on the last fifth by time; log-loss, or squared error."""
    cut = len(y) * 4 // 5
    model = fit(x[:cut], y[:cut])
    if sample.dictionary.task == "regression":
        return float(r2_score(y[cut:], model.predict(x[cut:])))
    constant = log_loss(y[cut:], np.full(len(y) - cut, y[:cut].mean()))
    return 1 - float(log_loss(y[cut:], model.predict_proba(x[cut:])[:, 1])) / float(constant)
