-- How SQLite keeps the derived tables true, whoever writes to `manifests`: this logger, an older one, or a person with
-- the sqlite3 shell. The views say what a derived row is; the triggers and the one-time filling below both read them.

-- Loggers before schema 1 wrote bare NaN and Infinity, which is not JSON. Such a document is read with those values as
-- null; `manifests` itself is left as it was written.
CREATE VIEW manifest_documents AS
SELECT run_id, kind,
       CASE WHEN json_valid(document) THEN CASE json_type(document) WHEN 'object' THEN document ELSE '{}' END
            WHEN json_valid(repaired) THEN CASE json_type(repaired) WHEN 'object' THEN repaired ELSE '{}' END
            ELSE '{}' END AS document
FROM (
    SELECT run_id, kind, document,
           replace(replace(replace(
           replace(replace(replace(
           replace(replace(replace(document,
               ': NaN', ': null'), ': Infinity', ': null'), ': -Infinity', ': null'),
               ', NaN', ', null'), ', Infinity', ', null'), ', -Infinity', ', null'),
               '[NaN', '[null'), '[Infinity', '[null'), '[-Infinity', '[null') AS repaired
    FROM (
        SELECT run_id, 'params' AS kind, params_json AS document FROM manifests
        UNION ALL
        SELECT run_id, 'metrics' AS kind, final_metrics_json AS document FROM manifests
    )
);

-- ISO 8601 in UTC with microseconds whatever the spelling in `manifests`, so that text order is time order; empty where
-- that is no time.
CREATE VIEW derived_run_index AS
SELECT run_id,
       CASE WHEN timestamp GLOB '????-??-??T??:??:??.??????Z' THEN timestamp
            WHEN timestamp GLOB '????-??-??T??:??:??.??????' THEN timestamp || 'Z'
            WHEN timestamp GLOB '????-??-??T??:??:??.??????+00:00' THEN substr(timestamp, 1, 26) || 'Z'
            WHEN timestamp GLOB '[0-9][0-9][0-9][0-9]-*' THEN
                coalesce(strftime('%Y-%m-%dT%H:%M:%f000Z', timestamp), '')
            ELSE '' END AS started_at,
       dataset_id,
       CASE WHEN replace(coalesce(artifacts_json, ''), ' ', '') IN ('', '[]', '{}', 'null', '[null]') THEN 0
            ELSE 1 END AS has_artifacts,
       command,
       note
FROM manifests
WHERE run_id IS NOT NULL;

CREATE VIEW derived_run_metrics AS
SELECT d.run_id, e.key AS name, e.value AS value
FROM manifest_documents AS d, json_each(d.document) AS e
WHERE d.kind = 'metrics' AND e.type IN ('integer', 'real') AND e.value BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308
  AND d.run_id IS NOT NULL;

-- A value inside an object is named by its dotted path; an array is one value.
CREATE VIEW derived_run_params AS
SELECT d.run_id,
       CASE e.path WHEN '$' THEN e.key ELSE replace(substr(e.fullkey, 3), '"', '') END AS name,
       CASE e.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' WHEN 'null' THEN 'null'
            ELSE CAST(e.value AS TEXT) END AS text,
       CASE WHEN e.type IN ('integer', 'real') THEN e.value END AS number
FROM manifest_documents AS d, json_tree(d.document) AS e
WHERE d.kind = 'params' AND e.type <> 'object' AND typeof(e.key) = 'text' AND instr(e.path, '[') = 0
  AND d.run_id IS NOT NULL;

CREATE VIRTUAL TABLE run_text USING fts5 (command, note, params, dataset_id, tags, tokenize = 'unicode61');

CREATE VIEW derived_run_text AS
SELECT s.seq AS seq, m.run_id AS run_id, m.command AS command, m.note AS note, m.params_json AS params,
       m.dataset_id AS dataset_id,
       (SELECT group_concat(t.tag, ' ') FROM run_tags AS t WHERE t.run_id = m.run_id) AS tags
FROM manifests AS m JOIN run_state AS s ON s.run_id = m.run_id;

-- Deriving a run anew is one insert into this view. What was there before goes first: a row that replaces another
-- (INSERT OR REPLACE) fires no DELETE trigger.
CREATE VIEW runs_to_derive AS SELECT run_id FROM manifests;

