"""Reads the result files of one model's folder: what lm_eval writes, and plain JSON.

Owns file patterns and what a value in a file is called in the registry. It opens no registry.

lm_eval (`results_*.json`, in the folder or one folder deeper, where lm_eval puts it):
    The family is the task, `hellaswag`, and `hellaswag_5shot` where the file says how many shots. The metric `acc,none`
    is `acc`; a filter other than `none` stays in the name, as in `exact_match,strict-match`. Standard errors are left
    out: they are no result of their own, and per-sample scores say more. Of several files the newest that has a family
    gives all of it. `samples_TASK_*.jsonl` of the same evaluation gives the scores, in the order of `doc_id`.

json (`metrics*.json`, or else every `*.json` in the folder):
    `{"family": {"metric": value}}`, or `{"metric": value}` in the family `default`. Several files add up.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

DEFAULT_FAMILY: Final = "default"
"""The family of a metric that a JSON file gives outside of any."""

_MAX_BYTES: Final = 256 * 2**20
_BOOKKEEPING: Final = frozenset({"alias", "name", "samples", "sample_len", "sample_count"})
_NO_FILTER: Final = "none"
_TIMESTAMP: Final = r"\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}(?:\.\d+)?"


class UnusableResultsError(Exception):
    """A file because of which nothing of its model is imported."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Result:
    """One metric that a file gives.

    Attributes:
        family: Its family in the registry.
        metric_name: Its name in the registry.
        value: A finite number, as the file has it.
        scores: One number per document in the order of `doc_id`, or None.
        scores_path: The file with its samples, if there is one.
    """

    family: str
    metric_name: str
    value: float
    scores: list[float] | None = None
    scores_path: Path | None = None


@dataclass(slots=True)
class FolderResults:
    """Everything that one model's folder gives.

    Attributes:
        results: The metrics, each family and name once.
        model_path: What the files say the model is, such as `meta-llama/Llama-3-8B`, or None.
        problems: What was left out and why, by file.
    """

    results: list[Result] = field(default_factory=list)
    model_path: str | None = None
    problems: dict[Path, str] = field(default_factory=dict)

    def note(self, path: Path, reason: str) -> None:
        """Adds a problem that does not stop the import."""
        self.problems[path] = f"{self.problems[path]}; {reason}" if path in self.problems else reason


def read_lm_eval(folder: Path) -> FolderResults:
    """Reads a folder of lm_eval results; empty when it has none.

    Raises:
        UnusableResultsError: The newest file cannot be read, or has a metric that is not finite.
    """
    found = FolderResults()
    files = sorted(_lm_eval_files(folder), key=lambda path: (_timestamp(path), path.name), reverse=True)
    families: set[str] = set()
    for path in files:
        try:
            content = _load(path)
            results = list(_lm_eval_results(path, content, found))
        except UnusableResultsError as error:
            if path is files[0]:
                raise
            found.note(path, error.reason)
            continue
        found.results += [result for result in results if result.family not in families]
        families |= {result.family for result in results}
        name = content.get("model_name")
        found.model_path = found.model_path or (name if isinstance(name, str) and name else None)
    return found


def read_json(folder: Path) -> FolderResults:
    """Reads a folder of plain JSON metrics; empty when it has none.

    Raises:
        UnusableResultsError: A file cannot be read, has a metric that is not finite, or contradicts another.
    """
    found = FolderResults()
    taken: dict[tuple[str, str], Result] = {}
    for path in _files(folder, "metrics*.json") or _files(folder, "*.json"):
        for family, name, value in _plain_metrics(path, _load(path), found):
            result = Result(family, name, _number(path, f"{family}/{name}", value))
            if taken.setdefault((family, name), result).value != result.value:
                reason = f"{family}/{name} is {value} here and {taken[family, name].value} in another file"
                raise UnusableResultsError(path, f"{reason}; keep one of them")
    found.results = list(taken.values())
    return found


READERS: Final[Mapping[str, Callable[[Path], FolderResults]]] = {"lm_eval": read_lm_eval, "json": read_json}
"""What reads a folder, by the name of the format."""


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.glob(pattern) if path.is_file() and not path.name.startswith("."))


def _lm_eval_files(folder: Path) -> list[Path]:
    files = _files(folder, "results_*.json")
    if files:
        return files
    folders = sorted(path for path in folder.iterdir() if path.is_dir())
    deeper = {path: found for path in folders if (found := _files(path, "results_*.json"))}
    if len(deeper) > 1:
        names = ", ".join(path.name for path in deeper)
        raise UnusableResultsError(folder, f"it holds results of several models ({names}); scan this folder by itself")
    return next(iter(deeper.values()), [])


def _timestamp(path: Path) -> str:
    found = re.search(_TIMESTAMP, path.name)
    return found[0] if found else ""


