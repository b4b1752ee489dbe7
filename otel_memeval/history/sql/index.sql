-- The index of a folder with runs (SQLite). Made anew from the files where it is missing or damaged.
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    eval TEXT NOT NULL,
    settings TEXT NOT NULL,
    branch TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    passed INTEGER NOT NULL,
    started TEXT NOT NULL,   -- UTC, all of the same length
    file TEXT NOT NULL,      -- below runs/
    summary BLOB NOT NULL    -- JSON
);
CREATE INDEX runs_started ON runs (started, run_id);
CREATE INDEX runs_eval ON runs (eval, started, run_id);
CREATE INDEX runs_comparable ON runs (eval, settings, branch, passed, started, run_id);
CREATE INDEX runs_branch ON runs (branch, started, run_id);
CREATE INDEX runs_commit ON runs (commit_id, started, run_id);
CREATE INDEX runs_file ON runs (file);
CREATE TABLE tags (
    eval TEXT NOT NULL,
    name TEXT NOT NULL,
    run_id TEXT NOT NULL,
    PRIMARY KEY (eval, name)
) WITHOUT ROWID;
CREATE INDEX tags_run ON tags (run_id);
-- Files below runs/ that are no results, each with the time of its last change.
CREATE TABLE unusable (file TEXT PRIMARY KEY, changed INTEGER NOT NULL, problem TEXT NOT NULL) WITHOUT ROWID;
-- Folders whose files are all in the index, with the time of the folder's last change.
CREATE TABLE folders (name TEXT PRIMARY KEY, changed INTEGER NOT NULL) WITHOUT ROWID;
