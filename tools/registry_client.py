"""The part of the HTTP client that asks about the model registry: `LabClient.registry` and `AsyncLabClient.registry`.

Owns the methods, and nothing else: the client that it belongs to sends, `registry_calls` says what.
"""

import asyncio
import os
from pathlib import Path
from typing import Protocol, TypeVar, Unpack

from backend.registry_models import (
    Checkpoint,
    DeletedModel,
    LoggedMetric,
    ModelDetail,
    RegisteredModel,
    RegistryFacets,
)
from backend.registry_views import Lineage, ModelComparison, ModelLeaderboard, ModelStats, Pivot
from tools import registry_calls
from tools.calls import Call
from tools.registry_calls import (
    MetricOptions,
    MetricPage,
    MetricPatterns,
    ModelFilters,
    ModelOptions,
    ModelPage,
    PivotOptions,
    RankingOptions,
    RunModelOptions,
)
from tools.whole_file import whole_file

Answer = TypeVar("Answer")


class Send(Protocol):
    """What sends a call and gives its answer."""

    def __call__(self, call: Call[Answer]) -> Answer:
        """Sends a call."""


class AsyncSend(Protocol):
    """What sends a call and gives its answer, awaited."""

    async def __call__(self, call: Call[Answer]) -> Answer:
        """Sends a call."""


class RegistryClient:
    """Asks about the model registry; each method raises a `LabClientError` as those of `LabClient` do.

    Where a model is asked for by `str`, its name will do where it is the only one, else `RUN/MODEL` or `id:NUMBER`.
    """

    def __init__(self, send: Send) -> None:
        self._send = send

    def facets(self) -> RegistryFacets:
        """Asks for the registry's own vocabulary: its runs, and the families with their metrics."""
        return self._send(registry_calls.facets())

    def models(self, **filters: Unpack[ModelFilters]) -> ModelPage:
        """Lists models by run and name."""
        return self._send(registry_calls.models(filters))

    def model(self, model_id: int) -> ModelDetail:
        """Gives everything about one model, its per-sample scores aside."""
        return self._send(registry_calls.model(model_id))

    def register_model(self, run_name: str, model_name: str, **options: Unpack[ModelOptions]) -> RegisteredModel:
        """Registers a model, or updates what is given of the one that is known."""
        return self._send(registry_calls.register_model(run_name, model_name, options))

    def register_run_model(self, run_id: str, **options: Unpack[RunModelOptions]) -> RegisteredModel:
        """Registers the model that a run of the tracker left, with the run's final metrics and a link back to it."""
        return self._send(registry_calls.register_run_model(run_id, options))

    def delete_model(self, model_id: int) -> DeletedModel:
        """Deletes a model with its checkpoints and metrics."""
        return self._send(registry_calls.delete_model(model_id))

    def register_checkpoint(self, run_name: str, model_name: str, step: int, *, path: str | None = None) -> Checkpoint:
        """Registers a checkpoint of a model, or finds the one of this step and path."""
        return self._send(registry_calls.register_checkpoint(run_name, model_name, step=step, path=path))

    def metrics(self, **patterns: Unpack[MetricPatterns]) -> MetricPage:
        """Lists the metrics of models whose names fit patterns."""
        return self._send(registry_calls.metrics(patterns))

    def log_metric(self, family: str, metric_name: str, value: float, **options: Unpack[MetricOptions]) -> LoggedMetric:
        """Logs a metric of a model or a checkpoint; one that is there stays, unless `force` is set."""
        return self._send(registry_calls.log_metric(family, metric_name, value, options))

    def pivot(self, **options: Unpack[PivotOptions]) -> Pivot:
        """Gives models against metrics."""
        return self._send(registry_calls.pivot(options))

    def compare(
        self, model_a: str, model_b: str, *, run: str | None = None, family: str | None = None
    ) -> ModelComparison:
        """Compares the metrics of a baseline and a candidate."""
        return self._send(registry_calls.compare(model_a, model_b, run=run, family=family))

    def stats(self, model_a: str, model_b: str, *, family: str, metric: str, run: str | None = None) -> ModelStats:
        """Tests whether the difference of two models is real, on the scores stored with a metric of both."""
        return self._send(registry_calls.stats(model_a, model_b, family=family, metric=metric, run=run))

    def leaderboard(self, family: str, metric: str, **options: Unpack[RankingOptions]) -> ModelLeaderboard:
        """Ranks models by a metric; those that the scores cannot tell apart share a rank."""
        return self._send(registry_calls.leaderboard(family, metric, options))

    def lineage(self, *, run: str | None = None) -> Lineage:
        """Gives the models of a run, or all, and which was made from which."""
        return self._send(registry_calls.lineage(run))

    def export_bytes(self, *, run: str | None = None) -> bytes:
        """Gives every metric of a run, or of all, as an Excel workbook."""
        return self._send(registry_calls.export(run))

    def export(self, to: str | os.PathLike[str], *, run: str | None = None) -> int:
        """Writes the workbook into a file, which replaces one that is there, and gives how many bytes it has.

        Raises:
            OSError: The file cannot be written.
        """
        return _write(to, self.export_bytes(run=run))


