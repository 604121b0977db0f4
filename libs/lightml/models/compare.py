"""What a comparison of two models is."""

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict

Verdict = Literal["improved", "regressed", "unchanged", "missing"]
_VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


class MetricDelta(BaseModel):
    """One metric of two models, A the baseline and B the candidate.

    Attributes:
        family: The metric's family.
        metric_name: Its name.
        value_a: The baseline's value, None where it has none.
        value_b: The candidate's value, None where it has none.
        delta: B - A; None where a value is missing.
        pct_change: `100 * delta / |value_a|`; None where a value is missing or A is zero.
        verdict: Whether B is better, worse, equal, or cannot be compared; less is better for losses, errors and times.
    """

    model_config = ConfigDict(protected_namespaces=())

    family: str
    metric_name: str
    value_a: float | None
    value_b: float | None
    delta: float | None
    pct_change: float | None
    verdict: Verdict


class CompareResult(BaseModel):
    """Two models side by side.

    Attributes:
        model_a: The baseline.
        model_b: The candidate.
        run_name: The run both were looked for in, or None for every run.
        family: The only family compared, or None for all.
        deltas: Every metric that either has, by family, and in the order they were logged.
    """

    model_config = ConfigDict(protected_namespaces=())

    model_a: str
    model_b: str
    run_name: str | None = None
    family: str | None = None
    deltas: list[MetricDelta] = []

    @property
    def improved(self) -> list[MetricDelta]:
        """The metrics that are better in B."""
        return self._with("improved")

    @property
    def regressed(self) -> list[MetricDelta]:
        """The metrics that are worse in B."""
        return self._with("regressed")

    @property
    def unchanged(self) -> list[MetricDelta]:
        """The metrics that are the same in both."""
        return self._with("unchanged")

    @property
    def missing(self) -> list[MetricDelta]:
        """The metrics that only one of them has."""
        return self._with("missing")

    def _with(self, verdict: Verdict) -> list[MetricDelta]:
        return [delta for delta in self.deltas if delta.verdict == verdict]

    def to_dict(self) -> dict[str, Any]:
        """Gives the result as JSON types, with the deltas by verdict and a `summary` of how many there are of each."""
        return {
            **self.model_dump(mode="json"),
            **{verdict: [delta.model_dump(mode="json") for delta in self._with(verdict)] for verdict in _VERDICTS},
            "summary": {verdict: len(self._with(verdict)) for verdict in _VERDICTS},
        }

    def to_text(self, *, color: bool | None = None) -> str:
        """Gives the result as a table for a terminal.

        Args:
            color: Whether to colour it; None decides by the terminal and by NO_COLOR.
        """
        from lightml.tables import compare_text

        return compare_text(self, color=color)
