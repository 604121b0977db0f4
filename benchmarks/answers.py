"""What the agent's answers are worth with no language model: how many are right, and how long they take.

Owns the budgets of the agent. How many are right is counted on the golden set of questions, the part that the planner
was developed on and the part kept aside each by itself; how long they take is measured over HTTP.
"""

import contextlib
import itertools
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from benchmarks.measure import BenchmarkError, Finding, Sample, take_turns, time_text
from benchmarks.reads import FEW, MANY
from benchmarks.servers import start_server
from benchmarks.stores import filled_store
from benchmarks.workspace import Workspace
from tests.agents import golden
from tests.agents.golden import Golden

ANSWER_LIMIT_S = 0.050
AT_ONCE = 100

QUESTIONS = (
    "Which run has the best accuracy?",
    "List my top 5 runs by f1 on wine",
    "lowest val loss on breast_cancer",
    "How many runs failed?",
    "Compare my best two SVM runs",
    "logistic regression vs perceptron on iris",
    "show the runs tagged baseline with accuracy above 0.9",
    "Summarize my recent experiments",
    "find runs mentioning diverged",
    "What models work best on digits in terms of accuracy?",
    "suggest the next learning rate for wine",
    "what's the weather",
)
"""One question of each kind, in words that the benchmark's stores know."""


def answering(workspace: Workspace, *, is_quick: bool) -> list[Finding]:
    """Scores the golden set, then times answers on a small and on a large store, one by one and all at once."""
    scores = [
        _score(golden.DEVELOPED, what="golden questions answered right, the part developed on", limit=0.95),
        _score(golden.ASIDE, what="golden questions answered right, the part kept aside", limit=0.85),
    ]
    stores = {"few": filled_store(FEW), "many": filled_store(MANY)}
    with contextlib.ExitStack() as open_things:
        servers = {
            name: open_things.enter_context(start_server(store, workspace=workspace)).http
            for name, store in stores.items()
        }
        return [*scores, _one_by_one(servers, rounds=24 if is_quick else 240), _at_once(servers["many"])]


def _score(path: Path, *, what: str, limit: float) -> Finding:
    wrong, invented, kinds = [], 0, Counter[str]()
    questions = golden.load(path)
    with tempfile.TemporaryDirectory() as folder:
        for store, asked in itertools.groupby(sorted(questions, key=lambda question: question.store), _store_of):
            file = golden.write_store(store, Path(folder) / f"{store}.db")
            with golden.asking(file) as client:
                for question in asked:
                    answer = golden.ask(client, file, question)
                    invented += len(golden.inventions(question, answer.answer))
                    if golden.faults(question, answer):
                        wrong.append(question)
                        kinds[question.kind] += 1
    share = 1 - len(wrong) / len(questions)
    lost = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())) or "none"
    return Finding(
        what=what,
        limit=f"at least {limit:.0%}, no id and no number that the store does not bear out",
        measured=f"{share:.1%} of {len(questions)}, {invented} invented",
        is_met=share >= limit and invented == 0,
        remark=f"wrong, by kind of question: {lost}",
    )


def _store_of(question: Golden) -> str:
    return question.store


def _one_by_one(servers: Mapping[str, httpx.Client], *, rounds: int) -> Finding:
    tasks = {name: _Asker(http) for name, http in servers.items()}
    times = take_turns(tasks, rounds=rounds, warm_ups=len(QUESTIONS))
    measured_s, floor_s = times["many"].median_s, times["few"].median_s
    return Finding(
        what=f"an answer of the offline agent, {MANY:,} runs, store at rest",
        limit=f"p50 under {time_text(ANSWER_LIMIT_S)} over HTTP",
        measured=time_text(measured_s),
        floor=time_text(floor_s),
        ratio=measured_s / floor_s,
        is_met=measured_s < ANSWER_LIMIT_S,
        spread=times["many"].spread,
        remark=f"the floor is the same at {FEW:,} runs; {tasks['many'].slowest(times['many'])}",
    )


def _at_once(http: httpx.Client) -> Finding:
    """Asks many questions from as many connections, all at once."""

    def ask(number: int) -> int:
        with httpx.Client(base_url=http.base_url, timeout=http.timeout, trust_env=False) as own:
            return own.post("/agent/query", json={"query": QUESTIONS[number % len(QUESTIONS)]}).status_code

    started_s = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        statuses = list(pool.map(ask, range(AT_ONCE)))
    took_s = time.perf_counter() - started_s
    answered = statuses.count(httpx.codes.OK)
    return Finding(
        what=f"{AT_ONCE} questions at once, {MANY:,} runs",
        limit="all answered",
        measured=f"{answered} answered",
        is_met=answered == AT_ONCE,
        remark=f"the last answer came after {time_text(took_s)}",
    )


class _Asker:
    """Asks the questions in turn."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._questions = itertools.cycle(QUESTIONS)
        self._asked: list[str] = []

    def __call__(self) -> None:
        question = next(self._questions)
        self._asked.append(question)
        answer = self._http.post("/agent/query", json={"query": question})
        if answer.status_code != httpx.codes.OK:
            raise BenchmarkError(f"{question!r} was answered with {answer.status_code}: {answer.text[:500]}")

    def slowest(self, times: Sample) -> str:
        """Says which question took longest by its own median."""
        by_question: dict[str, list[float]] = {}
        for question, seconds in zip(self._asked[-len(times.seconds) :], times.seconds, strict=True):
            by_question.setdefault(question, []).append(seconds)
        medians = {question: Sample(tuple(seconds)).median_s for question, seconds in by_question.items()}
        question = max(medians, key=lambda question: medians[question])
        return f"slowest: {question!r}, median {time_text(medians[question])}"
