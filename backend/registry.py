"""The model registry behind `/registry`: where it is, and the library's answers made ready to be sent.

Owns what it means that a database or its tables are not there yet: lists are empty, and the first model makes them. All
else is `lightml`. What needs SciPy or openpyxl is imported when it is first asked for. It must not know HTTP.
"""

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from backend.errors import UnknownMetricError, close_names, list_names
from backend.registry_entries import AnyModelEntry, CheckpointEntry, MetricEntry, ModelEntry, RunModelEntry
from backend.registry_queries import (
    MetricsQuery,
    ModelLeaderboardQuery,
    ModelPairQuery,
    ModelsQuery,
    PivotQuery,
    StatsQuery,
)
from backend.shapes import Answer
from lightml import compare, lineage, overview, pivot
from lightml.checkpoints import register_checkpoint
from lightml.connections import Place, close, ensure, writing
from lightml.deletion import delete_model
from lightml.errors import RegistryMissingError
from lightml.lookup import find_models
from lightml.metrics import METRIC_INSERTED, METRIC_SKIPPED, METRIC_UPDATED, add_metric
from lightml.models.pivot import PivotColumn, PivotRow, PivotTable
from lightml.registry import find_parent, list_models, put_model, put_run
from lightml.tracker import register_run_model

_STATUSES = {METRIC_INSERTED: "inserted", METRIC_SKIPPED: "skipped", METRIC_UPDATED: "updated"}
_REFERENCE = re.compile(r"id:([0-9]{1,18})")
_NO_MODELS: Answer = {"runs": [], "families": [], "total_models": 0, "total_checkpoints": 0, "total_metrics": 0}

Block = list[PivotRow]
"""A model's row of the table, and those of its checkpoints."""


class Registry:
    """A registry, read and written through `lightml`.

    Every method raises a `LightMLError` for what the library refuses: `RegistryMissingError` where one model is asked
    for and there is no registry yet.

    Args:
        place: The registry's database.
        store_place: The tracker's store, which may be the same database.
        make_store: Makes the store where it is missing.
    """

    def __init__(self, place: Place, *, store_place: Place, make_store: Callable[[], object]) -> None:
        self._place = place
        self._store_place = store_place
        self._make_store = make_store

    def facets(self) -> Answer:
        """Gives `RegistryFacets`."""
        try:
            return overview.facets(self._place)
        except RegistryMissingError:
            return _NO_MODELS

    def models(self, query: ModelsQuery) -> tuple[list[Answer], int]:
        """Gives a page of `ModelSummary`, and how many fit in all."""
        try:
            return overview.find_summaries(
                self._place,
                run_name=query.run,
                text=query.q,
                source_run_id=query.source_run_id,
                limit=query.limit,
                offset=query.offset,
            )
        except RegistryMissingError:
            return [], 0

    def model(self, model_id: int) -> Answer:
        """Gives `ModelDetail`."""
        return overview.model_details(self._place, model_id)

    def register(self, entry: AnyModelEntry) -> tuple[Answer, bool]:
        """Registers a model; gives `RegisteredModel`, and whether it is new."""
        if self._place == self._store_place:
            # The tracker's store has its own schema, and whoever makes the database makes all of it.
            self._make_store()
        ensure(self._place)
        if isinstance(entry, RunModelEntry):
            return self._register_from_run(entry)
        model_id, is_new = self._register_by_name(entry)
        return {**self.model(model_id), "from_run": None}, is_new

    def delete(self, model_id: int) -> Answer:
        """Deletes a model; gives `DeletedModel`."""
        model = self.model(model_id)
        return delete_model(self._place, model["model_name"], model["run_name"]).model_dump(mode="json")

    def register_checkpoint(self, entry: CheckpointEntry) -> Answer:
        """Registers a checkpoint, or finds it; gives `Checkpoint`."""
        checkpoint_id = register_checkpoint(self._place, entry.run_name, entry.model_name, entry.step, entry.path)
        return overview.checkpoint(self._place, checkpoint_id)

    def metrics(self, query: MetricsQuery) -> tuple[list[Answer], int]:
        """Gives a page of `FoundMetric`, and how many fit in all."""
        try:
            return overview.find_metrics(
                self._place,
                model=query.model,
                family=query.family,
                metric=query.metric,
                run=query.run,
                limit=query.limit,
                offset=query.offset,
            )
        except RegistryMissingError:
            return [], 0

    def log_metric(self, entry: MetricEntry) -> Answer:
        """Logs a metric; gives `LoggedMetric`."""
        status = add_metric(
            self._place,
            entry.family,
            entry.metric_name,
            entry.value,
            entry.scores,
            self._name(entry.model_name) if entry.model_name is not None else None,
            entry.checkpoint_id,
            entry.run_name,
            entry.force,
        )
        return {"status": _STATUSES[status]}

    def pivot(self, query: PivotQuery) -> Answer:
        """Gives `Pivot`.

        Raises:
            UnknownMetricError: `sort` names a metric that the table does not have.
        """
        try:
            names = [self._name(model) for model in query.models] or None
            table = pivot.pivot(self._place, query.run, query.family, names, query.checkpoints)
        except RegistryMissingError:
            if query.models or query.run is not None or query.family is not None:
                raise
            table = PivotTable(families=[], columns=[], rows=[])
        blocks = _sorted(_filtered(_blocks(table.rows), query), table.columns, query)
        page = blocks[query.offset : query.offset + query.limit]
        return _sendable_document(
            {
                "families": table.families,
                "columns": [column.model_dump() for column in table.columns],
                "rows": [_row(row) for block in page for row in block],
                "total_models": len(blocks),
            }
        )

    def compare(self, query: ModelPairQuery) -> Answer:
        """Gives `ModelComparison`."""
        model_a, model_b = self._name(query.model_a), self._name(query.model_b)
        result = compare.compare_models(self._place, model_a, model_b, query.run, query.family)
        return _sendable_document({**result.to_dict(), "model_a": query.model_a, "model_b": query.model_b})

    def stats(self, query: StatsQuery) -> Answer:
        """Gives `ModelStats`."""
        from lightml.stats import compare_models_stats

        model_a, model_b = self._name(query.model_a), self._name(query.model_b)
        return _sendable_document(
            compare_models_stats(self._place, model_a, model_b, query.family, query.metric, run_name=query.run)
        )

    def leaderboard(self, query: ModelLeaderboardQuery) -> Answer:
        """Gives `ModelLeaderboard`."""
        from lightml.ranking import leaderboard

        found = leaderboard(self._place, query.family, query.metric, query.run, query.order)
        ids = {(model.run_name, model.model_name): model.id for model in list_models(self._place, query.run)}
        # A model that was deleted between the two readings is not on the board any more.
        rows = [
            {**row, "model_id": ids[row["run"], row["model"]]}
            for row in found["rows"]
            if (row["run"], row["model"]) in ids
        ]
        return _sendable_document({**found, "rows": rows[: query.top_k], "total_models": len(rows)})

    def lineage(self, run_name: str | None) -> Answer:
        """Gives `Lineage`."""
        try:
            return lineage.graph(self._place, run_name).model_dump(mode="json")
        except RegistryMissingError:
            if run_name is not None:
                raise
            return {"nodes": [], "edges": []}

    def workbook(self, run_name: str | None) -> bytes:
        """Gives every metric as an Excel workbook."""
        from lightml.export import export_excel

        with TemporaryDirectory(prefix="lightml-") as folder:
            return export_excel(self._place, Path(folder) / "registry.xlsx", run_name).read_bytes()

    def close(self) -> None:
        """Closes the connections that are kept; the next request opens new ones."""
        close(self._place)
        close(self._store_place)

    def _register_by_name(self, entry: ModelEntry) -> tuple[int, bool]:
        run_name, model_name = entry.run_name, entry.model_name
        with writing(self._place) as connection:
            known = {model.model_name for model in find_models(connection, model_name, run_name)}
            run_id = put_run(connection, run_name)
            parent_id = find_parent(connection, run_name, model_name, entry.parent_name, entry.parent_id)
            model_id = put_model(connection, run_id, model_name, entry.path, parent_id=parent_id)
        return model_id, model_name not in known

    def _register_from_run(self, entry: RunModelEntry) -> tuple[Answer, bool]:
        known = {model.id for model in list_models(self._place)}
        result = register_run_model(
            self._place,
            entry.from_run,
            entry.model_name,
            entry.run_name,
            artifact=entry.artifact,
            store=self._store_place,
            parent_name=entry.parent_name,
            allow_failed=entry.allow_failed,
            force=entry.force,
        )
        logged = result.model_dump(include={"family", "inserted", "updated", "skipped", "left_out"})
        return {**self.model(result.model_id), "from_run": logged}, result.model_id not in known

    def _name(self, model: str) -> str:
        """Gives a model's name as the library takes it, also for `id:NUMBER`."""
        reference = _REFERENCE.fullmatch(model)
        return model if reference is None else overview.name_of(self._place, int(reference[1]))


