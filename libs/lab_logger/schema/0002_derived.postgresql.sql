-- A run that is forgotten or renamed takes the rows of the tables of version 2 along. See 0001_derived.postgresql.sql.

CREATE OR REPLACE FUNCTION lab_forget_run(forgotten TEXT) RETURNS VOID LANGUAGE sql AS $$
    DELETE FROM run_text WHERE rowid = (SELECT seq FROM run_state WHERE run_id = forgotten);
    DELETE FROM run_index WHERE run_id = forgotten;
    DELETE FROM run_metrics WHERE run_id = forgotten;
    DELETE FROM run_params WHERE run_id = forgotten;
    DELETE FROM run_tags WHERE run_id = forgotten;
    DELETE FROM artifacts WHERE run_id = forgotten;
    DELETE FROM artifact_files WHERE run_id = forgotten;
    DELETE FROM note_changes WHERE run_id = forgotten;
    DELETE FROM metric_points WHERE series IN (SELECT series FROM metric_series WHERE run_id = forgotten);
    DELETE FROM metric_series WHERE run_id = forgotten;
    DELETE FROM run_state WHERE run_id = forgotten;
$$;

CREATE OR REPLACE FUNCTION lab_rename_run(former TEXT, latter TEXT) RETURNS VOID LANGUAGE sql AS $$
    SELECT lab_forget_run(latter);
    DELETE FROM run_text WHERE rowid = (SELECT seq FROM run_state WHERE run_id = former);
    DELETE FROM run_index WHERE run_id = former;
    DELETE FROM run_metrics WHERE run_id = former;
    DELETE FROM run_params WHERE run_id = former;
    UPDATE run_state SET run_id = latter WHERE run_id = former;
    UPDATE run_state SET parent_run_id = latter WHERE parent_run_id = former;
    UPDATE run_tags SET run_id = latter WHERE run_id = former;
    UPDATE artifacts SET run_id = latter WHERE run_id = former;
    UPDATE artifact_files SET run_id = latter WHERE run_id = former;
    UPDATE note_changes SET run_id = latter WHERE run_id = former;
    UPDATE metric_series SET run_id = latter WHERE run_id = former;
$$;