class AsyncRegistryClient:
    """A client to await, with the same methods, answers and errors as `RegistryClient`."""

    def __init__(self, send: AsyncSend) -> None:
        self._send = send

    async def facets(self) -> RegistryFacets:
        """See `RegistryClient.facets`."""
        return await self._send(registry_calls.facets())

    async def models(self, **filters: Unpack[ModelFilters]) -> ModelPage:
        """See `RegistryClient.models`."""
        return await self._send(registry_calls.models(filters))

    async def model(self, model_id: int) -> ModelDetail:
        """See `RegistryClient.model`."""
        return await self._send(registry_calls.model(model_id))

    async def register_model(self, run_name: str, model_name: str, **options: Unpack[ModelOptions]) -> RegisteredModel:
        """See `RegistryClient.register_model`."""
        return await self._send(registry_calls.register_model(run_name, model_name, options))

    async def register_run_model(self, run_id: str, **options: Unpack[RunModelOptions]) -> RegisteredModel:
        """See `RegistryClient.register_run_model`."""
        return await self._send(registry_calls.register_run_model(run_id, options))

    async def delete_model(self, model_id: int) -> DeletedModel:
        """See `RegistryClient.delete_model`."""
        return await self._send(registry_calls.delete_model(model_id))

    async def register_checkpoint(
        self, run_name: str, model_name: str, step: int, *, path: str | None = None
    ) -> Checkpoint:
        """See `RegistryClient.register_checkpoint`."""
        return await self._send(registry_calls.register_checkpoint(run_name, model_name, step=step, path=path))

    async def metrics(self, **patterns: Unpack[MetricPatterns]) -> MetricPage:
        """See `RegistryClient.metrics`."""
        return await self._send(registry_calls.metrics(patterns))

    async def log_metric(
        self, family: str, metric_name: str, value: float, **options: Unpack[MetricOptions]
    ) -> LoggedMetric:
        """See `RegistryClient.log_metric`."""
        return await self._send(registry_calls.log_metric(family, metric_name, value, options))

    async def pivot(self, **options: Unpack[PivotOptions]) -> Pivot:
        """See `RegistryClient.pivot`."""
        return await self._send(registry_calls.pivot(options))

    async def compare(
        self, model_a: str, model_b: str, *, run: str | None = None, family: str | None = None
    ) -> ModelComparison:
        """See `RegistryClient.compare`."""
        return await self._send(registry_calls.compare(model_a, model_b, run=run, family=family))

    async def stats(
        self, model_a: str, model_b: str, *, family: str, metric: str, run: str | None = None
    ) -> ModelStats:
        """See `RegistryClient.stats`."""
        return await self._send(registry_calls.stats(model_a, model_b, family=family, metric=metric, run=run))

    async def leaderboard(self, family: str, metric: str, **options: Unpack[RankingOptions]) -> ModelLeaderboard:
        """See `RegistryClient.leaderboard`."""
        return await self._send(registry_calls.leaderboard(family, metric, options))

    async def lineage(self, *, run: str | None = None) -> Lineage:
        """See `RegistryClient.lineage`."""
        return await self._send(registry_calls.lineage(run))

    async def export_bytes(self, *, run: str | None = None) -> bytes:
        """See `RegistryClient.export_bytes`."""
        return await self._send(registry_calls.export(run))

    async def export(self, to: str | os.PathLike[str], *, run: str | None = None) -> int:
        """See `RegistryClient.export`."""
        return await asyncio.to_thread(_write, to, await self.export_bytes(run=run))


def _write(to: str | os.PathLike[str], content: bytes) -> int:
    with whole_file(Path(to)) as file:
        file.write(content)
    return len(content)
