"""What training machines and other programs send: the records of runs, with a description and an example each.

Owns their shapes, and that the parts of each fit together. Whether a record fits what is stored, `ingest` says. It must
not read settings, the store or the network.
"""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator
from pydantic.json_schema import models_json_schema
from pydantic_core import PydanticCustomError

from backend.models import NO_NUL
from backend.object_models import CompleteObject
from backend.points import MAX_NAME_CHARS, MAX_POINTS
from backend.sent_values import (
    MAX_PATH_CHARS,
    Document,
    Index,
    MomentText,
    Name,
    Note,
    Points,
    Position,
    RunUuid,
    Sent,
    Sha256,
    ShortText,
    ShownPath,
    Size,
    Text,
)

MAX_RECORDS: Final = 10_000
MAX_BEATS: Final = 10_000
MAX_TAGS: Final = 1_000
MAX_FILES: Final = 100_000
MAX_FILE_PATH_BYTES: Final = 2_000
"""What an index of PostgreSQL holds, with room for the rest of its row."""

_RUN_ID = "3f0a9c1e-5d0b-4a57-9f0e-2f7c6f2f8a11"
_PARENT_ID = "8b1d4c52-7e64-4c0c-8a5c-0d9a1b6e3c77"
_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_AT = "2025-12-01T10:00:00.123456Z"


class ProcessLease(Sent):
    """The process of a run, precisely enough to tell on its own machine whether that very process still lives."""

    host: ShortText = Field(description="Its machine.", examples=["node-7"])
    boot: ShortText = Field(
        description="The id of the machine's boot; empty where the system has none.",
        examples=["0d3c6b8e-5f0a-4d5e-9c0f-7a1b2c3d4e5f"],
    )
    pid: Size = Field(description="Its process id.", examples=[4711])
    pid_started: ShortText = Field(
        description="The system's own mark of when the process started; empty where it cannot be read.",
        examples=["183512"],
    )


class Start(Sent):
    """That a run starts, and everything that is known of it then."""

    started_at: MomentText = Field(description="When it started, ISO 8601 in UTC.", examples=[_AT])
    git_hash: ShortText | None = Field(
        None, description="Commit that was checked out.", examples=["9fceb02d0ae598e95dc970b74767f19372d61af8"]
    )
    git_diff: Text | None = Field(None, description="What differed from the commit.", examples=["-lr = 0.1\n+lr = 1\n"])
    command: Text | None = Field(None, description="The command as typed.", examples=["python train.py --lr 0.01"])
    python_version: ShortText | None = Field(None, description="Version of Python.", examples=["3.11.7"])
    pip_freeze: Text | None = Field(None, description="Installed packages, one a line.", examples=["numpy==2.4.6\n"])
    device_info: Text | None = Field(
        None,
        description="Host, operating system, CPU, memory and GPUs, as JSON text.",
        examples=['{"host": "node-7", "cpu_count": 8, "gpus": []}'],
    )
    dataset_id: Name | None = Field(None, description="The dataset.", examples=["iris"])
    note: Note | None = Field(None, description="A person's note.", examples=["first try"])
    project: ShortText | None = Field(None, description="The project it is logged to.", examples=["ai-lab"])
    parent_run_id: ShortText | None = Field(None, description="The run that started it.", examples=[_PARENT_ID])
    params: Document = Field(
        {},
        description=f"Parameters by name; names with their dotted path have at most {MAX_NAME_CHARS} characters.",
        examples=[{"model_name": "linear_svm", "learning_rate": 0.01}],
    )
    tags: list[Name] = Field([], max_length=MAX_TAGS, description="Tags.", examples=[["baseline", "sweep"]])
    lease: ProcessLease | None = Field(
        None,
        description="The process that runs it; where it is null, or on another machine than the server, a run whose "
        "heartbeat stays out for two minutes counts as killed.",
        examples=[{"host": "node-7", "boot": "0d3c6b8e", "pid": 4711, "pid_started": "183512"}],
    )


