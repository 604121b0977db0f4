"""The shapes of what the service answers and accepts, with a description and an example for every field.

Owns the wire contract that clients may import. It must not read settings, the store or the network.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

Status = Literal["running", "finished", "failed", "killed"]
"""How a run stands; `killed` is a run whose process ended without a word."""

MAX_NOTE_CHARS = 100_000
MAX_COMPARED_RUNS = 100

NO_NUL = r"^[^\x00]*$"
"""Text that every database can hold."""

_RUN_ID = "3f0a9c1e-5d0b-4a57-9f0e-2f7c6f2f8a11"
_OTHER_RUN_ID = "8b1d4c52-7e64-4c0c-8a5c-0d9a1b6e3c77"
_AT = "2025-12-01T10:00:00.123456Z"


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _example(model: type[BaseModel]) -> dict[str, Any]:
    return {name: field.examples[0] for name, field in model.model_fields.items() if field.examples}


class Health(_Answer):
    """That the server is up."""

    status: Literal["ok"] = Field(description="Always `ok`.", examples=["ok"])
    project: str = Field(description="Name of the project, from PROJECT_NAME.", examples=["ai-lab"])


class Version(_Answer):
    """What is serving, and what it serves from."""

    version: str = Field(description="Version of the service.", examples=["0.1.0"])
    store_kind: str = Field(description="Kind of database that holds the runs.", examples=["sqlite"])
    store_path: str = Field(description="Where the store is.", examples=["/home/ada/ai-lab/manifests/manifests.db"])
    schema_version: int | None = Field(
        description="Schema version of the store; null when the store cannot be opened.", examples=[1]
    )
    store_error: str | None = Field(
        description="Why the store cannot be opened and what to do; null when it can.", examples=[None]
    )


class Identity(_Answer):
    """Who asks."""

    user: str | None = Field(
        description="The name of the token that was sent; null for API_TOKEN, and where the server wants no token.",
        examples=["ada"],
    )
    role: Literal["read", "write", "admin"] = Field(
        description="What the user may do: read; also log runs, and write notes and registry entries; or everything.",
        examples=["write"],
    )
    wants_token: bool = Field(description="Whether the server asks for a token.", examples=[True])


class RunSummary(_Answer):
    """A run in a list."""

    run_id: str = Field(description="The run's id, a UUID4 unless another program wrote the row.", examples=[_RUN_ID])
    timestamp: str | None = Field(
        description="When the run started, as the store holds it: ISO 8601 in UTC in rows of lab_logger.",
        examples=[_AT],
    )
    git_hash: str | None = Field(
        description="Commit that was checked out.", examples=["9fceb02d0ae598e95dc970b74767f19372d61af8"]
    )
    command: str | None = Field(
        description="The command as typed.", examples=["python examples/train_model/run.py --model_name linear_svm"]
    )
    dataset_id: str | None = Field(description="The dataset.", examples=["iris"])
    wandb_url: str | None = Field(
        description="The run's page at Weights & Biases.", examples=["https://wandb.ai/ada/ai-lab/runs/1a2b3c4d"]
    )
    final_metrics: dict[str, JsonValue] = Field(
        description='Final metrics by name: numbers, and the texts "NaN", "Infinity", "-Infinity".',
        examples=[{"accuracy": 0.9667, "val_loss": 0.12}],
    )
    note: str | None = Field(description="A person's note.", examples=["PUBLISH"])
    status: Status = Field(description="How the run stands.", examples=["finished"])
    params: dict[str, JsonValue] = Field(
        description="Parameters of the training function by name.",
        examples=[{"model_name": "linear_svm", "learning_rate": 0.01}],
    )
    duration_s: float | None = Field(
        description="How long the run took, in seconds; of a killed run until it was last known to live. Null while it "
        "runs and when not known.",
        examples=[42.38],
    )
    tags: list[str] = Field(description="Tags, in text order.", examples=[["baseline", "sweep"]])


class RunDetail(RunSummary):
    """Everything that is known of a run, its live metric series aside."""

    git_diff: str | None = Field(
        description="What differed from the commit.", examples=["diff --git a/run.py b/run.py\n-lr = 0.1\n+lr = 0.01\n"]
    )
    python_version: str | None = Field(description="Version of Python.", examples=["3.11.7"])
    pip_freeze: str | None = Field(description="Installed packages, one a line.", examples=["numpy==2.4.6\n"])
    device_info: str | None = Field(
        description="Host, operating system, CPU, memory and GPUs, as JSON text.",
        examples=['{"host": "ada-laptop", "cpu_count": 8, "gpus": []}'],
    )
    artifacts: list[str] = Field(
        description="Paths of the files and folders that the run left.", examples=[["checkpoints/linear_svm.joblib"]]
    )
    started_at: str | None = Field(
        description="When the run started, ISO 8601 in UTC with microseconds; null when the store holds no such time.",
        examples=[_AT],
    )
    finished_at: str | None = Field(
        description="When the run ended; of a killed run when it was last known to live. Null when not known.",
        examples=["2025-12-01T10:00:42.500000Z"],
    )
    error: str | None = Field(
        description="The traceback of a failed run.", examples=["Traceback (most recent call last): …"]
    )
    project: str | None = Field(description="The project the run was logged to.", examples=["ai-lab"])
    parent_run_id: str | None = Field(description="The run that started this one.", examples=[_OTHER_RUN_ID])
    created_by: str | None = Field(
        description="The user whose token started the run; null where no token was asked for.", examples=["ada"]
    )


class RunComparison(_Answer):
    """Several runs side by side."""

    run_ids: list[str] = Field(
        description="Full ids of the runs in the order asked, repeats left out.", examples=[[_RUN_ID, _OTHER_RUN_ID]]
    )
    metric_keys: list[str] = Field(
        description="Every final metric that one of the runs has, in text order.", examples=[["accuracy", "val_loss"]]
    )
    param_keys: list[str] = Field(
        description="Every parameter that one of the runs has, in text order.",
        examples=[["learning_rate", "model_name"]],
    )
    runs: list[RunDetail] = Field(description="The runs, in the order of `run_ids`.", examples=[[_example(RunDetail)]])


LongField = Literal["git_diff", "pip_freeze", "device_info", "error"]
"""The texts of a `RunDetail` that may be long."""

FacetPart = Literal["statuses", "datasets", "metrics", "params", "tags"]
"""The lists of `Facets`."""

RunIdText = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class CompareRequest(BaseModel):
    """Which runs to compare."""

    model_config = ConfigDict(extra="forbid")

    run_ids: list[RunIdText] = Field(
        min_length=1,
        max_length=MAX_COMPARED_RUNS,
        description=f"Run ids, or prefixes that fit one run each; at most {MAX_COMPARED_RUNS}.",
        examples=[[_RUN_ID, "8b1d4c52"]],
    )
    leave_out: list[LongField] = Field(
        default=[],
        max_length=50,
        description="Long texts that are not wanted: they are null in each run then.",
        examples=[["pip_freeze", "git_diff"]],
    )


class NoteUpdate(BaseModel):
    """A run's new note."""

    model_config = ConfigDict(extra="forbid")

    note: str | None = Field(
        max_length=MAX_NOTE_CHARS,
        pattern=NO_NUL,
        description=f"The note, at most {MAX_NOTE_CHARS:,} characters, none of them NUL; null clears it.",
        examples=["PUBLISH"],
    )


