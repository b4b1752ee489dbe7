-- Runs, and the names that were given to them.
CREATE TABLE memeval.runs (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id text COLLATE "C" NOT NULL UNIQUE,
    eval text NOT NULL,
    target text NOT NULL,
    settings text NOT NULL,
    python text NOT NULL,
    branch text NOT NULL,
    commit_id text NOT NULL,
    dirty boolean NOT NULL,
    started_at timestamptz NOT NULL,
    duration_seconds double precision NOT NULL,
    verdict text NOT NULL,
    passed boolean NOT NULL,
    retained_growth double precision,
    peak_growth double precision,
    native_growth double precision,
    process_growth double precision,
    summary json NOT NULL,
    result json NOT NULL
);
COMMENT ON COLUMN memeval.runs.retained_growth IS 'bytes per iteration, as the other growth';
CREATE INDEX runs_started ON memeval.runs (started_at DESC, run_id DESC);
CREATE INDEX runs_eval ON memeval.runs (eval, started_at DESC, run_id DESC);
CREATE INDEX runs_comparable ON memeval.runs (eval, settings, branch, passed, started_at DESC, run_id DESC);
CREATE INDEX runs_branch ON memeval.runs (branch, started_at DESC, run_id DESC);
CREATE INDEX runs_commit ON memeval.runs (commit_id, started_at DESC, run_id DESC);

CREATE TABLE memeval.tags (
    eval text NOT NULL,
    name text NOT NULL,
    run bigint NOT NULL REFERENCES memeval.runs ON DELETE CASCADE,
    PRIMARY KEY (eval, name)
);
CREATE INDEX tags_run ON memeval.tags (run);
CREATE INDEX tags_name ON memeval.tags (name);
