"""Every statement that changes the store, as SQL with :named parameters.

Owns the SQL that the embedded store, the spool and the backend share, in the part of SQL that SQLite and PostgreSQL
have in common. It must not execute anything. A write is a pair of a statement's name in `WRITES` and its parameters, so
that it can be executed now or kept as JSON and executed later; each leaves the same rows however often it is repeated.
"""

from collections.abc import Mapping

MANIFEST_COLUMNS = (
    "run_id",
    "timestamp",
    "git_hash",
    "git_diff",
    "command",
    "python_version",
    "pip_freeze",
    "device_info",
    "dataset_id",
    "params_json",
    "final_metrics_json",
    "artifacts_json",
    "wandb_url",
    "note",
)
"""The user's table `manifests`, in its order."""

INSERT_MANIFEST = (
    f"INSERT INTO manifests ({', '.join(MANIFEST_COLUMNS)}) "
    f"VALUES ({', '.join(':' + column for column in MANIFEST_COLUMNS)}) ON CONFLICT (run_id) DO NOTHING"
)
INSERT_STATE = """
INSERT INTO run_state (run_id, status, started_at, heartbeat_at, project, parent_run_id,
                       lease_host, lease_boot, lease_pid, lease_pid_started)
VALUES (:run_id, 'running', :started_at, :started_at, :project, :parent_run_id,
        :lease_host, :lease_boot, :lease_pid, :lease_pid_started)
ON CONFLICT (run_id) DO NOTHING"""
FINISH_MANIFEST = """
UPDATE manifests SET final_metrics_json = :final_metrics_json, artifacts_json = :artifacts_json
WHERE run_id = :run_id"""
FINISH_STATE = """
UPDATE run_state SET status = :status, finished_at = :finished_at, heartbeat_at = :finished_at,
                     duration_s = :duration_s, error = :error, is_presumed = 0
WHERE run_id = :run_id"""
SET_DATASET = "UPDATE manifests SET dataset_id = :dataset_id WHERE run_id = :run_id"
SET_NOTE = "UPDATE manifests SET note = :note WHERE run_id = :run_id"
SET_WANDB_URL = "UPDATE manifests SET wandb_url = :wandb_url WHERE run_id = :run_id"
SET_ARTIFACTS = "UPDATE manifests SET artifacts_json = :artifacts_json WHERE run_id = :run_id"
ADD_TAG = "INSERT INTO run_tags (run_id, tag) VALUES (:run_id, :tag) ON CONFLICT (run_id, tag) DO NOTHING"
RECORD_ARTIFACT = """
INSERT INTO artifacts (run_id, position, path, kind, size_bytes, sha256, media_type, recorded_at)
VALUES (:run_id, :position, :path, :kind, :size_bytes, :sha256, :media_type, :recorded_at)
ON CONFLICT (run_id, position) DO UPDATE SET
    path = excluded.path, kind = excluded.kind, size_bytes = excluded.size_bytes, sha256 = excluded.sha256,
    media_type = excluded.media_type, recorded_at = excluded.recorded_at"""
