"""The handle on one run of a registry, which everything can be done through.

Owns the run's name and nothing else: each method is the function of the module it names, in this run. What is written
stays in this run; a model whose scores are read is looked for in this run first, and then in the others.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from lightml import checkpoints, deletion, metrics, registry, tracker
from lightml import search as searching
from lightml.connections import Database, Place, locate
from lightml.errors import InvalidEntryError
from lightml.models.delete import DeleteResult
from lightml.models.tracker import RunModelResult


class LightMLHandle:
    """One run of a registry.

    Attributes:
        db: Where the registry is: its file, as an absolute path, or its address.
        run_name: The run's name.
    """

    def __init__(self, db: Database, run_name: str) -> None:
        """Makes the registry and the run where they are missing.

        Args:
            db: The registry's file or `postgresql://` address; None for the tracker's own store.
            run_name: The run's name.

        Raises:
            RegistryError: The file is no registry, or cannot be written.
            InvalidEntryError: The name is blank.
        """
        registry.create_run(db, run_name)
        self.db: Place = locate(db)
        self.run_name = run_name

    def register_model(
        self,
        model_name: str,
        path: str | os.PathLike[str] | None = None,
        parent_name: str | None = None,
        parent_id: int | None = None,
    ) -> int:
        """Registers a model and gives its id, as `registry.register_model` does; twice is the same as once."""
        return registry.register_model(self.db, self.run_name, model_name, path, parent_name, parent_id)

    def register_run_model(
        self,
        run_id: str,
        model_name: str | None = None,
        *,
        artifact: str | None = None,
        store: Database = None,
        parent_name: str | None = None,
        allow_failed: bool = False,
        force: bool = False,
    ) -> RunModelResult:
        """Registers the model that a run of the tracker made, with its metrics: `tracker.register_run_model`."""
        return tracker.register_run_model(
            self.db,
            run_id,
            model_name,
            self.run_name,
            artifact=artifact,
            store=store,
            parent_name=parent_name,
            allow_failed=allow_failed,
            force=force,
        )

    def register_checkpoint(self, model_name: str, step: int, path: str | os.PathLike[str] | None = None) -> int:
        """Registers a checkpoint and gives its id, as `checkpoints.register_checkpoint` does."""
        return checkpoints.register_checkpoint(self.db, self.run_name, model_name, step, path)

    def find_checkpoint(self, model_name: str, step: int, path_hint: str | None = None) -> int | None:
        """Gives the id of a checkpoint of this run, or None, as `checkpoints.find_checkpoint` does."""
        return checkpoints.find_checkpoint(self.db, self.run_name, model_name, step, path_hint)

    def log_model_metric(  # noqa: PLR0917 - existing code passes them in order
        self,
        model_name: str,
        family: str,
        metric_name: str,
        value: float,
        scores: Iterable[float] | None = None,
        force: bool = False,
    ) -> int:
        """Logs a metric of a model of this run, as `metrics.add_metric` does.

        Returns:
            METRIC_INSERTED, METRIC_SKIPPED or METRIC_UPDATED of `lightml.metrics`.
        """
        return metrics.add_metric(
            self.db, family, metric_name, value, scores, model_name=model_name, run_name=self.run_name, force=force
        )

    def log_checkpoint_metric(  # noqa: PLR0917 - existing code passes them in order
        self,
        checkpoint_id: int,
        family: str,
        metric_name: str,
        value: float,
        scores: Iterable[float] | None = None,
        force: bool = False,
    ) -> int:
        """Logs a metric of a checkpoint, of whichever run, as `metrics.add_metric` does.

        Returns:
            METRIC_INSERTED, METRIC_SKIPPED or METRIC_UPDATED of `lightml.metrics`.
        """
        return metrics.add_metric(self.db, family, metric_name, value, scores, checkpoint_id=checkpoint_id, force=force)

    def log_metrics(
        self, model_name: str, metrics_dict: Mapping[str, Mapping[str, float]], force: bool = False
    ) -> dict[str, int]:
        """Logs a whole evaluation, `{family: {metric_name: value}}`: all of it, or nothing if one value is refused.

        Returns:
            How many metrics were "inserted", "updated" and "skipped".

        Raises:
            LightMLError: As `metrics.add_metric` does for any of them.
        """
        entries = [
            metrics.make_entry(family, name, value, model_name=model_name)
            for family, values in _mapping("evaluation", metrics_dict).items()
            for name, value in _mapping(f"family {family!r}", values).items()
        ]
        return metrics.add_metrics(self.db, entries, self.run_name, force=force)

    def log_metrics_flat(
        self, model_name: str, metrics_dict: Mapping[str, float], family: str, force: bool = False
    ) -> dict[str, int]:
        """Logs the metrics of one family, `{metric_name: value}`, as `log_metrics` does."""
        return self.log_metrics(model_name, {family: metrics_dict}, force=force)

    def get_detailed_scores(self, model_name: str, family: str, metric_name: str) -> list[float] | None:
        """Gives the per-sample scores of a metric, or None, as `metrics.get_detailed_scores` does."""
        return metrics.get_detailed_scores(self.db, model_name, family, metric_name, prefer_run=self.run_name)

    def compare_stats(self, model_a: str, model_b: str, family: str, metric_name: str) -> dict[str, Any]:
        """Compares two models by the per-sample scores of a metric, as `stats.compare_stats` says.

        Raises:
            UnknownNameError: There is no such model, or it has no scores for this metric.
            ScoresError: The two have a different number of scores.
        """
        from lightml.stats import compare_models_stats

        return compare_models_stats(self.db, model_a, model_b, family, metric_name, prefer_run=self.run_name)

    def model_exists(self, model_name: str) -> bool:
        """Tells whether any run has a model of this name."""
        return searching.model_exists(self.db, model_name)

    def metric_exists(self, model_name: str, family: str, metric_name: str) -> bool:
        """Tells whether a model of this name, in any run, has this metric."""
        return searching.metric_exists(self.db, model_name, family, metric_name)

    def run_metric_exists(self, model_name: str, family: str, metric_name: str) -> bool:
        """Tells whether the model of this name in this run has this metric."""
        return searching.metric_exists(self.db, model_name, family, metric_name, self.run_name)

    def search(
        self,
        model: str | None = None,
        family: str | None = None,
        metric: str | None = None,
        run: str | None = None,
    ) -> list[dict[str, Any]]:
        """Finds models or metrics by pattern, in every run unless one is given, as `search.search` does."""
        return searching.search(self.db, model, family, metric, run)

    def delete_model(self, model_name: str) -> DeleteResult:
        """Deletes the model of this name in this run, as `deletion.delete_model` does."""
        return deletion.delete_model(self.db, model_name, self.run_name)


def _mapping(what: str, values: object) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise InvalidEntryError(
            f"the {what} is a {type(values).__name__}; give {{family: {{metric_name: value}}}},"
            " or the metrics of one family to log_metrics_flat"
        )
    return values
