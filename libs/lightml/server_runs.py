"""Reads runs of the tracker from its store in a PostgreSQL database.

Owns what `lab_logger.reading`, which stands on the standard library and reads files, cannot: the few facts of a run
that the registry asks for. It writes nothing; a run whose process is gone counts as running until the server says
otherwise.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lab_logger.errors import ParameterError
from lab_logger.record import loads
from lightml.connections import Address, looking

_SHOWN: Final = 10
_RUN: Final = """
    SELECT manifests.run_id, dataset_id, final_metrics_json, artifacts_json, status, project
    FROM manifests LEFT JOIN run_state ON run_state.run_id = manifests.run_id WHERE manifests.run_id = :id
"""
_BEGINNING: Final = """
    SELECT run_id FROM manifests
    WHERE run_id >= :beginning AND run_id < :end AND substr(run_id, 1, length(:beginning)) = :beginning
    ORDER BY run_id LIMIT :limit
"""
_LAST_CHARACTER: Final = chr(0x10FFFF)


def holds_runs(store: Address) -> bool:
    """Tells whether a database is a store of the tracker.

    Raises:
        RegistryUnavailableError: The database cannot be read.
    """
    with looking(store) as connection:
        return "manifests" in connection.tables()


def read_run(store: Address, run_id: str) -> Mapping[str, Any]:
    """Gives what the registry asks of a run.

    Args:
        store: The tracker's store.
        run_id: The run's id, or enough of its beginning.

    Returns:
        `run_id`, `dataset_id`, `status`, `project`, and, parsed, `final_metrics` and `artifacts`.

    Raises:
        ParameterError: No run, or more than one, has an id that begins so.
        RegistryUnavailableError: The database cannot be read, or is no store.
    """
    with looking(store) as connection:
        run = connection.execute(_RUN, {"id": run_id}).fetchone()
        if run is None:
            asked = {"beginning": run_id, "end": run_id + _LAST_CHARACTER, "limit": _SHOWN + 1}
            ids = [found for (found,) in connection.execute(_BEGINNING, asked)]
            _check_one(ids, run_id)
            run = connection.execute(_RUN, {"id": ids[0]}).fetchone()
    return {
        **{name: run[name] for name in ("run_id", "dataset_id", "status", "project")},
        "final_metrics": loads(run["final_metrics_json"], default={}),
        "artifacts": loads(run["artifacts_json"], default=[]),
    }


def _check_one(found: Sequence[str], beginning: str) -> None:
    if not beginning or not found:
        raise ParameterError(f"no run has an id that begins with {beginning!r}; the server's list shows the runs")
    if len(found) > 1:
        shown = ", ".join(found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
        raise ParameterError(f"several runs have an id that begins with {beginning!r}: {shown}; give more of it")