class NoteChange(_Answer):
    """One change of a run's note."""

    changed_at: str = Field(description="When it was made.", examples=[_AT])
    changed_by: str | None = Field(
        description="The user who made it; null where no token said who it was.", examples=["ada"]
    )
    former_note: str | None = Field(description="What the note was before; null for none.", examples=[None])
    note: str | None = Field(description="What the note was from then on; null for none.", examples=["PUBLISH"])


class MetricSeries(_Answer):
    """One live metric of a run, point by point in step order; the lists are equally long."""

    steps: list[int] = Field(description="Steps, ascending.", examples=[[0, 1, 2]])
    timestamps: list[str | None] = Field(
        description="When each value was logged; null where the store holds no possible time.",
        examples=[[_AT, "2025-12-01T10:00:01.200000Z", "2025-12-01T10:00:02.300000Z"]],
    )
    values: list[float | Literal["NaN", "Infinity", "-Infinity"]] = Field(
        description='Values: numbers, and the texts "NaN", "Infinity", "-Infinity".', examples=[[0.9, 0.5, "NaN"]]
    )
    smoothed: list[float | None] | None = Field(
        default=None,
        description="With `smoothing` alone, and then as long as the others: the moving average of all points up to "
        "each step, those that were thinned out included; null where the value is not finite.",
        examples=[[0.9, 0.69, None]],
    )


