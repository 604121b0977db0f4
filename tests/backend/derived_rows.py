"""Which derived tables tests look into."""

DERIVED = {
    "run_index": "run_id, started_at, dataset_id, has_artifacts, command, note",
    "run_metrics": "run_id, name, value",
    "run_params": "run_id, name, text, number",
    "run_tags": "run_id, tag",
    "run_state": "run_id, status, started_at, parent_run_id",
}
"""The columns that are alike on every database, by table."""
