-- name: version
SELECT coalesce(max(version), 0) FROM memeval.migrations;

-- name: has_schema
SELECT to_regnamespace('memeval') IS NOT NULL;

-- name: create_schema
CREATE SCHEMA memeval;

-- name: create_migrations
CREATE TABLE IF NOT EXISTS memeval.migrations (
    version bigint PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- name: lock_migrations
-- The number is ASCII for "memeval".
SELECT pg_advisory_xact_lock(30792292989559148);

-- name: add_migration
INSERT INTO memeval.migrations (version) VALUES (%(version)s);

-- name: begin
-- A commit has to outlive a crash of the server: the file of a run that waited is deleted after it.
SELECT
    set_config('statement_timeout', %(milliseconds)s::text, true),
    CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END;

-- name: add_run
INSERT INTO memeval.runs (
    run_id, eval, target, settings, python, branch, commit_id, dirty, started_at, duration_seconds, verdict, passed,
    retained_growth, peak_growth, native_growth, process_growth, summary, result
)
VALUES (
    %(run_id)s, %(eval)s, %(target)s, %(settings)s, %(python)s, %(branch)s, %(commit_id)s, %(dirty)s, %(started_at)s,
    %(duration_seconds)s, %(verdict)s, %(passed)s, %(retained_growth)s, %(peak_growth)s, %(native_growth)s,
    %(process_growth)s, %(summary)s::json, %(result)s::json
)
ON CONFLICT (run_id) DO NOTHING
RETURNING number;

-- name: add_iterations
-- Rows as JSON with the names of the columns, as in the next four.
INSERT INTO memeval.iterations SELECT * FROM json_populate_recordset(NULL::memeval.iterations, %(rows)s::json);

-- name: add_sites
INSERT INTO memeval.sites SELECT * FROM json_populate_recordset(NULL::memeval.sites, %(rows)s::json);

-- name: add_holders
INSERT INTO memeval.holders SELECT * FROM json_populate_recordset(NULL::memeval.holders, %(rows)s::json);

-- name: add_resources
INSERT INTO memeval.resources SELECT * FROM json_populate_recordset(NULL::memeval.resources, %(rows)s::json);

-- name: add_signatures
INSERT INTO memeval.signatures SELECT * FROM json_populate_recordset(NULL::memeval.signatures, %(rows)s::json);

-- name: runs
-- A parameter that is NULL is no condition: the planner leaves it out, since it plans with the values.
SELECT
    runs.summary::text,
    ARRAY(SELECT tags.name FROM memeval.tags WHERE tags.run = runs.number ORDER BY tags.name)
FROM memeval.runs
WHERE
    (%(eval)s::text IS NULL OR runs.eval = %(eval)s)
    AND (%(settings)s::text IS NULL OR runs.settings = %(settings)s)
    AND (%(branch)s::text IS NULL OR runs.branch = %(branch)s)
    AND (%(commit_id)s::text IS NULL OR runs.commit_id = %(commit_id)s)
    AND (%(passed)s::boolean IS NULL OR runs.passed = %(passed)s)
    AND (%(started_before)s::timestamptz IS NULL OR runs.started_at < %(started_before)s)
    AND (%(tag)s::text IS NULL OR runs.number IN (SELECT tags.run FROM memeval.tags WHERE tags.name = %(tag)s))
    AND runs.run_id <> ALL (%(without_runs)s::text[])
ORDER BY runs.started_at DESC, runs.run_id DESC
LIMIT %(limit)s;

-- name: with_prefix
SELECT
    runs.summary::text,
    ARRAY(SELECT tags.name FROM memeval.tags WHERE tags.run = runs.number ORDER BY tags.name)
FROM memeval.runs
WHERE runs.run_id ^@ %(prefix)s
ORDER BY runs.started_at DESC, runs.run_id DESC
LIMIT 10;

-- name: result
SELECT runs.result::text FROM memeval.runs WHERE runs.run_id = %(run_id)s;

-- name: tag
INSERT INTO memeval.tags (eval, name, run)
SELECT runs.eval, %(name)s, runs.number FROM memeval.runs WHERE runs.run_id = %(run_id)s
ON CONFLICT (eval, name) DO UPDATE SET run = excluded.run;

-- name: prune
DELETE FROM memeval.runs
WHERE runs.started_at < %(started_before)s AND NOT EXISTS (SELECT FROM memeval.tags WHERE tags.run = runs.number);
