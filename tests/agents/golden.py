"""The golden set: questions, the stores they are asked about, and what a right answer holds.

Owns loading them, asking a question over HTTP, and saying what is wrong with an answer. What a right answer holds was
written down before the planner was tuned; `golden_aside.yaml` was not looked at while it was. `practice.yaml` was.
"""

import itertools
import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from agents.engine import Assistant
from backend.api import create_app
from backend.config import AgentSettings
from tests.backend.conftest import InProcess, settings_for
from tests.backend.stores import StoredRun, execute, write_points, write_runs

FOLDER: Final = Path(__file__).parent
DEVELOPED: Final = FOLDER / "golden.yaml"
ASIDE: Final = FOLDER / "golden_aside.yaml"
PRACTICE: Final = FOLDER / "practice.yaml"

_STORES: Final = FOLDER / "golden_stores.yaml"
_POINTS_BEGAN_MS: Final = 1_770_000_000_000
_SHORT_ID: Final = re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8}\b")
_FRACTION: Final = re.compile(r"(?<![\w.])-?\d+\.\d+(?:e[-+]?\d+)?(?![\w.])")


@dataclass(frozen=True)
class Golden:
    """A question and what a right answer holds; runs go by their names in the stores."""

    question: str
    store: str
    kind: str
    intents: tuple[str, ...]
    tools: tuple[str, ...]
    ids: tuple[str, ...] | None
    match: str | None
    flagged: str | None
    noted: str | None
    note: str | None
    says: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def label(self) -> str:
        """Names the question among others."""
        return f"{self.store}: {' / '.join([*self.after, self.question])}"


@dataclass
class Asked:
    """What came of a question."""

    answer: dict[str, Any]
    tools: list[str] = field(default_factory=list)
    notes: dict[str, str | None] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)


@cache
def _document() -> Any:
    return yaml.safe_load(_STORES.read_text(encoding="utf-8"))


def load(path: Path) -> list[Golden]:
    """Gives the questions of a file."""
    return [_golden(entry) for entry in yaml.safe_load(path.read_text(encoding="utf-8"))]


def runs_of(store: str) -> list[dict[str, Any]]:
    """Gives the runs of a store as they are written down."""
    return list(_document()["stores"][store] or [])


def _golden(entry: Mapping[str, Any]) -> Golden:
    intent = entry["intent"]
    return Golden(
        question=entry["question"],
        store=entry["store"],
        kind=entry["kind"],
        intents=(intent,) if isinstance(intent, str) else tuple(intent),
        tools=tuple(entry.get("tools") or ()),
        ids=None if entry.get("ids") is None else tuple(entry["ids"]),
        match=entry.get("match"),
        flagged=entry.get("flagged"),
        noted=entry.get("noted"),
        note=entry.get("note"),
        says=tuple(str(text) for text in entry.get("says") or ()),
        after=tuple(entry.get("after") or ()),
    )


def write_store(name: str, path: Path) -> Path:
    """Writes a store of the golden set into a file."""
    runs = runs_of(name)
    write_runs(path, [_stored(run) for run in runs])
    for run in runs:
        if run.get("error"):
            execute(path, "UPDATE run_state SET error = :error WHERE run_id = :run_id", {
                "error": run["error"], "run_id": run["run_id"],
            })  # fmt: skip
        for metric, points in (run.get("points") or {}).items():
            timed = [(step, _POINTS_BEGAN_MS + 1000 * step, value) for step, value in points]
            write_points(path, run["run_id"], metric, timed)
    return path


def _stored(run: Mapping[str, Any]) -> StoredRun:
    return StoredRun(
        run["run_id"],
        timestamp=run["timestamp"],
        command=run.get("command"),
        dataset_id=run.get("dataset_id"),
        params=run.get("params") or {},
        metrics=run.get("metrics") or {},
        artifacts=run.get("artifacts") or [],
        note=run.get("note"),
        status=run.get("status", "finished"),
        duration_s=run.get("duration_s"),
        tags=tuple(run.get("tags") or ()),
        documents={"git_diff": run["git_diff"]} if run.get("git_diff") else {},
    )


@contextmanager
def asking(store: Path, **settings: Any) -> Iterator[httpx.Client]:
    """Gives a client of the real application over a store, with no language model, at the golden set's moment."""
    moment = datetime.fromisoformat(_document()["now"])
    assistant = Assistant(lambda: AgentSettings(openai_api_key=None, openai_base_url=None), now=lambda: moment)
    app = create_app(settings_for(store, **settings), assistant=assistant)
    with httpx.Client(transport=InProcess(app, client=("127.0.0.1", 50_000)), base_url="http://127.0.0.1") as client:
        yield client
    app.state.service.close()


def ask(client: httpx.Client, store: Path, golden: Golden) -> Asked:
    """Asks the question after those that go before it, and puts the notes back as they were."""
    before = _notes(store)
    for earlier in golden.after:
        _answer(client, earlier, session_id=golden.label)
    try:
        asked = _answer(client, golden.question, session_id=golden.label if golden.after else None)
        asked.notes = _notes(store)
        asked.changed = {run_id for run_id, note in asked.notes.items() if note != before[run_id]}
        return asked
    finally:
        for run_id, note in before.items():
            execute(
                store,
                "UPDATE manifests SET note = :note WHERE run_id = :run_id AND note IS NOT :note",
                {"note": note, "run_id": run_id},
            )