CREATE TRIGGER runs_to_derive_inserted INSTEAD OF INSERT ON runs_to_derive WHEN NEW.run_id IS NOT NULL
BEGIN
    DELETE FROM run_index WHERE run_id = NEW.run_id;
    INSERT INTO run_index (run_id, started_at, dataset_id, has_artifacts, command, note)
        SELECT run_id, started_at, dataset_id, has_artifacts, command, note FROM derived_run_index WHERE run_id = NEW.run_id;
    INSERT INTO run_state (run_id, started_at)
        SELECT run_id, started_at FROM run_index
        WHERE run_id = NEW.run_id AND NOT EXISTS (SELECT 1 FROM run_state WHERE run_id = NEW.run_id);
    DELETE FROM run_metrics WHERE run_id = NEW.run_id;
    INSERT INTO run_metrics (run_id, name, value)
        SELECT run_id, name, value FROM derived_run_metrics WHERE run_id = NEW.run_id
        ON CONFLICT (run_id, name) DO UPDATE SET value = excluded.value;
    DELETE FROM run_params WHERE run_id = NEW.run_id;
    INSERT INTO run_params (run_id, name, text, number)
        SELECT run_id, name, text, number FROM derived_run_params WHERE run_id = NEW.run_id
        ON CONFLICT (run_id, name) DO UPDATE SET text = excluded.text, number = excluded.number;
    DELETE FROM run_text WHERE rowid = (SELECT seq FROM run_state WHERE run_id = NEW.run_id);
    INSERT INTO run_text (rowid, command, note, params, dataset_id, tags)
        SELECT seq, command, note, params, dataset_id, tags FROM derived_run_text WHERE run_id = NEW.run_id;
END;

CREATE TRIGGER manifests_inserted AFTER INSERT ON manifests
BEGIN
    INSERT INTO runs_to_derive (run_id) VALUES (NEW.run_id);
END;

CREATE TRIGGER manifests_metrics_updated AFTER UPDATE OF final_metrics_json ON manifests
    WHEN OLD.run_id IS NEW.run_id AND OLD.final_metrics_json IS NOT NEW.final_metrics_json
BEGIN
    DELETE FROM run_metrics WHERE run_id = NEW.run_id;
    INSERT INTO run_metrics (run_id, name, value)
        SELECT run_id, name, value FROM derived_run_metrics WHERE run_id = NEW.run_id
        ON CONFLICT (run_id, name) DO UPDATE SET value = excluded.value;
END;

CREATE TRIGGER manifests_params_updated AFTER UPDATE OF params_json ON manifests
    WHEN OLD.run_id IS NEW.run_id AND OLD.params_json IS NOT NEW.params_json
BEGIN
    DELETE FROM run_params WHERE run_id = NEW.run_id;
    INSERT INTO run_params (run_id, name, text, number)
        SELECT run_id, name, text, number FROM derived_run_params WHERE run_id = NEW.run_id
        ON CONFLICT (run_id, name) DO UPDATE SET text = excluded.text, number = excluded.number;
END;

CREATE TRIGGER manifests_index_updated
    AFTER UPDATE OF timestamp, dataset_id, artifacts_json, command, note ON manifests
    WHEN OLD.run_id IS NEW.run_id AND NEW.run_id IS NOT NULL
     AND (OLD.timestamp IS NOT NEW.timestamp OR OLD.dataset_id IS NOT NEW.dataset_id
          OR OLD.artifacts_json IS NOT NEW.artifacts_json OR OLD.command IS NOT NEW.command OR OLD.note IS NOT NEW.note)
BEGIN
    DELETE FROM run_index WHERE run_id = NEW.run_id;
    INSERT INTO run_index (run_id, started_at, dataset_id, has_artifacts, command, note)
        SELECT run_id, started_at, dataset_id, has_artifacts, command, note FROM derived_run_index WHERE run_id = NEW.run_id;
END;

CREATE TRIGGER manifests_text_updated AFTER UPDATE OF command, note, params_json, dataset_id ON manifests
    WHEN OLD.run_id IS NEW.run_id
     AND (OLD.command IS NOT NEW.command OR OLD.note IS NOT NEW.note
          OR OLD.params_json IS NOT NEW.params_json OR OLD.dataset_id IS NOT NEW.dataset_id)
BEGIN
    DELETE FROM run_text WHERE rowid = (SELECT seq FROM run_state WHERE run_id = NEW.run_id);
    INSERT INTO run_text (rowid, command, note, params, dataset_id, tags)
        SELECT seq, command, note, params, dataset_id, tags FROM derived_run_text WHERE run_id = NEW.run_id;
END;

-- Forgetting a run is one insert into this view.
CREATE VIEW runs_to_forget AS SELECT run_id FROM manifests;

