-- The schema memeval after all migrations.

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

-- Parts of a result as rows, for queries of the user's own. Positions are those in the result, from 0.
CREATE TABLE memeval.iterations (
    run bigint NOT NULL REFERENCES memeval.runs ON DELETE CASCADE,
    position bigint NOT NULL,
    phase text NOT NULL,
    index bigint,
    started_at timestamptz NOT NULL,
    duration_seconds double precision NOT NULL,
    status text NOT NULL,
    error_type text,
    retained_bytes bigint,
    peak_bytes bigint,
    rss_bytes bigint,
    uss_bytes bigint,
    native_heap_bytes bigint,
    cpu_seconds double precision,
    model_calls bigint,
    tool_calls bigint,
    input_tokens bigint,
    output_tokens bigint,
    PRIMARY KEY (run, position)
);

CREATE TABLE memeval.sites (
    run bigint NOT NULL REFERENCES memeval.runs ON DELETE CASCADE,
    position bigint NOT NULL,
    file text NOT NULL,
    line bigint,
    function text NOT NULL,
    signature text NOT NULL,
    bytes_per_iteration double precision NOT NULL,
    retained_bytes bigint,
    blocks bigint,
    bounded boolean NOT NULL,
    PRIMARY KEY (run, position)
);

CREATE TABLE memeval.holders (
    run bigint NOT NULL REFERENCES memeval.runs ON DELETE CASCADE,
    position bigint NOT NULL,
    path text NOT NULL,
    type text NOT NULL,
    length bigint,
    items_per_iteration double precision NOT NULL,
    bytes_per_iteration double precision,
    bound bigint,
    PRIMARY KEY (run, position)
);

CREATE TABLE memeval.resources (
    run bigint NOT NULL REFERENCES memeval.runs ON DELETE CASCADE,
    position bigint NOT NULL,
    name text NOT NULL,
    per_iteration double precision NOT NULL,
    PRIMARY KEY (run, position)
);

-- Leaks: the same signature in two runs is the same leak.
CREATE TABLE memeval.signatures (
    run bigint NOT NULL REFERENCES memeval.runs ON DELETE CASCADE,
    position bigint NOT NULL,
    signature text NOT NULL,
    location text NOT NULL,
    per_iteration double precision NOT NULL,
    PRIMARY KEY (run, position)
);
CREATE INDEX signatures_signature ON memeval.signatures (signature, run);
