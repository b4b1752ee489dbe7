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
