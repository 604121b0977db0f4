from collections.abc import Mapping
from typing import Any

from backend.models import RunSummary
from ui.comparing import Compared, side_by_side


def a_run(
    run_id: str, *, params: Mapping[str, Any] | None = None, metrics: Mapping[str, Any] | None = None
) -> RunSummary:
    return RunSummary(
        run_id=run_id,
        timestamp="2025-12-01T10:00:00.000000Z",
        git_hash=None,
        command="python run.py",
        dataset_id="iris",
        wandb_url=None,
        final_metrics=dict(metrics or {}),
        note=None,
        status="finished",
        params=dict(params or {}),
        duration_s=None,
        tags=[],
    )


def compared(*runs: tuple[Mapping[str, Any], Mapping[str, Any]]) -> Compared:
    """Runs side by side from their parameters and metrics; their ids are run-0, run-1 and so on."""
    return side_by_side(
        [a_run(f"run-{at}", params=params, metrics=metrics) for at, (params, metrics) in enumerate(runs)]
    )
