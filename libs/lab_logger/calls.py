"""What a decorated call says: the parameters it binds, the dataset it names, the result it returns.

Owns reading calls and results. It must not touch a store.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lab_logger.errors import MetricValueError
from lab_logger.record import metric_number, to_jsonable

DATASET_PARAMS = ("dataset_id", "dataset_name", "task_name")
"""The parameters that name the dataset, the first one present wins."""

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


def bound_params(
    signature: inspect.Signature, args: Sequence[object], kwargs: Mapping[str, object], *, skip_first: bool
) -> dict[str, object]:
    """Gives every parameter of a call by name, defaults included.

    What `**kwargs` collects stands under its own names, what `*args` collects is a list under the name of `*args`.

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
        if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            params.update(value)
        elif value or signature.parameters[name].kind is not inspect.Parameter.VAR_POSITIONAL:
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
        if value is not None and isinstance(value, str | int):
            return str(value)
    return None


def read_outcome(result: object) -> Outcome:
    """Reads what a run returned.

    A mapping with `final_metrics` or `artifacts` is read by its keys, those two and `dataset_id` and `note`. Another
    mapping whose values are all numbers is taken as final metrics. Anything else says nothing about the run.
    """
    if not isinstance(result, Mapping):
        return Outcome()
    if any(key in result for key in _RESULT_KEYS):
        return _read_keyed(result)
    if result and all(isinstance(name, str) and is_number(name, value) for name, value in result.items()):
        return Outcome(metrics={name: metric_number(name, value) for name, value in result.items()})
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
        for name, value in returned.items():
            metrics[str(name)] = metric_number(str(name), value) if is_number(str(name), value) else to_jsonable(value)
    elif returned is not None:
        problems.append(f"final_metrics is a {type(returned).__name__}; return a dict of names and numbers")
    artifacts, unusable = _paths(result.get("artifacts"))
    problems += [f"the artifact {value!r} is no path; return paths as text or Path" for value in unusable]
    dataset_id, note = result.get("dataset_id"), result.get("note")
    return Outcome(
        metrics=metrics,
        artifacts=artifacts,
        dataset_id=None if dataset_id is None else str(dataset_id),
        note=None if note is None else str(note),
        problems=problems,
    )


def _paths(artifacts: object) -> tuple[list[str], list[object]]:
    if artifacts is None:
        return [], []
    values: Iterable[object]
    if isinstance(artifacts, Mapping):
        values = artifacts.values()
    elif isinstance(artifacts, Iterable) and not isinstance(artifacts, str | bytes):
        values = artifacts
    else:
        values = [artifacts]
    paths: list[str] = []
    unusable: list[object] = []
    for value in values:
        text = value.__fspath__() if hasattr(value, "__fspath__") else value
        if isinstance(text, str) and text:
            paths.append(text)
        else:
            unusable.append(value)
    return paths, unusable
