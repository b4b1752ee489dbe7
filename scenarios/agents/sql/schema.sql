-- Everything lives in a schema of its own, so that a database with other tables can be used.
-- The lock makes two processes that start at once take turns: IF NOT EXISTS alone races.
SELECT pg_advisory_xact_lock(hashtext('memeval_team.schema'));

CREATE SCHEMA IF NOT EXISTS memeval_team;

CREATE TABLE IF NOT EXISTS memeval_team.sessions (
    session_id text NOT NULL,
    agent text NOT NULL,  -- a session is shared by a team and its members; each has its own part of it
    user_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (session_id, agent)
);

CREATE TABLE IF NOT EXISTS memeval_team.runs (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id text NOT NULL UNIQUE,
    session_id text NOT NULL,
    agent text NOT NULL,
    messages jsonb NOT NULL,  -- what this run added to the conversation: a list of chat messages
    created_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (session_id, agent) REFERENCES memeval_team.sessions ON DELETE CASCADE
);

CREATE INDEX IF NOT EXISTS runs_of_session ON memeval_team.runs (session_id, agent, number DESC);
CREATE INDEX IF NOT EXISTS sessions_of_user ON memeval_team.sessions (user_id);

CREATE TABLE IF NOT EXISTS memeval_team.user_memories (
    memory_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id text NOT NULL,
    memory text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS memories_of_user ON memeval_team.user_memories (user_id, memory_id DESC);
