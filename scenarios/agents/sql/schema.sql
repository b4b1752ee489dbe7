-- All tables are in a separate schema, so that a database with other tables can be used.
-- The lock serialises processes that start at the same time: IF NOT EXISTS alone is subject to a race.
SELECT pg_advisory_xact_lock(hashtext('memeval_team.schema'));

CREATE SCHEMA IF NOT EXISTS memeval_team;

CREATE TABLE IF NOT EXISTS memeval_team.sessions (
    session_id text NOT NULL,
    agent text NOT NULL,  -- a team and its members share a session; each has its own rows
    user_id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (session_id, agent)
);

CREATE TABLE IF NOT EXISTS memeval_team.runs (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id text NOT NULL UNIQUE,
    session_id text NOT NULL,
    agent text NOT NULL,
    messages jsonb NOT NULL,  -- the chat messages that this run added to the conversation
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