class AddedPoints(Sent):
    """Metric values that a run logged while it ran."""

    points: Points = Field(
        description="Values as `[name, step, timestamp_ms, value]`: the metric, a step from 0, milliseconds since 1970 "
        'in UTC, and a number; null or "NaN" is NaN, and "Infinity" and "-Infinity" are themselves. A step that is '
        "there already takes the new value.",
        examples=[[["loss", 0, 1_764_583_200_123, 0.9], ["loss", 1, 1_764_583_201_200, None]]],
    )


class AddedTags(Sent):
    """Tags that a run gets beside those that it has."""

    tags: list[Name] = Field(max_length=MAX_TAGS, description="Tags.", examples=[["baseline"]])


class NewNote(Sent):
    """A run's new note."""

    note: Note | None = Field(description="The note; null clears it.", examples=["PUBLISH"])


class NewDataset(Sent):
    """A run's dataset, told after its start."""

    dataset_id: Name | None = Field(description="The dataset.", examples=["iris"])


class NewUrl(Sent):
    """Where a run is at Weights & Biases."""

    wandb_url: Annotated[str, StringConstraints(max_length=MAX_PATH_CHARS, pattern=r"^https?://[^\s\x00]+$")] = Field(
        description="The run's page.", examples=["https://wandb.ai/ada/ai-lab/runs/1a2b3c4d"]
    )


class ArtifactFile(Sent):
    """A file of an artifact, whose content is sent or will be."""

    path: Annotated[str, StringConstraints(max_length=MAX_PATH_CHARS, pattern=NO_NUL)] = Field(
        description="Its path in the folder, with slashes; empty for an artifact that is a file.", examples=[""]
    )
    size_bytes: Size = Field(description="Its size.", examples=[4711])
    sha256: Sha256 = Field(description="SHA-256 of its content.", examples=[_SHA256])

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        parts = path.replace("\\", "/").split("/")
        if path and any(part in ("", ".", "..") for part in parts):
            raise PydanticCustomError("path", "must be a relative path in the folder, without empty or dotted parts")
        if len(path.encode()) > MAX_FILE_PATH_BYTES:
            raise PydanticCustomError("path", "is longer than {limit} bytes", {"limit": MAX_FILE_PATH_BYTES})
        return path


class RecordedArtifact(Sent):
    """A file or folder that a run left on its machine."""

    index: Index = Field(description="Its place in the run's artifacts; a place is taken once.", examples=[0])
    path: ShownPath = Field(
        description="Its path there, as it is shown; the server never looks at it.",
        examples=["/home/ada/ai-lab/checkpoints/linear_svm.joblib"],
    )
    artifact_kind: Literal["file", "folder", "missing"] = Field(description="What it is.", examples=["file"])
    size_bytes: Size | None = Field(None, description="Its size; of a folder the sum of its files.", examples=[4711])
    sha256: Sha256 | None = Field(None, description="SHA-256 of its content.", examples=[_SHA256])
    media_type: ShortText | None = Field(None, description="Its media type.", examples=["application/octet-stream"])
    recorded_at: MomentText = Field(description="When it was recorded, ISO 8601 in UTC.", examples=[_AT])
    files: list[ArtifactFile] = Field(
        [],
        max_length=MAX_FILES,
        description="The files whose content is sent by `/ingest/objects`; none for a reference without a copy.",
        examples=[[{"path": "", "size_bytes": 4711, "sha256": _SHA256}]],
    )

    @model_validator(mode="after")
    def _files_fit(self) -> Self:
        paths = [file.path for file in self.files]
        if len(set(paths)) != len(paths):
            raise PydanticCustomError("files", "files: a path stands there twice")
        fits = {"file": paths in ([], [""]), "folder": "" not in paths, "missing": not paths}
        if not fits[self.artifact_kind]:
            raise PydanticCustomError(
                "files", "files: a file has one with an empty path, a folder only such with a path, a missing one none"
            )
        return self


class Finish(Sent):
    """That a run ended, and how."""

    status: Literal["finished", "failed", "killed"] = Field(description="How it ended.", examples=["finished"])
    finished_at: MomentText = Field(description="When it ended, ISO 8601 in UTC.", examples=[_AT])
    duration_s: float | None = Field(None, ge=0, description="How long it took, in seconds.", examples=[42.38])
    error: Text | None = Field(
        None, description="The traceback of a failed run.", examples=["Traceback (most recent call last): …"]
    )
    final_metrics: Document = Field(
        {},
        description='Final metrics by name: numbers, and the texts "NaN", "Infinity", "-Infinity".',
        examples=[{"accuracy": 0.9667, "val_loss": 0.12}],
    )