def _blocks(rows: Sequence[PivotRow]) -> list[Block]:
    blocks: list[Block] = []
    for row in rows:
        if row.checkpoint_id is None:
            blocks.append([])
        blocks[-1].append(row)
    return blocks


def _filtered(blocks: Sequence[Block], query: PivotQuery) -> list[Block]:
    text = (query.q or "").casefold()
    return [
        block
        for block in blocks
        if any(text in (name or "").casefold() for name in (block[0].model_name, block[0].path, block[0].run_name))
        and (not query.measured or any(value is not None for row in block for value in row.values))
    ]


def _sorted(blocks: list[Block], columns: Sequence[PivotColumn], query: PivotQuery) -> list[Block]:
    by, _, metric = query.sort.partition(":")
    if by != "metric":
        first = {"model": lambda row: (row.model_name, row.run_name), "run": lambda row: (row.run_name, row.model_name)}
        return sorted(blocks, key=lambda block: first[by](block[0]), reverse=query.order == "desc")
    names = [f"{column.family}/{column.metric_name}" for column in columns]
    if metric not in names:
        likely = close_names(metric, names)
        raise UnknownMetricError(f"the table has no metric {metric!r}; it has {list_names(likely)}", candidates=likely)
    at = names.index(metric)
    sign = -1 if (query.order or columns[at].order) == "desc" else 1
    return sorted(blocks, key=lambda block: _place(block[0].values[at], sign))


def _place(value: float | None, sign: int) -> tuple[bool, float]:
    return value is None, sign * (value or 0.0)


def _row(row: PivotRow) -> Answer:
    kind = "model" if row.checkpoint_id is None else "checkpoint"
    return {"kind": kind, **row.model_dump(exclude={"n_samples"})}


def _sendable_document(document: Answer) -> Answer:
    """Gives a document without infinities, which another program may have stored and JSON cannot hold."""
    return {name: _sendable(value) for name, value in document.items()}


def _sendable(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _sendable(item) for name, item in value.items()}
    return [_sendable(item) for item in value] if isinstance(value, list) else value
