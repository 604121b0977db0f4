-- The tables of the store, in SQL that SQLite and PostgreSQL both read once the three words below are filled in:
--   ${serial}     an integer primary key that the database assigns
--   ${text}       text that is ordered by its code points, whatever the language of the database
--   ${clustered}  rows stored in primary key order, where the database can
--
-- `manifests` is the user's table and holds everything a person would copy out of the file. The other tables hold what
-- it has no place for, or are derived from it by the triggers of 0001_derived.<dialect>.sql.

CREATE TABLE IF NOT EXISTS manifests (
    run_id ${text} PRIMARY KEY,
    timestamp ${text},
    git_hash ${text},
    git_diff ${text},
    command ${text},
    python_version ${text},
    pip_freeze ${text},
    device_info ${text},
    dataset_id ${text},
    params_json ${text},
    final_metrics_json ${text},
    artifacts_json ${text},
    wandb_url ${text},
    note ${text}
);

CREATE TABLE schema_versions (
    version INTEGER PRIMARY KEY,
    applied_at ${text} NOT NULL
);

-- One row per run. `seq` is the run's row in the full-text index. The lease_* columns name the process that owns a
-- running run, precisely enough to tell later whether that very process still lives.
CREATE TABLE run_state (
    seq ${serial},
    run_id ${text} NOT NULL UNIQUE,
    status ${text} NOT NULL DEFAULT 'finished' CHECK (status IN ('running', 'finished', 'failed', 'killed')),
    started_at ${text},
    finished_at ${text},
    heartbeat_at ${text},
    duration_s DOUBLE PRECISION,
    error ${text},
    project ${text},
    parent_run_id ${text},
    lease_host ${text},
    lease_boot ${text},
    lease_pid BIGINT,
    lease_pid_started ${text}
);
CREATE INDEX run_state_unfinished ON run_state (status, run_id) WHERE status <> 'finished';
CREATE INDEX run_state_parent ON run_state (parent_run_id, run_id) WHERE parent_run_id IS NOT NULL;

-- Derived: one narrow row per run in time order, so that listing and filtering never touch the wide manifests.
CREATE TABLE run_index (
    started_at ${text} NOT NULL,
    run_id ${text} NOT NULL,
    dataset_id ${text},
    has_artifacts INTEGER NOT NULL,
    command ${text},
    note ${text},
    PRIMARY KEY (started_at, run_id)
) ${clustered};
CREATE UNIQUE INDEX run_index_run ON run_index (run_id, dataset_id, has_artifacts);
CREATE INDEX run_index_dataset ON run_index (dataset_id, started_at, run_id);

-- Derived: the finite numeric final metrics.
CREATE TABLE run_metrics (
    run_id ${text} NOT NULL,
    name ${text} NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (run_id, name)
) ${clustered};
CREATE INDEX run_metrics_rank ON run_metrics (name, value, run_id);

-- Derived: every parameter, nested ones under their dotted path. `number` is null where the value is not a number.
CREATE TABLE run_params (
    run_id ${text} NOT NULL,
    name ${text} NOT NULL,
    text ${text},
    number DOUBLE PRECISION,
    PRIMARY KEY (run_id, name)
) ${clustered};
CREATE INDEX run_params_lookup ON run_params (name, text, number, run_id);

CREATE TABLE run_tags (
    run_id ${text} NOT NULL,
    tag ${text} NOT NULL,
    PRIMARY KEY (run_id, tag)
) ${clustered};
CREATE INDEX run_tags_tag ON run_tags (tag, run_id);

CREATE TABLE artifacts (
    run_id ${text} NOT NULL,
    position INTEGER NOT NULL,
    path ${text} NOT NULL,
    kind ${text} NOT NULL CHECK (kind IN ('file', 'folder', 'missing')),
    size_bytes BIGINT,
    sha256 ${text},
    media_type ${text},
    recorded_at ${text} NOT NULL,
    PRIMARY KEY (run_id, position)
) ${clustered};

-- A series is one metric of one run; points are keyed by its small number. Timestamps are milliseconds since 1970-01-01
-- UTC. A null value is NaN, which SQLite cannot store as a number.
CREATE TABLE metric_series (
    series ${serial},
    run_id ${text} NOT NULL,
    name ${text} NOT NULL,
    UNIQUE (run_id, name)
);
CREATE TABLE metric_points (
    series BIGINT NOT NULL,
    step BIGINT NOT NULL,
    timestamp BIGINT NOT NULL,
    value DOUBLE PRECISION,
    PRIMARY KEY (series, step)
) ${clustered};

-- How far each spool has been brought in: a spool's writes are numbered, and applied in one transaction with their
-- number here, so that each counts once however often it is replayed.
CREATE TABLE applied_spools (
    spool_id ${text} PRIMARY KEY,
    position BIGINT NOT NULL,
    applied_at ${text} NOT NULL
) ${clustered};