class NewRun(Start):
    """A run that starts."""

    run_id: RunUuid = Field(description="The run's id, made by the program that sends it.", examples=[_RUN_ID])


class _Record(Sent):
    position: Position = Field(description="The record's number among all of its sender, ascending.", examples=[1])
    run_id: RunUuid = Field(description="The run.", examples=[_RUN_ID])


class StartRecord(_Record, Start):
    """A run starts; of a run that is known already, nothing changes."""

    kind: Literal["start"] = Field(description="Says what the record is.", examples=["start"])


class PointsRecord(_Record, AddedPoints):
    """A run logged metric values."""

    kind: Literal["points"] = Field(description="Says what the record is.", examples=["points"])


class TagsRecord(_Record, AddedTags):
    """A run got tags."""

    kind: Literal["tags"] = Field(description="Says what the record is.", examples=["tags"])


class NoteRecord(_Record, NewNote):
    """A run's note was set or cleared."""

    kind: Literal["note"] = Field(description="Says what the record is.", examples=["note"])


class DatasetRecord(_Record, NewDataset):
    """A run told its dataset."""

    kind: Literal["dataset"] = Field(description="Says what the record is.", examples=["dataset"])


class UrlRecord(_Record, NewUrl):
    """A run got a page at Weights & Biases."""

    kind: Literal["url"] = Field(description="Says what the record is.", examples=["url"])


class ArtifactRecord(_Record, RecordedArtifact):
    """A run left a file or folder on its machine."""

    kind: Literal["artifact"] = Field(description="Says what the record is.", examples=["artifact"])


class FinishRecord(_Record, Finish):
    """A run ended."""

    kind: Literal["finish"] = Field(description="Says what the record is.", examples=["finish"])


AnyRecord = Annotated[
    StartRecord | PointsRecord | TagsRecord | NoteRecord | DatasetRecord | UrlRecord | ArtifactRecord | FinishRecord,
    Field(discriminator="kind"),
]


class RecordBatch(Sent):
    """Records of one sender, in the order of their positions."""

    sender: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")] = Field(
        description="Who numbers the records: 128 random bits in hex, made once for each queue of records.",
        examples=["5b0e5d1c6f6a4f0f8d8b1f0e2c3d4e5f"],
    )
    records: list[AnyRecord] = Field(
        min_length=1,
        max_length=MAX_RECORDS,
        description=f"At most {MAX_RECORDS:,} records, with {MAX_POINTS:,} metric values in all.",
        examples=[
            [{"position": 1, "kind": "tags", "run_id": _RUN_ID, "tags": ["baseline"]}],
        ],
    )


class StoredRecords(Sent):
    """How far the records of a sender are stored."""

    applied: int = Field(
        description="The highest position of this sender that is stored; it need not send those up to it again.",
        examples=[17],
    )
    stored: int = Field(description="How many records of this request were new.", examples=[1])


class Beats(Sent):
    """Runs that live."""

    run_ids: list[RunUuid] = Field(
        max_length=MAX_BEATS, description=f"Ids of runs, at most {MAX_BEATS:,}.", examples=[[_RUN_ID]]
    )


class HeardBeats(Sent):
    """Which of the runs are not known."""

    unknown: list[str] = Field(description="Ids that no run has.", examples=[[]])


class WrittenRun(Sent):
    """The run that was written to."""

    run_id: str = Field(description="The run's id.", examples=[_RUN_ID])


def schemas() -> dict[str, Any]:
    """Gives the JSON schemas, by name, of the bodies that `json_bodies` reads, with all that they are made of."""
    read = (RecordBatch, Beats, NewRun, AddedPoints, AddedTags, RecordedArtifact, Finish, CompleteObject)
    template = "#/components/schemas/{model}"
    _, definitions = models_json_schema([(model, "validation") for model in read], ref_template=template)
    found: dict[str, Any] = definitions["$defs"]
    return found