def _load(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UnusableResultsError(path, f"larger than {_MAX_BYTES // 2**20} MiB, which is no file of results")
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UnusableResultsError(path, f"cannot be read ({error.strerror})") from error
    except RecursionError as error:
        raise UnusableResultsError(path, "nested too deeply") from error
    except ValueError as error:
        raise UnusableResultsError(path, f"not valid JSON ({error})") from error
    if not isinstance(content, dict):
        raise UnusableResultsError(path, f"holds {_kind(content)} instead of an object")
    return content


def _lm_eval_results(path: Path, content: Mapping[str, Any], found: FolderResults) -> Iterator[Result]:
    tasks = content.get("results")
    if not isinstance(tasks, dict):
        raise UnusableResultsError(path, 'has no object "results"; lm_eval writes {"results": {task: {metric: value}}}')
    shots = content.get("n-shot")
    for task, entries in tasks.items():
        if not isinstance(entries, dict):
            found.note(path, f"{task} is {_kind(entries)} instead of an object, and left out")
            continue
        count = shots.get(task) if isinstance(shots, dict) else None
        family = f"{task}_{count}shot" if isinstance(count, int) else task
        metrics = dict(_task_metrics(path, task, entries, found))
        samples = _samples_path(path, task)
        scores = {} if samples is None else _scores(samples, list(metrics), found)
        for (name, which), value in metrics.items():
            label = name if which == _NO_FILTER else f"{name},{which}"
            yield Result(family, label, value, scores.get((name, which)), samples)


def _task_metrics(
    path: Path, task: str, entries: Mapping[str, Any], found: FolderResults
) -> Iterator[tuple[tuple[str, str], float]]:
    for key, value in entries.items():
        name, _, which = key.partition(",")
        if not name.strip() or name in _BOOKKEEPING or name.endswith("_stderr"):
            continue
        if not _is_number(value):
            found.note(path, f"{task}/{key} is {_kind(value)} instead of a number, and left out")
            continue
        yield (name, which or _NO_FILTER), _number(path, f"{task}/{key}", value)


def _samples_path(path: Path, task: str) -> Path | None:
    """Gives the file with the samples of the same evaluation, or where a file says no time, the newest of the task."""
    stamp = _timestamp(path)
    if stamp:
        same = path.with_name(f"samples_{task}_{stamp}.jsonl")
        return same if same.is_file() else None
    pattern = re.compile(rf"samples_{re.escape(task)}(?:_{_TIMESTAMP})?\.jsonl")
    return max((each for each in path.parent.iterdir() if pattern.fullmatch(each.name)), key=_timestamp, default=None)


def _scores(samples: Path, metrics: list[tuple[str, str]], found: FolderResults) -> dict[tuple[str, str], list[float]]:
    by_metric: dict[tuple[str, str], dict[int, float]] = {metric: {} for metric in metrics}
    refused: dict[tuple[str, str], str] = {}
    try:
        for document in _documents(samples):
            _collect(document, by_metric, refused)
    except UnusableResultsError as error:
        found.note(samples, f"{error.reason}; its scores are left out")
        return {}
    for metric, of_documents in by_metric.items():
        if not of_documents:
            refused.setdefault(metric, "no document has a value")
    for (name, which), reason in refused.items():
        found.note(samples, f"no scores for {name},{which}: {reason}")
    return {
        metric: [of_documents[doc_id] for doc_id in sorted(of_documents)]
        for metric, of_documents in by_metric.items()
        if metric not in refused
    }


def _documents(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                document = json.loads(line)
                doc_id = document.get("doc_id") if isinstance(document, dict) else None
                if not isinstance(doc_id, int):
                    raise UnusableResultsError(path, f"line {number} has no whole number doc_id")
                yield document
    except OSError as error:
        raise UnusableResultsError(path, f"cannot be read ({error.strerror})") from error
    except RecursionError as error:
        raise UnusableResultsError(path, "nested too deeply") from error
    except ValueError as error:
        raise UnusableResultsError(path, f"not valid JSON lines ({error})") from error


def _collect(
    document: Mapping[str, Any],
    by_metric: Mapping[tuple[str, str], dict[int, float]],
    refused: dict[tuple[str, str], str],
) -> None:
    which, doc_id = document.get("filter", _NO_FILTER), document["doc_id"]
    for metric, of_documents in by_metric.items():
        name, wanted = metric
        if wanted != which or name not in document or metric in refused:
            continue
        value = document[name]
        if doc_id in of_documents:
            refused[metric] = f"document {doc_id} is there twice"
        elif not isinstance(value, int | float) or not _is_finite(value):
            refused[metric] = f"document {doc_id} has {_kind(value)}"
        else:
            of_documents[doc_id] = float(value)


def _plain_metrics(
    path: Path, content: Mapping[str, Any], found: FolderResults
) -> Iterator[tuple[str, str, int | float]]:
    for key, value in content.items():
        entries, family = (value, key) if isinstance(value, dict) else ({key: value}, DEFAULT_FAMILY)
        for name, number in entries.items():
            if _is_number(number) and name and family:
                yield family, name, number
            else:
                shown = f"{family}/{name}" if isinstance(value, dict) else name
                found.note(path, f"{shown!r} is {_kind(number)} instead of a named number, and left out")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _number(path: Path, what: str, value: float) -> float:
    if not _is_finite(value):
        shown = "too large a number" if isinstance(value, int) else str(value)
        raise UnusableResultsError(path, f"{what} is {shown}; a metric is one finite number")
    return float(value)


def _kind(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    kinds: dict[type, str] = {dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a number"}
    return kinds.get(type(value), "nothing" if value is None else "a number")
