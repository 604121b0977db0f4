"""The query parameters of the list endpoints: names, types, limits, and what they mean.

Owns checking each by itself and against the others. How they become SQL is `filters` and `ordering`.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from backend.models import NO_NUL, FacetPart, LongField, Status
from backend.timestamps import read_moment

MAX_PAGE = 500
MAX_TEXT_CHARS = 1_000
MAX_REPEATS = 50
MAX_OFFSET = 2**31 - 1
MAX_POINTS = 1_000_000
MAX_CURVE_POINTS = 10_000

Order = Literal["asc", "desc"]
SORT_PATTERN = r"^(timestamp|duration|status|dataset_id|command|note|relevance|(metric|param):[^\x00]+)$"

_ANY_TIME: dict[str, Any] = {"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}

Text = Annotated[str, StringConstraints(max_length=MAX_TEXT_CHARS, pattern=NO_NUL)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT_CHARS, pattern=NO_NUL)]
ParamFilter = Annotated[str, StringConstraints(max_length=2 * MAX_TEXT_CHARS, pattern=r"^[^\x00:]+:[^\x00]*$")]


def _check_moment(text: str) -> str:
    try:
        read_moment(text)
    except ValueError as error:
        raise PydanticCustomError("moment", "{reason}", {"reason": str(error)}) from error
    return text


MomentText = Annotated[str, StringConstraints(max_length=100), AfterValidator(_check_moment)]


class RunQuery(BaseModel):
    """Which runs, in which order, how many of them. Every filter that is given must hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset_id: Text | None = Field(None, description="Runs on this dataset, exactly.", examples=["iris"])
    command_substring: Text | None = Field(
        None,
        description="Runs whose command holds this text. Case does not count for ASCII letters; `%` and `_` are plain.",
        examples=["--model_name linear_svm"],
    )
    from_timestamp: MomentText | None = Field(
        None,
        description="Runs that started then or later. A date, which means from its beginning, or a time; UTC unless it "
        "has an offset. Runs without a known time never fit.",
        examples=["2025-12-01"],
        json_schema_extra=_ANY_TIME,
    )
    to_timestamp: MomentText | None = Field(
        None,
        description="Runs that started then or earlier. A date means to its end.",
        examples=["2025-12-01T18:00:00Z"],
        json_schema_extra=_ANY_TIME,
    )
    note_substring: Text | None = Field(
        None, description="Runs whose note holds this text, compared like `command_substring`.", examples=["PUBLISH"]
    )
    has_artifacts: bool | None = Field(None, description="Runs with artifacts, or runs without any.", examples=[True])
    metric_name: Name | None = Field(
        None, description="Runs with a finite number for this final metric.", examples=["accuracy"]
    )
    metric_min: float | None = Field(
        None,
        allow_inf_nan=False,
        description="Runs whose metric `metric_name` is at least this; needs `metric_name`.",
        examples=[0.9],
    )
    metric_max: float | None = Field(
        None,
        allow_inf_nan=False,
        description="Runs whose metric `metric_name` is at most this; needs `metric_name`.",
        examples=[1.0],
    )
    status: list[Status] = Field(
        [],
        max_length=4,
        description="Runs that stand like this. Repeat it for any of several.",
        examples=[["finished"]],
    )
    tag: list[Text] = Field(
        [],
        max_length=MAX_REPEATS,
        description="Runs with this tag. Repeat it for runs with all of several.",
        examples=[["baseline"]],
    )
    param: list[ParamFilter] = Field(
        [],
        max_length=MAX_REPEATS,
        description="Runs with this parameter, as `name:value`; the first colon divides. The value fits as text, or as "
        "a number (`1e-1` fits 0.1); `true`, `false` and `null` are themselves. One inside an object goes by its "
        "dotted path. Repeat it for runs with all of several.",
        examples=[["learning_rate:0.01"]],
    )
    q: Text | None = Field(
        None,
        description="Runs that hold all of these words in command, note, parameters, dataset or tags. The last word "
        "may be the beginning of one. Text without any letter or digit fits nothing.",
        examples=["svm baseline"],
    )
    sort: str = Field(
        "timestamp",
        pattern=SORT_PATTERN,
        max_length=MAX_TEXT_CHARS,
        description="What to order by: `timestamp`, `duration`, `status`, `dataset_id`, `command`, `note`, "
        "`metric:NAME`, `param:NAME` (numbers before texts), or `relevance` (needs `q`). Runs without a value come "
        "last in both orders; among equals the newest is first.",
        examples=["metric:accuracy"],
    )
    order: Order = Field(
        "desc",
        description="`desc` for the newest, highest or most relevant first, `asc` for the other way.",
        examples=["desc"],
    )
    limit: int = Field(50, ge=1, le=MAX_PAGE, description="How many runs at most.", examples=[50])
    offset: int = Field(0, ge=0, le=MAX_OFFSET, description="How many runs to leave out at the start.", examples=[0])

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        for name in ("metric_min", "metric_max"):
            if getattr(self, name) is not None and self.metric_name is None:
                raise PydanticCustomError(
                    "incomplete", "{name} needs metric_name, the metric it is about", {"name": name}
                )
        if self.sort == "relevance" and self.q is None:
            raise PydanticCustomError("incomplete", "sort=relevance needs q, the words to be relevant to")
        return self


