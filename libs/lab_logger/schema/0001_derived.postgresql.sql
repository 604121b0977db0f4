-- How PostgreSQL keeps the derived tables true, whoever writes to `manifests`. What a derived row is, is what
-- 0001_derived.sqlite.sql says; only what the two databases do differently is explained here. Works on PostgreSQL 14 and
-- later, in a database whose encoding is UTF8. A function that catches an error is not PARALLEL SAFE, nor what calls it.

-- A row of a B-tree takes 2,700 bytes at the most. A longer text is kept there as its beginning and its SHA-256, so that
-- equal texts stay equal and different ones different.
CREATE FUNCTION lab_indexable(value TEXT, most_bytes INTEGER) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length(value) <= most_bytes THEN value
                ELSE left(value, most_bytes / 5) || '… ' || encode(sha256(convert_to(value, 'UTF8')), 'hex') END
$$;
CREATE FUNCTION lab_indexed_name(value TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lab_indexable(value, 1500)
$$;
CREATE FUNCTION lab_indexed_value(value TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lab_indexable(value, 1000)
$$;

-- JSON may spell what text cannot hold here: the character NUL, and one half of a surrogate pair.
CREATE FUNCTION lab_sayable(document TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT regexp_replace(regexp_replace(regexp_replace(document,
        '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g'),
        '(?<!\\)((?:\\\\)*)\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])', '\1\\ufffd', 'g'),
        '(?<!\\)((?:\\\\)*)(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}', '\1\\ufffd', 'g')
$$;

-- Loggers before schema 1 wrote bare NaN and Infinity, which is not JSON. Such a document is read with those values as
-- null; one that is no object is read as an empty one.
CREATE FUNCTION lab_json_object(document TEXT) RETURNS JSON LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    parsed JSON;
BEGIN
    BEGIN
        parsed := CASE WHEN strpos(document, '\u') > 0 THEN lab_sayable(document) ELSE document END;
    EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
        BEGIN
            parsed := lab_sayable(
                replace(replace(replace(
                replace(replace(replace(
                replace(replace(replace(document,
                    ': NaN', ': null'), ': Infinity', ': null'), ': -Infinity', ': null'),
                    ', NaN', ', null'), ', Infinity', ', null'), ', -Infinity', ', null'),
                    '[NaN', '[null'), '[Infinity', '[null'), '[-Infinity', '[null'));
        EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
            parsed := NULL;
        END;
    END;
    RETURN CASE json_typeof(parsed) WHEN 'object' THEN parsed ELSE '{}' END;
END
$$;

-- A number as JSON spells it; beyond what a float holds, an infinity or zero.
CREATE FUNCTION lab_json_number(spelled TEXT) RETURNS DOUBLE PRECISION LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN spelled::DOUBLE PRECISION;
EXCEPTION WHEN numeric_value_out_of_range THEN
    RETURN CASE WHEN spelled ~ '[eE]-' OR (spelled ~ '^-?0\.' AND spelled !~ '[eE]') THEN 0
                WHEN spelled LIKE '-%' THEN '-Infinity'::DOUBLE PRECISION
                ELSE 'Infinity'::DOUBLE PRECISION END;
END
$$;

-- An integer digit by digit, any other number as SQLite spells it: 15 digits, and always a decimal point.
CREATE FUNCTION lab_json_number_text(spelled TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE
SET extra_float_digits = 0 AS $$
    SELECT CASE WHEN spelled ~ '^-?\d+$' THEN spelled
                ELSE regexp_replace(lab_json_number(spelled)::TEXT, '^(-?\d+)(e|$)', '\1.0\2') END
$$;

CREATE FUNCTION lab_derived_metrics(document TEXT) RETURNS TABLE (name TEXT, value DOUBLE PRECISION)
LANGUAGE sql IMMUTABLE AS $$
    SELECT DISTINCT ON (e.name) e.name, e.value
    FROM (
        SELECT lab_indexed_name(key) AS name, lab_json_number(spelled::TEXT) AS value, place
        FROM json_each(lab_json_object(document)) WITH ORDINALITY AS pair (key, spelled, place)
        WHERE json_typeof(spelled) = 'number'
    ) AS e
    WHERE e.value BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308
    ORDER BY e.name, e.place DESC
$$;

-- A value inside an object is named by its dotted path; an array is one value, without spaces between its items.
CREATE FUNCTION lab_derived_params(document TEXT) RETURNS TABLE (name TEXT, text TEXT, number DOUBLE PRECISION)
LANGUAGE sql IMMUTABLE AS $$
    WITH RECURSIVE tree (place, name, value, kind) AS (
        SELECT ARRAY[pair.place], pair.key, pair.value, json_typeof(pair.value)
        FROM json_each(lab_json_object(document)) WITH ORDINALITY AS pair (key, value, place)
        UNION ALL
        SELECT tree.place || pair.place, replace(tree.name || '.' || pair.key, '"', ''), pair.value,
               json_typeof(pair.value)
        FROM tree, json_each(CASE tree.kind WHEN 'object' THEN tree.value ELSE '{}' END) WITH ORDINALITY
             AS pair (key, value, place)
    )
    SELECT DISTINCT ON (lab_indexed_name(tree.name))
        lab_indexed_name(tree.name),
        lab_indexed_value(CASE tree.kind
            WHEN 'string' THEN tree.value #>> '{}'
            WHEN 'number' THEN lab_json_number_text(tree.value::TEXT)
            WHEN 'array' THEN regexp_replace(tree.value::TEXT, '("(?:[^"\\]|\\.)*")|\s+', '\1', 'g')
            ELSE tree.value::TEXT END),
        CASE tree.kind WHEN 'number' THEN lab_json_number(tree.value::TEXT) END
    FROM tree
    WHERE tree.kind <> 'object'
    ORDER BY lab_indexed_name(tree.name), tree.place DESC
$$;

-- ISO 8601 in UTC with microseconds, so that text order is time order; empty where that is no time. A day that the month
-- does not have counts on into the next month.
CREATE FUNCTION lab_started_at(spelled TEXT) RETURNS TEXT LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    part TEXT[];
    moment TIMESTAMP;
BEGIN
    IF spelled LIKE '____-__-__T__:__:__.______Z' THEN RETURN spelled; END IF;
    IF spelled LIKE '____-__-__T__:__:__.______' THEN RETURN spelled || 'Z'; END IF;
    IF spelled LIKE '____-__-__T__:__:__.______+00:00' THEN RETURN left(spelled, 26) || 'Z'; END IF;
    part := regexp_match(spelled, '^(\d{4})-(\d\d)-(\d\d)(?:(?:T|\s+)(\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?'
                                  '\s*(?:[zZ]|([+-])(\d\d):(\d\d))?)?\s*$');
    IF part IS NULL OR part[2]::INTEGER NOT BETWEEN 1 AND 12 OR part[3]::INTEGER NOT BETWEEN 1 AND 31 THEN
        RETURN '';
    END IF;
    moment := make_date(part[1]::INTEGER, part[2]::INTEGER, 1) + (part[3]::INTEGER - 1)
              + make_time(coalesce(part[4], '0')::INTEGER, coalesce(part[5], '0')::INTEGER,
                          coalesce(part[6], '0')::DOUBLE PRECISION)
              - make_interval(hours => coalesce(part[7] || part[8], '0')::INTEGER,
                              mins => coalesce(part[7] || part[9], '0')::INTEGER);
    RETURN to_char(moment, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
EXCEPTION WHEN data_exception THEN
    RETURN '';
END
$$;

CREATE FUNCTION lab_has_artifacts(document TEXT) RETURNS INTEGER LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN replace(coalesce(document, ''), ' ', '') IN ('', '[]', '{}', 'null', '[null]') THEN 0 ELSE 1 END
$$;

-- Text as words with single spaces between them: what is neither letter nor digit separates, case and diacritics do not
-- count, as in FTS5's tokenizer unicode61. The language of the database has no say in it: the rules come from a collation
-- that knows all of Unicode, where the server has one.
DO $do$
DECLARE
    unicode TEXT := (
        SELECT quote_ident(collname) FROM pg_collation
        WHERE collname IN ('pg_c_utf8', 'und-x-icu', 'default') AND collencoding IN (-1, 6)
        ORDER BY array_position(ARRAY['pg_c_utf8', 'und-x-icu', 'default'], collname::TEXT) LIMIT 1
    );
BEGIN
    EXECUTE format($make$
        CREATE FUNCTION lab_words(value TEXT) RETURNS TEXT LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
        BEGIN
            IF octet_length(value) = length(value) THEN
                RETURN btrim(regexp_replace(lower(value COLLATE "C"), '[^a-z0-9]+', ' ', 'g'));
            END IF;
            RETURN btrim(regexp_replace(
                normalize(regexp_replace(lower(normalize(value, NFD) COLLATE %1$s), '[\u0300-\u036f]+', '', 'g'), NFC)
                COLLATE %1$s, '[^[:alnum:]]+', ' ', 'g'));
        END
        $$
    $make$, unicode);
END
$do$;

-- The parser of to_tsvector would see numbers, addresses and paths, which FTS5 does not. A word is cut at 500 characters,
-- a text at as many as still fit together with the other texts of a run.
CREATE FUNCTION lab_text_vector(value TEXT, most_characters INTEGER) RETURNS TSVECTOR
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN (
        SELECT coalesce(string_agg(left(word, 500) || ':' || place, ' ')::TSVECTOR, '')
        FROM unnest(string_to_array(lab_words(left(value, most_characters)), ' ')) WITH ORDINALITY AS words (word, place)
        WHERE word <> ''
    );
END
$$;

-- All words of a text, in the order of those with something between their letters; the last may be the beginning of one.
CREATE FUNCTION lab_text_query(value TEXT) RETURNS TSQUERY LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (string_agg(phrase, ' & ' ORDER BY place) || ':*')::TSQUERY
    FROM (
        SELECT (SELECT string_agg(left(word, 500), ' <-> ' ORDER BY number)
                FROM unnest(string_to_array(lab_words(term), ' ')) WITH ORDINALITY AS words (word, number)
                WHERE word <> '') AS phrase, place
        FROM unnest(string_to_array(value, ' ')) WITH ORDINALITY AS terms (term, place)
    ) AS phrases
    WHERE phrase IS NOT NULL
$$;

CREATE TABLE run_text (
    rowid BIGINT PRIMARY KEY,
    document TSVECTOR NOT NULL
);
CREATE INDEX run_text_document ON run_text USING gin (document);

CREATE FUNCTION lab_derive_index(run manifests) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM run_index WHERE run_id = run.run_id;
    INSERT INTO run_index (run_id, started_at, dataset_id, has_artifacts, command, note)
        VALUES (run.run_id, coalesce(lab_started_at(run.timestamp), ''), lab_indexed_name(run.dataset_id),
                lab_has_artifacts(run.artifacts_json), run.command, run.note);
END
$$;

CREATE FUNCTION lab_derive_metrics(run manifests) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM run_metrics WHERE run_id = run.run_id;
    INSERT INTO run_metrics (run_id, name, value)
        SELECT run.run_id, name, value FROM lab_derived_metrics(run.final_metrics_json);
END
$$;

CREATE FUNCTION lab_derive_params(run manifests) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM run_params WHERE run_id = run.run_id;
    INSERT INTO run_params (run_id, name, text, number)
        SELECT run.run_id, name, text, number FROM lab_derived_params(run.params_json);
END
$$;

-- The lexeme '|' is no word: it keeps what is asked for in one piece from being found across two texts.
CREATE FUNCTION lab_derive_text(run manifests) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO run_text (rowid, document)
        SELECT s.seq,
               lab_text_vector(run.command, 40000) || '''|'':1'::TSVECTOR ||
               lab_text_vector(run.note, 40000) || '''|'':1'::TSVECTOR ||
               lab_text_vector(run.params_json, 100000) || '''|'':1'::TSVECTOR ||
               lab_text_vector(run.dataset_id, 10000) || '''|'':1'::TSVECTOR ||
               lab_text_vector((SELECT string_agg(tag, ' ' ORDER BY tag) FROM run_tags WHERE run_id = run.run_id), 10000)
        FROM run_state AS s WHERE s.run_id = run.run_id
        ON CONFLICT (rowid) DO UPDATE SET document = excluded.document;
END
$$;

CREATE FUNCTION lab_derive_run(run manifests) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lab_derive_index(run);
    IF NOT EXISTS (SELECT FROM run_state WHERE run_id = run.run_id) THEN
        INSERT INTO run_state (run_id, started_at)
            SELECT run_id, started_at FROM run_index WHERE run_id = run.run_id
            ON CONFLICT (run_id) DO NOTHING;
    END IF;
    PERFORM lab_derive_metrics(run), lab_derive_params(run), lab_derive_text(run);
END
$$;

CREATE FUNCTION lab_forget_run(forgotten TEXT) RETURNS VOID LANGUAGE sql AS $$
    DELETE FROM run_text WHERE rowid = (SELECT seq FROM run_state WHERE run_id = forgotten);
    DELETE FROM run_index WHERE run_id = forgotten;
    DELETE FROM run_metrics WHERE run_id = forgotten;
    DELETE FROM run_params WHERE run_id = forgotten;
    DELETE FROM run_tags WHERE run_id = forgotten;
    DELETE FROM artifacts WHERE run_id = forgotten;
    DELETE FROM metric_points WHERE series IN (SELECT series FROM metric_series WHERE run_id = forgotten);
    DELETE FROM metric_series WHERE run_id = forgotten;
    DELETE FROM run_state WHERE run_id = forgotten;
$$;

CREATE FUNCTION lab_rename_run(former TEXT, latter TEXT) RETURNS VOID LANGUAGE sql AS $$
    SELECT lab_forget_run(latter);
    DELETE FROM run_text WHERE rowid = (SELECT seq FROM run_state WHERE run_id = former);
    DELETE FROM run_index WHERE run_id = former;
    DELETE FROM run_metrics WHERE run_id = former;
    DELETE FROM run_params WHERE run_id = former;
    UPDATE run_state SET run_id = latter WHERE run_id = former;
    UPDATE run_state SET parent_run_id = latter WHERE parent_run_id = former;
    UPDATE run_tags SET run_id = latter WHERE run_id = former;
    UPDATE artifacts SET run_id = latter WHERE run_id = former;
    UPDATE metric_series SET run_id = latter WHERE run_id = former;
$$;

-- To compile what is derived of one run (jit) would take a hundred times as long as to derive it.
CREATE FUNCTION lab_manifest_inserted() RETURNS TRIGGER LANGUAGE plpgsql SET jit = off AS $$
BEGIN
    PERFORM lab_derive_run(NEW);
    RETURN NULL;
END
$$;
CREATE TRIGGER manifests_inserted AFTER INSERT ON manifests
    FOR EACH ROW EXECUTE FUNCTION lab_manifest_inserted();

CREATE FUNCTION lab_manifest_updated() RETURNS TRIGGER LANGUAGE plpgsql SET jit = off AS $$
BEGIN
    IF OLD.run_id <> NEW.run_id THEN
        PERFORM lab_rename_run(OLD.run_id, NEW.run_id);
        PERFORM lab_derive_run(NEW);
        RETURN NULL;
    END IF;
    IF OLD.final_metrics_json IS DISTINCT FROM NEW.final_metrics_json THEN
        PERFORM lab_derive_metrics(NEW);
    END IF;
    IF OLD.params_json IS DISTINCT FROM NEW.params_json THEN
        PERFORM lab_derive_params(NEW);
    END IF;
    IF (OLD.timestamp, OLD.dataset_id, OLD.artifacts_json, OLD.command, OLD.note)
       IS DISTINCT FROM (NEW.timestamp, NEW.dataset_id, NEW.artifacts_json, NEW.command, NEW.note) THEN
        PERFORM lab_derive_index(NEW);
    END IF;
    IF (OLD.command, OLD.note, OLD.params_json, OLD.dataset_id)
       IS DISTINCT FROM (NEW.command, NEW.note, NEW.params_json, NEW.dataset_id) THEN
        PERFORM lab_derive_text(NEW);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER manifests_updated AFTER UPDATE ON manifests
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION lab_manifest_updated();

CREATE FUNCTION lab_manifest_deleted() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lab_forget_run(OLD.run_id);
    RETURN NULL;
END
$$;
CREATE TRIGGER manifests_deleted AFTER DELETE ON manifests
    FOR EACH ROW EXECUTE FUNCTION lab_manifest_deleted();

CREATE FUNCTION lab_manifests_emptied() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lab_forget_run(run_id) FROM run_state;
    RETURN NULL;
END
$$;
CREATE TRIGGER manifests_emptied AFTER TRUNCATE ON manifests
    FOR EACH STATEMENT EXECUTE FUNCTION lab_manifests_emptied();

CREATE FUNCTION lab_tags_changed() RETURNS TRIGGER LANGUAGE plpgsql SET jit = off AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM lab_derive_text(m) FROM manifests AS m WHERE m.run_id = OLD.run_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM lab_derive_text(m) FROM manifests AS m WHERE m.run_id = NEW.run_id;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER run_tags_changed AFTER INSERT OR UPDATE OR DELETE ON run_tags
    FOR EACH ROW EXECUTE FUNCTION lab_tags_changed();

-- Filters on a part of a command or a note read every run, unless the server has the extension pg_trgm.
DO $do$
DECLARE
    place TEXT;
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
        BEGIN
            CREATE EXTENSION IF NOT EXISTS pg_trgm;
        EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported THEN
            RAISE NOTICE 'pg_trgm is not at hand: %', SQLERRM;
        END;
    END IF;
    SELECT quote_ident(n.nspname) INTO place
        FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'pg_trgm';
    IF place IS NOT NULL THEN
        EXECUTE format('CREATE INDEX run_index_command ON run_index USING gin (command %s.gin_trgm_ops)', place);
        EXECUTE format('CREATE INDEX run_index_note ON run_index USING gin (note %s.gin_trgm_ops)', place);
    END IF;
END
$do$;

-- Fills the derived tables once for the rows that were there before.
DO $do$
BEGIN
    SET LOCAL jit = off;
    PERFORM lab_derive_run(m) FROM (SELECT * FROM manifests ORDER BY lab_started_at(timestamp), run_id) AS m;
END
$do$;
