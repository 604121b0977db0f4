"""What is known of one run, as tables: final metrics, parameters, machine and packages.

Owns pure functions from a run to data frames of text. It must not import Streamlit.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import pandas as pd

from backend.models import RunDetail
from tools.directions import better_order
from ui.formatting import duration_text, parse_moment, size_text, value_text
from ui.smoothing import finite_values

MAX_VALUE_CHARS: Final = 2_000
"""So much of a parameter's value stands in the table; the download holds all of it."""

_REQUIREMENT: Final = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)\s*(?:==\s*(?P<version>\S+)|@\s*(?P<source>\S+))")
_DEVICE: Final = {
    "host": "host",
    "os": "system",
    "machine": "architecture",
    "cpu_model": "processor",
    "cpu_count": "cores",
    "cpu_usable_count": "cores it may use",
    "ram_bytes": "memory",
    "python_implementation": "interpreter",
    "cuda_visible_devices": "CUDA_VISIBLE_DEVICES",
}


def metrics_table(run: RunDetail, curves: pd.DataFrame) -> pd.DataFrame:
    """Gives the final metrics of a run, beside the best value on the way where it was logged live.

    Returns:
        Columns `metric`, `final`, `best` and `step` (of the best), as text; the last two only where there are curves of
        one of the metrics. Which value is best goes by the metric's name (`tools.directions`).
    """
    rows = [{"metric": name, "final": value_text(value)} for name, value in run.final_metrics.items()]
    table = pd.DataFrame(rows, columns=["metric", "final"])
    best = {name: _best(curves[curves["series"] == name], name) for name in run.final_metrics}
    if not any(best.values()):
        return table
    empty = ("–", "–")
    return table.assign(
        best=[(best.get(name) or empty)[0] for name in table["metric"]],
        step=[(best.get(name) or empty)[1] for name in table["metric"]],
    )


def latest_table(curves: pd.DataFrame) -> pd.DataFrame:
    """Gives the last value of each series of a run that has no final metrics yet: `metric`, `latest`, `step`."""
    last = curves.groupby("series", sort=False).tail(1)
    rows = {
        "metric": last["series"],
        "latest": [value_text(value) for value in last["value"]],
        "step": [f"{step:,}" for step in last["step"]],
    }
    return pd.DataFrame(rows)


def params_table(params: Mapping[str, Any]) -> pd.DataFrame:
    """Gives parameters as `param` and `value`; what lies inside an object goes by its dotted path."""
    rows = [{"param": name, "value": _param_text(value)} for name, value in flat_params(params)]
    return pd.DataFrame(rows, columns=["param", "value"])


def device_table(device_info: str | None) -> pd.DataFrame:
    """Gives what is known of the machine as `fact` and `value`; what another program wrote is shown as it stands."""
    try:
        device = json.loads(device_info or "{}")
    except ValueError:
        device = device_info
    facts = device if isinstance(device, dict) else {"device": device}
    rows = [
        {"fact": _DEVICE.get(name, name), "value": size_text(value) if name == "ram_bytes" else value_text(value)}
        for name, value in facts.items()
        if name != "gpus" and value is not None
    ]
    gpus = facts.get("gpus")
    rows += [
        {"fact": f"GPU {at}", "value": _gpu_text(gpu)} for at, gpu in enumerate(gpus if isinstance(gpus, list) else [])
    ]
    if gpus == []:
        rows.append({"fact": "GPU", "value": "none"})
    return pd.DataFrame(rows, columns=["fact", "value"])


def packages_table(pip_freeze: str | None) -> pd.DataFrame:
    """Gives installed packages as `package` and `version`; a line of another form stands as it is."""
    rows = []
    for line in (pip_freeze or "").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        match = _REQUIREMENT.fullmatch(line.strip())
        name, version = (match["name"], match["version"] or match["source"]) if match else (line.strip(), None)
        rows.append({"package": name, "version": version})
    return pd.DataFrame(rows, columns=["package", "version"])


def elapsed_text(run: RunDetail, *, now: datetime) -> str:
    """Says how long a run took, or has been running."""
    started = parse_moment(run.started_at or run.timestamp)
    if run.status == "running" and started is not None:
        return duration_text(max(0.0, (now - started).total_seconds()))
    return duration_text(run.duration_s)


def last_line(error: str) -> str:
    """Gives the last line of a traceback, which says what went wrong, cut to a length that a heading bears."""
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def _best(points: pd.DataFrame, name: str) -> tuple[str, str] | None:
    values = finite_values(points["value"]).dropna()
    if values.empty:
        return None
    at = int(values.argmin() if better_order(name) == "asc" else values.argmax())
    return value_text(float(values.iloc[at])), f"{points.loc[values.index, 'step'].iloc[at]:,}"


def flat_params(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Gives parameters by name; what lies inside an object goes by its dotted path."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from flat_params(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _param_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[:MAX_VALUE_CHARS]}…"


def _gpu_text(gpu: object) -> str:
    if not isinstance(gpu, dict):
        return value_text(gpu)
    size = gpu.get("memory_bytes")
    memory = size_text(size) if isinstance(size, int) else None
    driver = f"driver {gpu['driver']}" if gpu.get("driver") else None
    return ", ".join(str(part) for part in (gpu.get("name"), memory, driver) if part)