CREATE TRIGGER runs_to_forget_inserted INSTEAD OF INSERT ON runs_to_forget
BEGIN
    DELETE FROM run_text WHERE rowid = (SELECT seq FROM run_state WHERE run_id = NEW.run_id);
    DELETE FROM run_index WHERE run_id = NEW.run_id;
    DELETE FROM run_metrics WHERE run_id = NEW.run_id;
    DELETE FROM run_params WHERE run_id = NEW.run_id;
    DELETE FROM run_tags WHERE run_id = NEW.run_id;
    DELETE FROM artifacts WHERE run_id = NEW.run_id;
    DELETE FROM metric_points WHERE series IN (SELECT series FROM metric_series WHERE run_id = NEW.run_id);
    DELETE FROM metric_series WHERE run_id = NEW.run_id;
    DELETE FROM run_state WHERE run_id = NEW.run_id;
END;

-- A run that takes the id of another (UPDATE OR REPLACE) replaces it whole; one that loses its id is no run any more.
CREATE TRIGGER manifests_renamed AFTER UPDATE OF run_id ON manifests WHEN OLD.run_id IS NOT NEW.run_id
BEGIN
    INSERT INTO runs_to_forget (run_id) VALUES (NEW.run_id);
    DELETE FROM run_text WHERE rowid = (SELECT seq FROM run_state WHERE run_id = OLD.run_id);
    DELETE FROM run_index WHERE run_id = OLD.run_id;
    DELETE FROM run_metrics WHERE run_id = OLD.run_id;
    DELETE FROM run_params WHERE run_id = OLD.run_id;
    UPDATE run_state SET run_id = NEW.run_id WHERE run_id = OLD.run_id AND NEW.run_id IS NOT NULL;
    UPDATE run_state SET parent_run_id = NEW.run_id WHERE parent_run_id = OLD.run_id;
    UPDATE run_tags SET run_id = NEW.run_id WHERE run_id = OLD.run_id AND NEW.run_id IS NOT NULL;
    UPDATE artifacts SET run_id = NEW.run_id WHERE run_id = OLD.run_id AND NEW.run_id IS NOT NULL;
    UPDATE metric_series SET run_id = NEW.run_id WHERE run_id = OLD.run_id AND NEW.run_id IS NOT NULL;
    INSERT INTO runs_to_forget (run_id) VALUES (OLD.run_id);
    INSERT INTO runs_to_derive (run_id) VALUES (NEW.run_id);
END;

CREATE TRIGGER manifests_deleted AFTER DELETE ON manifests
BEGIN
    INSERT INTO runs_to_forget (run_id) VALUES (OLD.run_id);
END;

CREATE TRIGGER run_tags_inserted AFTER INSERT ON run_tags
BEGIN
    UPDATE run_text SET tags = (SELECT group_concat(tag, ' ') FROM run_tags WHERE run_id = NEW.run_id)
        WHERE rowid = (SELECT seq FROM run_state WHERE run_id = NEW.run_id);
END;

CREATE TRIGGER run_tags_updated AFTER UPDATE ON run_tags
BEGIN
    UPDATE run_text SET tags = (SELECT group_concat(tag, ' ') FROM run_tags WHERE run_id = OLD.run_id)
        WHERE rowid = (SELECT seq FROM run_state WHERE run_id = OLD.run_id);
    UPDATE run_text SET tags = (SELECT group_concat(tag, ' ') FROM run_tags WHERE run_id = NEW.run_id)
        WHERE rowid = (SELECT seq FROM run_state WHERE run_id = NEW.run_id);
END;

CREATE TRIGGER run_tags_deleted AFTER DELETE ON run_tags
BEGIN
    UPDATE run_text SET tags = (SELECT group_concat(tag, ' ') FROM run_tags WHERE run_id = OLD.run_id)
        WHERE rowid = (SELECT seq FROM run_state WHERE run_id = OLD.run_id);
END;

-- Fills the derived tables once for the rows that were there before.
INSERT INTO run_index (run_id, started_at, dataset_id, has_artifacts, command, note)
    SELECT run_id, started_at, dataset_id, has_artifacts, command, note FROM derived_run_index;
INSERT INTO run_state (run_id, started_at)
    SELECT run_id, started_at FROM run_index WHERE true ORDER BY started_at, run_id
    ON CONFLICT (run_id) DO NOTHING;
INSERT INTO run_metrics (run_id, name, value)
    SELECT run_id, name, value FROM derived_run_metrics WHERE true
    ON CONFLICT (run_id, name) DO UPDATE SET value = excluded.value;
INSERT INTO run_params (run_id, name, text, number)
    SELECT run_id, name, text, number FROM derived_run_params WHERE true
    ON CONFLICT (run_id, name) DO UPDATE SET text = excluded.text, number = excluded.number;
INSERT INTO run_text (rowid, command, note, params, dataset_id, tags)
    SELECT seq, command, note, params, dataset_id, tags FROM derived_run_text;
