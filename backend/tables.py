"""The store's tables as SQLAlchemy sees them: the columns that are read.

Owns names and types alone. What the tables mean, and how they are made, is in `lab_logger/schema`.
"""

from sqlalchemy import BigInteger, Column, Float, Integer, MetaData, Table, Text

metadata = MetaData()

manifests = Table(
    "manifests",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("timestamp", Text),
    Column("git_hash", Text),
    Column("git_diff", Text),
    Column("command", Text),
    Column("python_version", Text),
    Column("pip_freeze", Text),
    Column("device_info", Text),
    Column("dataset_id", Text),
    Column("params_json", Text),
    Column("final_metrics_json", Text),
    Column("artifacts_json", Text),
    Column("wandb_url", Text),
    Column("note", Text),
)

run_state = Table(
    "run_state",
    metadata,
    Column("seq", BigInteger, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("started_at", Text),
    Column("finished_at", Text),
    Column("heartbeat_at", Text),
    Column("duration_s", Float),
    Column("error", Text),
    Column("project", Text),
    Column("parent_run_id", Text),
    Column("created_by", Text),
    Column("is_presumed", Integer, nullable=False),
)

run_index = Table(
    "run_index",
    metadata,
    Column("started_at", Text, primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("dataset_id", Text),
    Column("has_artifacts", Integer, nullable=False),
    Column("command", Text),
    Column("note", Text),
)

run_metrics = Table(
    "run_metrics",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Float, nullable=False),
)

run_params = Table(
    "run_params",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("text", Text),
    Column("number", Float),
)

run_tags = Table(
    "run_tags",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("tag", Text, primary_key=True),
)

run_text = Table("run_text", metadata, Column("rowid", BigInteger, primary_key=True))

artifacts = Table(
    "artifacts",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("path", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("size_bytes", BigInteger),
    Column("sha256", Text),
    Column("media_type", Text),
    Column("recorded_at", Text, nullable=False),
    Column("is_remote", Integer, nullable=False),
)

metric_series = Table(
    "metric_series",
    metadata,
    Column("series", BigInteger, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("name", Text, nullable=False),
)

metric_points = Table(
    "metric_points",
    metadata,
    Column("series", BigInteger, primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("timestamp", BigInteger, nullable=False),
    Column("value", Float),
)

artifact_files = Table(
    "artifact_files",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
)

objects = Table(
    "objects",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("stored_at", Text, nullable=False),
)

note_changes = Table(
    "note_changes",
    metadata,
    Column("change_id", BigInteger, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("changed_at", Text, nullable=False),
    Column("changed_by", Text),
    Column("former_note", Text),
    Column("note", Text),
)

tokens = Table(
    "tokens",
    metadata,
    Column("token_id", BigInteger, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("token_sha256", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("revoked_at", Text),
)
