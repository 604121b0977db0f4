"""What asking the server costs, over HTTP with a connection kept open, at 1,000 and at 100,000 runs.

Owns the budgets of reading. The same questions go to both servers in turn; the smaller store's times are the floor.
"""

import contextlib
import itertools
import random
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_plus, urlencode

import httpx

from benchmarks.measure import BenchmarkError, Finding, Sample, take_turns, time_text
from benchmarks.servers import Server, start_server
from benchmarks.stores import DATASETS, METRICS, MODELS, NOTES, TAGS, filled_store
from benchmarks.workspace import Workspace
from lab_logger.record import utc_now

FEW, MANY = 1_000, 100_000
PAGE_LIMIT_S = 0.010
TEXT_LIMIT_S = 0.050
GROWTH_RATIO = 2.0

_SEED = 7
KNOWN_IDS = 2_000


@dataclass(frozen=True)
class Question:
    """One kind of request.

    Attributes:
        what: The request in words.
        path: Gives the address of one such request, from a source of chance and run ids of the store.
        limit_s: The most that its median may take at 100,000 runs.
        limits_growth: Whether its median may grow to `GROWTH_RATIO` times that at 1,000 runs at the most.
    """

    what: str
    path: Callable[[random.Random, list[str]], str]
    limit_s: float = PAGE_LIMIT_S
    limits_growth: bool = True


def _list_of(**choices: object) -> Callable[[random.Random, list[str]], str]:
    return _query("/runs", limit=50, **choices)


def _rank(**choices: object) -> Callable[[random.Random, list[str]], str]:
    return _query("/runs/leaderboard", top_k=10, metric_name=METRICS, **choices)


def _query(address: str, **choices: object) -> Callable[[random.Random, list[str]], str]:
    """Gives addresses with a value for each parameter, a tuple standing for one of its items."""

    def path(rng: random.Random, _: list[str]) -> str:
        picked = {name: rng.choice(value) if isinstance(value, tuple) else value for name, value in choices.items()}
        return f"{address}?{urlencode(picked)}"

    return path


def _compare(rng: random.Random, run_ids: list[str]) -> str:
    return "/runs/compare?" + urlencode([("ids", run_id) for run_id in rng.sample(run_ids, 10)])


_NAMED_DATASETS = tuple(name for name in DATASETS if name is not None)

QUESTIONS = (
    Question("/runs, a page of 50", _list_of(offset=tuple(range(0, 500, 50)))),
    Question("/runs, a page of 50, by dataset", _list_of(dataset_id=_NAMED_DATASETS)),
    Question("/runs, a page of 50, with artifacts", _list_of(has_artifacts=("true", "false"))),
    Question("/runs, a page of 50, by status", _list_of(status=("finished", "failed", "killed"))),
    Question("/runs, a page of 50, by param", _list_of(param=tuple(f"model_name:{name}" for name in MODELS))),
    Question("/runs, a page of 50, by tag", _list_of(tag=TAGS)),
    Question(
        "/runs, a page of 50, by least metric", _list_of(metric_name=METRICS, metric_min=(0.5, 0.9, 0.99, 0.9999))
    ),
    Question("/runs/leaderboard, top 10", _rank(order=("asc", "desc"))),
    Question("/runs/leaderboard, top 10, by dataset", _rank(dataset_id=_NAMED_DATASETS)),
    Question("/runs/leaderboard, top 10, with artifacts", _rank(has_artifacts=("true", "false"))),
    Question(
        "/runs/leaderboard, top 10, by dataset with artifacts", _rank(dataset_id=_NAMED_DATASETS, has_artifacts="true")
    ),
    Question("/runs/{id}", lambda rng, run_ids: f"/runs/{rng.choice(run_ids)}"),
    Question("/runs/compare of 10", _compare),
    Question(
        "full text (q)",
        _list_of(q=("linear_svm", "iris perceptron", "exp_12", "publish", "baseline wine", "zebra")),
        limit_s=TEXT_LIMIT_S,
        limits_growth=False,
    ),
    Question(
        "command_substring",
        _list_of(command_substring=("--learning_rate 0.03", "random_state 77", "MLP", "no such command")),
        limit_s=TEXT_LIMIT_S,
        limits_growth=False,
    ),
    Question(
        "note_substring",
        _list_of(note_substring=("publish", "look again", NOTES[1], "no such note")),
        limit_s=TEXT_LIMIT_S,
        limits_growth=False,
    ),
)


