-- A run that is forgotten or renamed takes the rows of the tables of version 2 along. See 0001_derived.sqlite.sql.

DROP TRIGGER runs_to_forget_inserted;
CREATE TRIGGER runs_to_forget_inserted INSTEAD OF INSERT ON runs_to_forget
BEGIN
    DELETE FROM run_text WHERE rowid = (SELECT seq FROM run_state WHERE run_id = NEW.run_id);
    DELETE FROM run_index WHERE run_id = NEW.run_id;
    DELETE FROM run_metrics WHERE run_id = NEW.run_id;
    DELETE FROM run_params WHERE run_id = NEW.run_id;
    DELETE FROM run_tags WHERE run_id = NEW.run_id;
    DELETE FROM artifacts WHERE run_id = NEW.run_id;
    DELETE FROM artifact_files WHERE run_id = NEW.run_id;
    DELETE FROM note_changes WHERE run_id = NEW.run_id;
    DELETE FROM metric_points WHERE series IN (SELECT series FROM metric_series WHERE run_id = NEW.run_id);
    DELETE FROM metric_series WHERE run_id = NEW.run_id;
    DELETE FROM run_state WHERE run_id = NEW.run_id;
END;

DROP TRIGGER manifests_renamed;
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
    UPDATE artifact_files SET run_id = NEW.run_id WHERE run_id = OLD.run_id AND NEW.run_id IS NOT NULL;
    UPDATE note_changes SET run_id = NEW.run_id WHERE run_id = OLD.run_id AND NEW.run_id IS NOT NULL;
    UPDATE metric_series SET run_id = NEW.run_id WHERE run_id = OLD.run_id AND NEW.run_id IS NOT NULL;
    INSERT INTO runs_to_forget (run_id) VALUES (OLD.run_id);
    INSERT INTO runs_to_derive (run_id) VALUES (NEW.run_id);
END;