def _answer(client: httpx.Client, question: str, *, session_id: str | None) -> Asked:
    response = client.post("/agent/stream", json={"query": question, "session_id": session_id})
    assert response.status_code == httpx.codes.OK, response.text
    asked = Asked({})
    for block in response.text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        data = json.loads(lines.get("data", "null"))
        if lines.get("event") == "step" and data["state"] == "done":
            asked.tools.append(data["tool"])
        if lines.get("event") == "answer":
            asked.answer = data
    assert asked.answer, f"no answer in {response.text[-500:]}"
    return asked


def _notes(store: Path) -> dict[str, str | None]:
    with closing(sqlite3.connect(store)) as connection:
        return dict(connection.execute("SELECT run_id, note FROM manifests"))


def faults(golden: Golden, asked: Asked) -> list[str]:
    """Says what is wrong with an answer; nothing when it is right."""
    answer, text = asked.answer, asked.answer["natural_language_answer"]
    wrong = []
    if answer["intent"] not in golden.intents:
        wrong.append(f"intent {answer['intent']}, not {' or '.join(golden.intents)}")
    wrong += [f"did not call {tool}" for tool in golden.tools if tool not in asked.tools]
    wrong += [f"does not say {said!r}" for said in golden.says if said.lower() not in text.lower()]
    return wrong + _wrong_ids(golden, answer["used_run_ids"]) + _wrong_writes(golden, asked)


def _wrong_ids(golden: Golden, used: list[str]) -> list[str]:
    by_id = {run["run_id"]: run["name"] for run in runs_of(golden.store)}
    names = [by_id.get(run_id, run_id) for run_id in used]
    wanted = list(golden.ids or ())
    fits = {
        None: True,
        "none": not names,
        "exact": names == wanted,
        "first": names[:1] == wanted[:1],
        "set": sorted(names) == sorted(wanted),
        "contains": set(wanted) <= set(names),
    }[golden.match]
    return [] if fits else [f"runs {names}, not {golden.match} {wanted}"]


def _wrong_writes(golden: Golden, asked: Asked) -> list[str]:
    ids = {run["name"]: run["run_id"] for run in runs_of(golden.store)}
    wrong = []
    flagged = ids[golden.flagged] if golden.flagged else None
    if asked.answer["flagged_run_id"] != flagged:
        wrong.append(f"flagged {asked.answer['flagged_run_id']}, not {golden.flagged}")
    written = golden.flagged or golden.noted
    allowed = {ids[written]} if written else set()
    if not asked.changed <= allowed:
        wrong.append(f"changed the notes of {sorted(asked.changed - allowed)}")
    if written and golden.note and golden.note not in (asked.notes[ids[written]] or ""):
        wrong.append(f"the note is {asked.notes[ids[written]]!r}, not {golden.note!r}")
    return wrong


def inventions(golden: Golden, answer: Mapping[str, Any]) -> list[str]:
    """Gives the ids and numbers of an answer that the store does not bear out, told without the agent's own guard."""
    runs = runs_of(golden.store)
    text = answer["natural_language_answer"]
    ids = {run["run_id"] for run in runs}
    foreign = [run_id for run_id in answer["used_run_ids"] if run_id not in ids]
    foreign += [
        token
        for token in _SHORT_ID.findall(text)
        if not any(run_id.startswith(token) for run_id in ids) and token not in golden.question
    ]
    numbers = {**_numbers_of(runs), "means": _group_means(runs)}
    quoted = json.dumps(runs, default=str)
    foreign += [
        token
        for token in _FRACTION.findall(text)
        if token not in golden.question and token not in quoted and not _is_borne_out(token, numbers)
    ]
    return foreign


def _numbers_of(runs: list[dict[str, Any]]) -> dict[str, list[float]]:
    numbers: dict[str, list[float]] = {"duration_s": []}
    for run in runs:
        points = {name: [pair[1] for pair in pairs] for name, pairs in (run.get("points") or {}).items()}
        values = {**{name: [value] for name, value in {**(run.get("params") or {}), **run["metrics"]}.items()}}
        for name, found in itertools.chain(values.items(), points.items(), [("duration_s", [run.get("duration_s")])]):
            numbers.setdefault(name, []).extend(float(v) for v in found if isinstance(v, int | float))
    return numbers


def _group_means(runs: list[dict[str, Any]]) -> list[float]:
    """Gives the mean of every metric over the runs that share a dataset, a param's value, or both."""
    groups: dict[tuple[object, ...], list[dict[str, Any]]] = {}
    for run in runs:
        dataset = run.get("dataset_id")
        for shared in [None, *(run.get("params") or {}).items()]:
            for key in ((None, str(shared)), (dataset, str(shared))):
                groups.setdefault(key, []).append(run)
    means = []
    for group in groups.values():
        for metric in {name for run in group for name in run["metrics"]}:
            values = [run["metrics"][metric] for run in group if isinstance(run["metrics"].get(metric), int | float)]
            if values:
                means.append(sum(values) / len(values))
    return means


def _is_borne_out(token: str, numbers: Mapping[str, list[float]]) -> bool:
    value, places = float(token), len(token.partition("e")[0].partition(".")[2])
    half = 0.5 * 10.0**-places * (1 + 1e-6) * (10.0 ** int(token.partition("e")[2] or 0))
    for values in numbers.values():
        if any(abs(number - value) <= half for number in values):
            return True
    for values in (values for name, values in numbers.items() if name != "means"):
        distinct = sorted(set(values))
        if values and abs(sum(values) / len(values) - value) <= half:
            return True
        for one, other in itertools.permutations(distinct, 2):
            derived = [one - other, (one + other) / 2]
            if other:
                derived += [one / other, (one - other) / other, one * one / other]
            if any(abs(abs(number) - abs(value)) <= half for number in derived):
                return True
    return False