def reading(workspace: Workspace, *, is_quick: bool) -> list[Finding]:
    """Asks both servers each kind of question, and times the answers.

    Each kind is asked of a store at rest, and again with a write before each request, as while a run is logged: what a
    server remembers of the store is worth nothing then.
    """
    stores = {"few": filled_store(FEW), "many": filled_store(MANY)}
    with contextlib.ExitStack() as open_things:
        return ask_both(
            {
                name: open_things.enter_context(start_server(store, workspace=workspace))
                for name, store in stores.items()
            },
            {name: _known_ids(store) for name, store in stores.items()},
            {name: open_things.enter_context(_writer(store)) for name, store in stores.items()},
            rounds=20 if is_quick else 200,
            where=f"{MANY:,} runs",
        )


def ask_both(
    servers: Mapping[str, Server],
    run_ids: Mapping[str, list[str]],
    writers: Mapping[str, Callable[[], None]],
    *,
    rounds: int,
    where: str,
) -> list[Finding]:
    """Asks two servers each kind of question, of a store at rest and just after a write, and times the answers.

    Args:
        servers: The servers "few" and "many", by the size of their stores; the times of "few" are the floor.
        run_ids: Runs of each store.
        writers: What commits a change to each store.
        rounds: How often each kind is asked.
        where: The store of many runs in words.
    """
    findings = []
    for question, before in itertools.product(QUESTIONS, (None, writers)):
        tasks = {name: _Asker(question, run_ids[name], server.http) for name, server in servers.items()}
        times = take_turns(tasks, rounds=rounds, warm_ups=5, before=before)
        when = "store at rest" if before is None else "just after a write"
        slowest = tasks["many"].slowest(times["many"])
        findings.append(_finding(question, times, where=f"{where}, {when}", slowest=slowest))
    return findings


def _known_ids(store: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(store)) as connection:
        rows = connection.execute("SELECT run_id FROM manifests LIMIT ?", (KNOWN_IDS,))
        return [str(run_id) for (run_id,) in rows]


@contextlib.contextmanager
def _writer(store: Path) -> Iterator[Callable[[], None]]:
    """Gives a function that commits a change to a store: one run's heartbeat, which no question is about."""
    with contextlib.closing(sqlite3.connect(store, isolation_level=None)) as connection:

        def write() -> None:
            connection.execute("UPDATE run_state SET heartbeat_at = ? WHERE seq = 1", (utc_now(),))

        yield write


class _Asker:
    """Asks one kind of question, each time another one of it; both servers are asked the same."""

    def __init__(self, question: Question, run_ids: list[str], http: httpx.Client) -> None:
        self._question = question
        self._http = http
        self._rng = random.Random(_SEED)
        self._asked: list[str] = []
        self._run_ids = run_ids

    def __call__(self) -> None:
        path = self._question.path(self._rng, self._run_ids)
        self._asked.append(path)
        answer = self._http.get(path)
        if answer.status_code != httpx.codes.OK:
            raise BenchmarkError(f"{path} answered {answer.status_code}: {answer.text[:500]}")

    def slowest(self, times: Sample) -> str:
        """Says which of the questions took longest by its own median; nothing when hardly any was asked twice."""
        by_path: dict[str, list[float]] = {}
        for path, seconds in zip(self._asked[-len(times.seconds) :], times.seconds, strict=True):
            by_path.setdefault(path, []).append(seconds)
        if len(by_path) > len(times.seconds) / 2 or len(by_path) == 1:
            return ""
        medians = {path: Sample(tuple(seconds)).median_s for path, seconds in by_path.items()}
        path = max(medians, key=lambda path: medians[path])
        return f"slowest: {unquote_plus(path)}, median {time_text(medians[path])}"


def _finding(question: Question, times: Mapping[str, Sample], *, where: str, slowest: str) -> Finding:
    measured_s, floor_s = times["many"].median_s, times["few"].median_s
    ratio = measured_s / floor_s
    growth = f", at most {GROWTH_RATIO:g}x its time at {FEW:,} runs" if question.limits_growth else ""
    return Finding(
        what=f"{question.what}, {where}",
        limit=f"p50 under {time_text(question.limit_s)} over HTTP{growth}",
        measured=time_text(measured_s),
        floor=time_text(floor_s),
        ratio=ratio,
        is_met=measured_s < question.limit_s and (ratio <= GROWTH_RATIO or not question.limits_growth),
        spread=times["many"].spread,
        remark=slowest,
    )
