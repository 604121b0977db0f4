"""What a decorated call says: the parameters it binds, the dataset it names, the result it returns.

Owns reading calls and results. It must not touch a store.
"""

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lab_logger.errors import MetricValueError
from lab_logger.record import dumps, metric_number, to_jsonable

DATASET_PARAMS = ("dataset_id", "dataset_name", "task_name")
"""The parameters that name the dataset, the first one present wins."""

_TEXT_KEYS = ("dataset_id", "note")
_RESULT_KEYS = ("final_metrics", "artifacts")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run returned.

    Attributes:
        metrics: Final metrics by name: numbers, and whatever else was returned under them as JSON.
        artifacts: Paths in the order given.
        dataset_id: The dataset, when the result names one.
        note: The note, when the result has one.
        problems: What could not be used, in words.
    """

    metrics: Mapping[str, object] = field(default_factory=dict)
    artifacts: Sequence[str] = ()
    dataset_id: str | None = None
    note: str | None = None
    problems: Sequence[str] = ()


def params_of_call(
    function: Callable[..., object], signature: inspect.Signature, args: Sequence[object], kwargs: Mapping[str, object]
) -> dict[str, object] | None:
    """Gives every parameter of a call of a function by name, or None when the call does not fit the function.

    A wrapper that says it has the signature of what it wraps, and takes other arguments, is bound as it really is.
    """
    skip_first = is_method(function, signature)
    try:
        return bound_params(signature, args, kwargs, skip_first=skip_first)
    except TypeError:
        if not hasattr(function, "__wrapped__"):
            return None
    try:
        return bound_params(inspect.signature(function, follow_wrapped=False), args, kwargs, skip_first=False)
    except TypeError:
        return None


def bound_params(
    signature: inspect.Signature, args: Sequence[object], kwargs: Mapping[str, object], *, skip_first: bool
) -> dict[str, object]:
    """Gives every parameter of a call by name, defaults included.

    What `**kwargs` collects stands under its own names (behind `kwargs.` where a positional parameter has that name),
    what `*args` collects is a list under the name of `*args`.

    Args:
        signature: The function's signature.
        args: The positional arguments.
        kwargs: The keyword arguments.
        skip_first: Whether the first parameter is the instance or class of a method, which is no parameter of the run.

    Raises:
        TypeError: The call does not fit the signature.
    """
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    params: dict[str, object] = {}
    for position, (name, value) in enumerate(bound.arguments.items()):
        if position == 0 and skip_first:
            continue
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            params.update({key if key not in params else f"{name}.{key}": item for key, item in value.items()})
        elif kind is not inspect.Parameter.VAR_POSITIONAL or len(value) > 0:  # no truth of a value: an array has none
            params[name] = value
    return params


def is_method(function: Callable[..., object], signature: inspect.Signature) -> bool:
    """Tells whether a function is defined in a class and takes the instance or class first."""
    first = next(iter(signature.parameters), None)
    return first in ("self", "cls") and "." in getattr(function, "__qualname__", "").rpartition("<locals>")[2]


def dataset_of(params: Mapping[str, object]) -> str | None:
    """Gives the dataset that the parameters name, or None."""
    for name in DATASET_PARAMS:
        value = params.get(name)
        if isinstance(value, str | int):
            return _text(value)
    return None


def read_outcome(result: object) -> Outcome:
    """Reads what a run returned.

    A mapping with `final_metrics` or `artifacts` is read by its keys, those two and `dataset_id` and `note`. Another
    mapping whose values, `dataset_id` and `note` aside, are all numbers is taken as final metrics. Anything else says
    nothing about the run. Never raises: a mapping whose own methods do is one of the problems.
    """
    try:
        return _read_mapping(result) if isinstance(result, Mapping) else Outcome()
    except Exception as error:  # noqa: BLE001 - a foreign mapping's own methods may raise anything
        return Outcome(problems=[f"what it returned cannot be read ({_text(error)}); return a plain dict"])


def _read_mapping(result: Mapping[Any, object]) -> Outcome:
    if any(key in result for key in _RESULT_KEYS):
        return _read_keyed(result)
    flat = {name: value for name, value in result.items() if name not in _TEXT_KEYS}
    if flat and all(isinstance(name, str) and is_number(name, value) for name, value in flat.items()):
        return _read_keyed({**result, "final_metrics": flat})
    return Outcome()


def is_number(name: str, value: object) -> bool:
    """Tells whether a value can be a metric."""
    try:
        metric_number(name, value)
    except MetricValueError:
        return False
    return True


def _read_keyed(result: Mapping[object, object]) -> Outcome:
    problems = []
    metrics: dict[str, object] = {}
    returned = result.get("final_metrics")
    if isinstance(returned, Mapping):
        for key, value in returned.items():
            name = _text(key)
            metrics[name] = metric_number(name, value) if is_number(name, value) else to_jsonable(value)
    elif returned is not None:
        problems.append(f"final_metrics is a {type(returned).__name__}; return a dict of names and numbers")
    artifacts, unusable = _paths(result.get("artifacts"))
    problems += [f"the artifact {_text(value)} is no path; return paths as text or Path" for value in unusable]
    dataset_id, note = result.get("dataset_id"), result.get("note")
    return Outcome(
        metrics=metrics,
        artifacts=artifacts,
        dataset_id=None if dataset_id is None else _text(dataset_id),
        note=None if note is None else _text(note),
        problems=problems,
    )


def _path_text(value: object) -> str:
    """Gives a path as text, or no text for what is no path."""
    try:
        return os.fsdecode(value) if isinstance(value, str | bytes | os.PathLike) else ""
    except Exception:  # noqa: BLE001 - a foreign path's own method may raise anything
        return ""


def _text(value: object) -> str:
    """Gives any value as text: a text as it is, anything else as JSON says it."""
    if isinstance(value, str):
        return str.__str__(value)
    said = to_jsonable(value)
    return said if isinstance(said, str) else dumps(said)


def _paths(artifacts: object) -> tuple[list[str], list[object]]:
    if artifacts is None:
        return [], []
    values: Iterable[object]
    if isinstance(artifacts, Mapping):
        values = artifacts.values()
    elif isinstance(artifacts, Iterable) and not isinstance(artifacts, str | bytes | Iterator):
        values = artifacts
    else:
        values = [artifacts]
    paths: list[str] = []
    unusable: list[object] = []
    for value in values:
        text = _path_text(value)
        if text:
            paths.append(text)
        else:
            unusable.append(value)
    return paths, unusable