class SeriesName(_Answer):
    """A live series by its name."""

    name: str = Field(description="What the series is called.", examples=["loss"])
    runs: int = Field(description="How many of the runs asked for have it.", examples=[2])


class SeriesNames(_Answer):
    """Which live series some runs have."""

    run_ids: list[str] = Field(
        description="Full ids of the runs in the order asked, repeats left out.", examples=[[_RUN_ID, _OTHER_RUN_ID]]
    )
    names: list[SeriesName] = Field(
        description="Every series that one of the runs has, in text order.", examples=[[{"name": "loss", "runs": 2}]]
    )
    without_series: list[str] = Field(
        description="Full ids of those of the runs that have no live series at all.", examples=[[]]
    )


class ArtifactInfo(_Answer):
    """A file or folder that a run left: as it was recorded, and as it is now."""

    index: int = Field(description="Its place in the run's artifacts, which the download address names.", examples=[0])
    path: str = Field(
        description="The path as recorded; of a run of another machine, its path there.",
        examples=["/home/ada/ai-lab/checkpoints/linear_svm.joblib"],
    )
    kind: Literal["file", "folder", "missing"] = Field(
        description="What was recorded; what is there now, for runs of older loggers that recorded paths alone.",
        examples=["file"],
    )
    size_bytes: int | None = Field(
        description="Recorded size; of a folder the sum of its files. Null when not recorded.", examples=[4711]
    )
    sha256: str | None = Field(
        description="Recorded SHA-256 of the content.",
        examples=["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    )
    media_type: str | None = Field(description="Recorded media type.", examples=["application/octet-stream"])
    recorded_at: str | None = Field(description="When it was recorded.", examples=[_AT])
    content: Literal["on_disk", "stored", "being_sent", "reference"] = Field(
        description="Where the content is. `on_disk`: at the path on the server's machine, if it `exists`. `stored`: "
        "a copy is in the server's artifact store. `being_sent`: the training machine has not sent all of it yet. "
        "`reference`: it stayed on the training machine.",
        examples=["stored"],
    )
    exists: bool = Field(
        description="Whether something is at the path now, or, of a run of another machine, the whole copy is stored.",
        examples=[True],
    )
    current_size_bytes: int | None = Field(
        description="Size of the file or of its copy now; null for a folder and when nothing is there.", examples=[4711]
    )
    downloadable: bool = Field(
        description="Whether the service hands it out: a file, or a folder file by file, under the allowed roots or "
        "in the artifact store.",
        examples=[True],
    )
    files: list[str] = Field(
        description="Of a downloadable folder, the relative paths of its files, the first 1,000 in text order; of one "
        "that is being sent, those that have come.",
        examples=[[]],
    )
    url: str | None = Field(
        description="Where to download it; for a folder, add `?path=` and one of `files`. Null when not downloadable.",
        examples=[f"/runs/{_RUN_ID}/artifacts/0"],
    )


class NamedCount(_Answer):
    """How many runs have a value."""

    name: str = Field(description="The value.", examples=["iris"])
    runs: int = Field(description="How many runs have it.", examples=[120])


class DayActivity(_Answer):
    """How many runs started on a day, by how they stand now."""

    day: str = Field(description="The day, in UTC.", examples=["2025-12-01"])
    running: int = Field(description="How many of its runs go on.", examples=[0])
    finished: int = Field(description="How many finished.", examples=[11])
    failed: int = Field(description="How many failed.", examples=[1])
    killed: int = Field(description="How many were killed.", examples=[0])


class DatasetFacet(_Answer):
    """A dataset of the store."""

    dataset_id: str | None = Field(description="The dataset; null for runs without one.", examples=["iris"])
    runs: int = Field(description="How many runs used it.", examples=[120])


class MetricFacet(_Answer):
    """A final metric of the store."""

    name: str = Field(description="The metric.", examples=["accuracy"])
    runs: int = Field(description="How many runs have a finite number for it.", examples=[480])
    min: float = Field(description="The lowest value.", examples=[0.31])
    max: float = Field(description="The highest value.", examples=[0.99])


class ParamFacet(_Answer):
    """A parameter of the store; one inside an object goes by its dotted path."""

    name: str = Field(description="The parameter.", examples=["optimizer.learning_rate"])
    runs: int = Field(description="How many runs have it.", examples=[480])
    values: list[NamedCount] = Field(
        description="Its values as text, in text order, with counts; the first ones when there are more.",
        examples=[[{"name": "0.01", "runs": 240}, {"name": "0.1", "runs": 240}]],
    )
    has_more_values: bool = Field(description="Whether there are values beyond those listed.", examples=[False])
    min: float | None = Field(description="The lowest number; null when no value is a number.", examples=[0.01])
    max: float | None = Field(description="The highest number; null when no value is a number.", examples=[0.1])


class Facets(_Answer):
    """The store's own vocabulary."""

    total: int = Field(description="How many runs there are.", examples=[480])
    statuses: list[NamedCount] = Field(
        description="Runs by status, each of the four.", examples=[[{"name": "finished", "runs": 479}]]
    )
    datasets: list[DatasetFacet] = Field(
        description="Datasets in text order, runs without one last.", examples=[[_example(DatasetFacet)]]
    )
    metrics: list[MetricFacet] = Field(description="Final metrics in text order.", examples=[[_example(MetricFacet)]])
    params: list[ParamFacet] = Field(description="Parameters in text order.", examples=[[_example(ParamFacet)]])
    tags: list[NamedCount] = Field(description="Tags in text order.", examples=[[{"name": "baseline", "runs": 12}]])


class InvalidValue(_Answer):
    """One value of a request that cannot be used."""

    location: str = Field(
        description="Where it stands: `query`, `path` or `body`, then the name.", examples=["query limit"]
    )
    loc: list[str | int] | None = Field(
        default=None,
        description="The same step by step, of a body with many records: `records`, which of them, and the field.",
        examples=[["records", 0, "points"]],
    )
    message: str = Field(description="What is wrong.", examples=["Input should be greater than or equal to 1"])
    value: JsonValue = Field(description="The value as received, shortened; null when missing.", examples=["-1"])


class Problem(_Answer):
    """Why a request was not answered (RFC 9457)."""

    type: str = Field(description="Names the kind of problem.", examples=["urn:ai-lab:problem:unknown-run"])
    title: str = Field(description="The kind of problem in words.", examples=["Unknown run"])
    status: int = Field(description="The HTTP status.", examples=[404])
    detail: str = Field(
        description="What is wrong and what to do.",
        examples=["no run has the id '123', or an id that starts with it; GET /runs lists the runs there are"],
    )
    instance: str = Field(description="The path that was asked for.", examples=["/runs/123"])
    errors: list[InvalidValue] | None = Field(
        default=None, description="The values that cannot be used.", examples=[[_example(InvalidValue)]]
    )
    candidates: list[str] | None = Field(
        default=None, description="What may have been meant: run ids, names or files.", examples=[[_RUN_ID]]
    )
