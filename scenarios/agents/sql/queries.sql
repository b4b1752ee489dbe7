-- name: save_run
WITH session AS (
    INSERT INTO memeval_team.sessions (session_id, agent, user_id)
    VALUES (%(session_id)s, %(agent)s, %(user_id)s)
    ON CONFLICT DO NOTHING
)
INSERT INTO memeval_team.runs (run_id, session_id, agent, messages)
VALUES (%(run_id)s, %(session_id)s, %(agent)s, %(messages)s);

-- name: history
-- The last runs of a session, oldest first. The limit is in SQL and not in Python, so that no other rows are loaded.
SELECT recent.messages
FROM (
    SELECT runs.number, runs.messages
    FROM memeval_team.runs AS runs
    WHERE runs.session_id = %(session_id)s AND runs.agent = %(agent)s
    ORDER BY runs.number DESC
    LIMIT %(limit)s
) AS recent
ORDER BY recent.number;

-- name: memories
-- The newest memories of a user, oldest first.
SELECT newest.memory_id, newest.memory
FROM (
    SELECT memory_id, memory
    FROM memeval_team.user_memories
    WHERE user_id = %(user_id)s
    ORDER BY memory_id DESC
    LIMIT %(limit)s
) AS newest
ORDER BY newest.memory_id;

-- name: add_memory
INSERT INTO memeval_team.user_memories (user_id, memory)
VALUES (%(user_id)s, %(memory)s)
RETURNING memory_id;

-- name: update_memory
UPDATE memeval_team.user_memories
SET memory = %(memory)s, updated_at = now()
WHERE user_id = %(user_id)s AND memory_id = %(memory_id)s;

-- name: delete_memory
DELETE FROM memeval_team.user_memories
WHERE user_id = %(user_id)s AND memory_id = %(memory_id)s;

-- name: delete_sessions_of_user
DELETE FROM memeval_team.sessions WHERE user_id = %(user_id)s;

-- name: delete_memories_of_user
DELETE FROM memeval_team.user_memories WHERE user_id = %(user_id)s;
