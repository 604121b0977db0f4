-- The tables of the registry, in SQL that SQLite and PostgreSQL both read once two words are filled in:
--   ${serial}  an integer primary key that the database assigns and never gives out twice
--   ${now}     the moment of the insert, as text in UTC

CREATE TABLE IF NOT EXISTS run (
    id ${serial},
    run_name TEXT UNIQUE NOT NULL,
    description TEXT,
    metadata TEXT
);

-- `parent_id` names a model that may have been deleted since: a child keeps it and stands as an orphan, so no foreign
-- key guards it, and ids are never given out twice. `source_run_id` names the tracker's run that made the model.
CREATE TABLE IF NOT EXISTS model (
    id ${serial},
    model_name TEXT NOT NULL,
    path TEXT,
    parent_id INTEGER,
    run_id INTEGER NOT NULL REFERENCES run (id),
    source_run_id TEXT,
    UNIQUE (model_name, run_id)
);
CREATE INDEX IF NOT EXISTS model_parent ON model (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS model_run ON model (run_id);
CREATE INDEX IF NOT EXISTS model_source ON model (source_run_id) WHERE source_run_id IS NOT NULL;

CREATE TABLE IF NOT EXISTS checkpoint (
    id ${serial},
    model_id INTEGER NOT NULL REFERENCES model (id) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    path TEXT,
    created_at TEXT DEFAULT ${now}
);
CREATE UNIQUE INDEX IF NOT EXISTS checkpoint_once ON checkpoint (model_id, step, coalesce(path, ''));

CREATE TABLE IF NOT EXISTS metrics (
    id ${serial},
    model_id INTEGER REFERENCES model (id) ON DELETE CASCADE,
    checkpoint_id INTEGER REFERENCES checkpoint (id) ON DELETE CASCADE,
    family TEXT NOT NULL,
    metric_name TEXT NOT NULL,
    value REAL NOT NULL,
    CHECK ((model_id IS NULL) <> (checkpoint_id IS NULL))
);
CREATE UNIQUE INDEX IF NOT EXISTS metrics_once_per_model
    ON metrics (model_id, family, metric_name) WHERE model_id IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS metrics_once_per_checkpoint
    ON metrics (checkpoint_id, family, metric_name) WHERE checkpoint_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS metrics_by_name ON metrics (family, metric_name);

CREATE TABLE IF NOT EXISTS detailed_scores (
    metric_id INTEGER NOT NULL PRIMARY KEY,
    scores TEXT NOT NULL,
    n_samples INTEGER NOT NULL,
    FOREIGN KEY (metric_id) REFERENCES metrics (id) ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS registry_schema (
    id ${serial},
    family TEXT NOT NULL,
    metric_name TEXT NOT NULL
);
