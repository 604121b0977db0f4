-- The tables of the registry, in SQL that SQLite and PostgreSQL both read once five words are filled in:
--   ${serial}   an integer primary key that the database assigns and never gives out twice
--   ${integer}  a whole number of 64 bits, which a primary key may be
--   ${text}     text that is ordered by its code points, whatever the language of the database
--   ${now}      the moment of the insert, as text in UTC
--   ${digest}   what stands for a text in an index that holds short entries alone; nothing where entries may be long

CREATE TABLE IF NOT EXISTS run (
    id ${serial},
    run_name ${text} NOT NULL,
    description ${text},
    metadata ${text}
);
CREATE UNIQUE INDEX IF NOT EXISTS run_once ON run (${digest}(run_name));

-- `parent_id` names a model that may have been deleted since: a child keeps it and stands as an orphan, so no foreign
-- key guards it, and ids are never given out twice. `source_run_id` names the tracker's run that made the model.
CREATE TABLE IF NOT EXISTS model (
    id ${serial},
    model_name ${text} NOT NULL,
    path ${text},
    parent_id BIGINT,
    run_id BIGINT NOT NULL REFERENCES run (id),
    source_run_id ${text}
);
CREATE UNIQUE INDEX IF NOT EXISTS model_once ON model (${digest}(model_name), run_id);
CREATE INDEX IF NOT EXISTS model_parent ON model (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS model_run ON model (run_id);
CREATE INDEX IF NOT EXISTS model_source ON model (source_run_id) WHERE source_run_id IS NOT NULL;

CREATE TABLE IF NOT EXISTS checkpoint (
    id ${serial},
    model_id BIGINT NOT NULL REFERENCES model (id) ON DELETE CASCADE,
    step BIGINT NOT NULL,
    path ${text},
    created_at ${text} DEFAULT ${now}
);
CREATE UNIQUE INDEX IF NOT EXISTS checkpoint_once ON checkpoint (model_id, step, ${digest}(coalesce(path, '')));

CREATE TABLE IF NOT EXISTS metrics (
    id ${serial},
    model_id BIGINT REFERENCES model (id) ON DELETE CASCADE,
    checkpoint_id BIGINT REFERENCES checkpoint (id) ON DELETE CASCADE,
    family ${text} NOT NULL,
    metric_name ${text} NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    CHECK ((model_id IS NULL) <> (checkpoint_id IS NULL))
);
CREATE UNIQUE INDEX IF NOT EXISTS metrics_once_per_model
    ON metrics (model_id, ${digest}(family), ${digest}(metric_name)) WHERE model_id IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS metrics_once_per_checkpoint
    ON metrics (checkpoint_id, ${digest}(family), ${digest}(metric_name)) WHERE checkpoint_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS metrics_by_name ON metrics (${digest}(family), ${digest}(metric_name));

CREATE TABLE IF NOT EXISTS detailed_scores (
    metric_id ${integer} NOT NULL PRIMARY KEY,
    scores ${text} NOT NULL,
    n_samples INTEGER NOT NULL,
    FOREIGN KEY (metric_id) REFERENCES metrics (id) ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS registry_schema (
    id ${serial},
    family ${text} NOT NULL,
    metric_name ${text} NOT NULL
);
