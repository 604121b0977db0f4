-- What a store needs that many people share: who may do what, who did what, and where copies of artifacts are. The words
-- are those of 0001_tables.sql.

-- `created_by` is the user whose token started the run, null where no token was asked for. `is_presumed` is 1 where a
-- reader took the run's process for dead: a sign of life takes that back, while an end that the run itself told stays.
ALTER TABLE run_state ADD COLUMN created_by ${text};
ALTER TABLE run_state ADD COLUMN is_presumed INTEGER NOT NULL DEFAULT 0;

-- A token is kept as the SHA-256 of its text; it is 256 random bits, so that nothing is gained by a slower hash.
CREATE TABLE tokens (
    token_id ${serial},
    name ${text} NOT NULL,
    role ${text} NOT NULL CHECK (role IN ('read', 'write', 'admin')),
    token_sha256 ${text} NOT NULL UNIQUE,
    created_at ${text} NOT NULL,
    revoked_at ${text}
);

CREATE TABLE note_changes (
    change_id ${serial},
    run_id ${text} NOT NULL,
    changed_at ${text} NOT NULL,
    changed_by ${text},
    former_note ${text},
    note ${text}
);
CREATE INDEX note_changes_run ON note_changes (run_id, change_id);

-- The content that the artifact store holds, by its SHA-256.
CREATE TABLE objects (
    sha256 ${text} PRIMARY KEY,
    size_bytes BIGINT NOT NULL,
    stored_at ${text} NOT NULL
) ${clustered};

-- 1 where another machine recorded the artifact: its path means nothing on the server's own disk.
ALTER TABLE artifacts ADD COLUMN is_remote INTEGER NOT NULL DEFAULT 0;

-- The files that make up an artifact whose content was sent: one with an empty path for a file, one for each file of a
-- folder under its relative path. The content is in the artifact store once `objects` has its SHA-256.
CREATE TABLE artifact_files (
    run_id ${text} NOT NULL,
    position INTEGER NOT NULL,
    path ${text} NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 ${text} NOT NULL,
    PRIMARY KEY (run_id, position, path)
) ${clustered};
CREATE INDEX artifact_files_object ON artifact_files (sha256);