ADD_ARTIFACT_FILE = """
INSERT INTO artifact_files (run_id, position, path, size_bytes, sha256)
VALUES (:run_id, :position, :path, :size_bytes, :sha256)
ON CONFLICT (run_id, position, path) DO UPDATE SET size_bytes = excluded.size_bytes, sha256 = excluded.sha256"""
MARK_ARTIFACT_REMOTE = "UPDATE artifacts SET is_remote = 1 WHERE run_id = :run_id AND position = :position"
CLEAR_ARTIFACT_FILES = "DELETE FROM artifact_files WHERE run_id = :run_id AND position = :position"
RECORD_OBJECT = """
INSERT INTO objects (sha256, size_bytes, stored_at) VALUES (:sha256, :size_bytes, :stored_at)
ON CONFLICT (sha256) DO NOTHING"""
SET_CREATOR = "UPDATE run_state SET created_by = :created_by WHERE run_id = :run_id AND created_by IS NULL"
ADD_NOTE_CHANGE = """
INSERT INTO note_changes (run_id, changed_at, changed_by, former_note, note)
SELECT run_id, :changed_at, :changed_by, note, :note FROM manifests WHERE run_id = :run_id"""
ADD_SERIES = "INSERT INTO metric_series (run_id, name) VALUES (:run_id, :name) ON CONFLICT (run_id, name) DO NOTHING"
ADD_POINT_BY_NAME = """
INSERT INTO metric_points (series, step, timestamp, value)
SELECT series, :step, :timestamp, :value FROM metric_series WHERE run_id = :run_id AND name = :name
ON CONFLICT (series, step) DO UPDATE SET timestamp = excluded.timestamp, value = excluded.value"""
BEAT = "UPDATE run_state SET heartbeat_at = :heartbeat_at WHERE run_id = :run_id AND status = 'running'"
MARK_KILLED = """
UPDATE run_state SET status = 'killed', finished_at = :finished_at, duration_s = :duration_s, is_presumed = 1
WHERE run_id = :run_id AND status = 'running'"""
REVIVE = """
UPDATE run_state SET status = 'running', finished_at = NULL, duration_s = NULL, heartbeat_at = :heartbeat_at,
                     is_presumed = 0
WHERE run_id = :run_id AND status = 'killed' AND is_presumed = 1"""
FILL_METRICS = """
UPDATE manifests SET final_metrics_json = :final_metrics_json
WHERE run_id = :run_id AND (final_metrics_json IS NULL OR final_metrics_json = '{}')"""
CLEAR_METRICS = "UPDATE manifests SET final_metrics_json = '{}' WHERE run_id = :run_id"

WRITES: Mapping[str, str] = {
    "insert_manifest": INSERT_MANIFEST,
    "insert_state": INSERT_STATE,
    "finish_manifest": FINISH_MANIFEST,
    "finish_state": FINISH_STATE,
    "set_dataset": SET_DATASET,
    "set_note": SET_NOTE,
    "set_wandb_url": SET_WANDB_URL,
    "set_artifacts": SET_ARTIFACTS,
    "add_tag": ADD_TAG,
    "record_artifact": RECORD_ARTIFACT,
    "add_series": ADD_SERIES,
    "add_point_by_name": ADD_POINT_BY_NAME,
    "beat": BEAT,
    "mark_killed": MARK_KILLED,
    "fill_metrics": FILL_METRICS,
}
"""The writes that a batch may name."""

Write = tuple[str, Mapping[str, object]]
"""A statement's name in `WRITES` and its parameters."""

ADD_POINT = """
INSERT INTO metric_points (series, step, timestamp, value) VALUES (:series, :step, :timestamp, :value)
ON CONFLICT (series, step) DO UPDATE SET timestamp = excluded.timestamp, value = excluded.value"""
FIND_SERIES = "SELECT series FROM metric_series WHERE run_id = :run_id AND name = :name"
SPOOL_POSITION = "SELECT position FROM applied_spools WHERE spool_id = :spool_id"
ADVANCE_SPOOL = """
INSERT INTO applied_spools (spool_id, position, applied_at) VALUES (:spool_id, :position, :applied_at)
ON CONFLICT (spool_id) DO UPDATE SET position = excluded.position, applied_at = excluded.applied_at"""
KNOW_SPOOL = """
INSERT INTO applied_spools (spool_id, position, applied_at) VALUES (:spool_id, :position, :applied_at)
ON CONFLICT (spool_id) DO NOTHING"""
RECORD_VERSION = "INSERT INTO schema_versions (version, applied_at) VALUES (:version, :applied_at)"

RUNNING_LEASES = """
SELECT run_id, started_at, heartbeat_at, lease_host, lease_boot, lease_pid, lease_pid_started
FROM run_state WHERE status = 'running' AND status <> 'finished'"""
LAST_POINTS = """
SELECT s.name, p.value, p.timestamp FROM metric_series s JOIN metric_points p ON p.series = s.series
WHERE s.run_id = :run_id AND p.step = (SELECT max(q.step) FROM metric_points q WHERE q.series = s.series)"""