class LeaderboardQuery(BaseModel):
    """Which metric to rank by, and which runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metric_name: Name = Field(description="The final metric to rank by.", examples=["accuracy"])
    top_k: int = Field(10, ge=1, le=MAX_PAGE, description="How many runs at most.", examples=[10])
    dataset_id: Text | None = Field(None, description="Only runs on this dataset, exactly.", examples=["iris"])
    has_artifacts: bool | None = Field(
        None, description="Only runs with artifacts, or only runs without any.", examples=[True]
    )
    order: Order = Field(
        "desc", description="`desc` where more is better, `asc` where less is, as with a loss.", examples=["desc"]
    )
    count: bool = Field(
        False,
        description="Whether to count every run that ranks, beyond `top_k` too, into the header `X-Total-Count`. That "
        "takes longer than ranking when the store is large and has just changed.",
        examples=[True],
    )


class ActivityQuery(BaseModel):
    """Which days."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    from_timestamp: MomentText | None = Field(
        None,
        description="Runs that started then or later, as for `GET /runs`.",
        examples=["2025-12-01"],
        json_schema_extra=_ANY_TIME,
    )
    to_timestamp: MomentText | None = Field(
        None,
        description="Runs that started then or earlier. A date means to its end.",
        examples=["2025-12-31"],
        json_schema_extra=_ANY_TIME,
    )


class FacetsQuery(BaseModel):
    """How much of the store's vocabulary."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    leave_out: list[FacetPart] = Field(
        [],
        max_length=MAX_REPEATS,
        description="A part that is not wanted: its list is empty then, and the answer comes sooner. Parameters take "
        "longest in a large store that has just changed. Repeat it for several.",
        examples=[["params"]],
    )


class CompareQuery(BaseModel):
    """Which runs to look at together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ids: list[Annotated[str, StringConstraints(min_length=1, max_length=500)]] = Field(
        min_length=1,
        max_length=100,
        description="A run id, or a prefix that fits one run; repeat it for each run.",
        examples=[["3f0a9c1e", "8b1d4c52"]],
    )


class CompareInFullQuery(CompareQuery):
    """Which runs to compare, and what of them is not wanted."""

    leave_out: list[LongField] = Field(
        [],
        max_length=MAX_REPEATS,
        description="A long text that is not wanted: it is null in each run then. Repeat it for several.",
        examples=[["pip_freeze", "git_diff"]],
    )


class SeriesQuery(BaseModel):
    """Which live series, and how many points of each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: list[Name] = Field(
        [], max_length=MAX_REPEATS, description="Only this metric. Repeat it for several.", examples=[["loss"]]
    )
    max_points: int | None = Field(
        None,
        ge=4,
        le=MAX_POINTS,
        description="At most this many points of each series: its first, its last, and of every stretch between them "
        "the lowest and the highest (and one NaN where there are any), so that no spike is lost.",
        examples=[500],
    )
    smoothing: float | None = Field(
        None,
        ge=0,
        lt=1,
        allow_inf_nan=False,
        description="Adds `smoothed` to each series: its exponential moving average, debiased as TensorBoard does it, "
        "over all points before any is thinned out. The number is how much of what was before is kept, 0 being "
        "nothing. Values that are not finite are passed over, and distances between steps do not count.",
        examples=[0.9],
    )


class CurvesQuery(SeriesQuery, CompareQuery):
    """Which live series of which runs, and how many points of each."""

    max_points: int | None = Field(
        500,
        ge=4,
        le=MAX_CURVE_POINTS,
        description="At most this many points of each series, as `GET /runs/{run_id}/metrics` thins them out.",
        examples=[200],
    )


class ArtifactQuery(BaseModel):
    """Which file of a recorded folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Text | None = Field(
        None, description="For a recorded folder, the relative path of the file in it.", examples=["metrics/loss.csv"]
    )


class NotesQuery(BaseModel):
    """How much of a note's history."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: int = Field(100, ge=1, le=1_000, description="At most so many changes, the newest ones.", examples=[100])


class NoQuery(BaseModel):
    """No parameters at all."""

    model_config = ConfigDict(frozen=True, extra="forbid")
