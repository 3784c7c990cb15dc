-- Every statement of the ledger, by name. All times are the server's: workers' clocks differ.
--
-- A lease that ran out while the server was away proves nothing, because nobody could renew it; so after a start of
-- the server every owner has one lease's time to come back.

-- name: claim
-- The lowest open slot of the lowest open rung. Workers that ask at once pass over each other's row instead of waiting.
-- With `others`, none that failed last on this worker: what is wrong may be wrong with its machine. A slot that three
-- workers have died with waits for the others: it may be what they die of, and a lone worker would never get past it.
-- None at all once a limit of the sweep is reached.
WITH alive AS (
    UPDATE truestrength.workers
    SET seen_at = clock_timestamp(), lease_until = clock_timestamp() + %(lease_s)s * interval '1 second'
    WHERE worker_id = %(worker_id)s
), candidate AS (
    SELECT slots.batch_id, slots.slot
    FROM truestrength.slots JOIN truestrength.sweeps USING (batch_id)
    WHERE slots.batch_id = %(batch_id)s AND slots.state = 'pending' AND sweeps.cancelled_at IS NULL
      AND (max_minutes IS NULL AND goal IS NULL OR (SELECT truestrength.reached_limit(%(batch_id)s)) IS NULL)
      AND NOT (%(others)s AND slots.worker_id IS NOT DISTINCT FROM %(worker_id)s)
      AND slots.rung = (
          SELECT lowest.rung FROM truestrength.slots AS lowest
          WHERE lowest.batch_id = %(batch_id)s AND lowest.state IN ('pending', 'running')
          ORDER BY lowest.rung LIMIT 1
      )
    ORDER BY slots.rung, slots.deaths >= 3, slots.slot
    FOR UPDATE OF slots SKIP LOCKED
    LIMIT 1
), taken AS (
    UPDATE truestrength.slots
    SET state = 'running', attempt = attempt + 1, worker_id = %(worker_id)s, lease_s = %(lease_s)s,
        lease_until = clock_timestamp() + %(lease_s)s * interval '1 second'
    FROM candidate
    WHERE slots.batch_id = candidate.batch_id AND slots.slot = candidate.slot
    RETURNING slots.batch_id, slots.slot, slots.attempt, slots.rung, slots.parameters, slots.worker_id
), started AS (
    INSERT INTO truestrength.attempts (batch_id, slot, attempt, rung, worker_id, parameters)
    SELECT batch_id, slot, attempt, rung, worker_id, parameters FROM taken
)
SELECT batch_id, slot, attempt, rung, parameters, worker_id,
       extract(epoch FROM clock_timestamp() - told_at)::float8 AS untold_s
FROM taken JOIN truestrength.sweeps USING (batch_id);

-- name: held
-- The slot that a worker holds: asked when the answer to its claim was lost on the way.
SELECT batch_id, slot, attempt, rung, parameters, worker_id,
       extract(epoch FROM clock_timestamp() - told_at)::float8 AS untold_s
FROM truestrength.slots JOIN truestrength.sweeps USING (batch_id)
WHERE batch_id = %(batch_id)s AND worker_id = %(worker_id)s AND state = 'running';

-- name: expire
-- Take the slots of dead owners away from them: those whose lease is over, and those in `dead_workers`. Who has just
-- come back from the server's absence (`back_s` ago) waits for a lease: the owners may have been cut off as well.
WITH candidate AS (
    SELECT slots.batch_id, slots.slot, slots.attempt, slots.worker_id,
           slots.deaths + 1 >= %(most_deaths)s AS exhausted
    FROM truestrength.slots
    WHERE slots.batch_id = %(batch_id)s AND slots.state = 'running'
      AND (slots.worker_id = ANY(%(dead_workers)s)
           OR (clock_timestamp() > greatest(
                   slots.lease_until, pg_postmaster_start_time() + slots.lease_s * interval '1 second')
               AND coalesce(%(back_s)s::float8 > slots.lease_s, true)))
    FOR UPDATE OF slots SKIP LOCKED
), dead AS (
    UPDATE truestrength.attempts
    SET state = CASE WHEN candidate.exhausted THEN 'failed' ELSE 'dead' END, finished_at = clock_timestamp(),
        reason = CASE WHEN candidate.exhausted THEN %(most_deaths)s || ' workers have died with it; the last one: ' ELSE '' END
              || coalesce('worker stopped: ' || workers.reason,
                          'no sign of life since ' || to_char(workers.seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'))
    FROM candidate LEFT JOIN truestrength.workers USING (worker_id)
    WHERE (attempts.batch_id, attempts.slot, attempts.attempt) = (candidate.batch_id, candidate.slot, candidate.attempt)
)
UPDATE truestrength.slots
SET state = CASE WHEN candidate.exhausted THEN 'failed' ELSE 'pending' END, deaths = deaths + 1, worker_id = NULL
FROM candidate
WHERE slots.batch_id = candidate.batch_id AND slots.slot = candidate.slot
RETURNING slots.slot;

-- name: renew
WITH alive AS (
    UPDATE truestrength.workers
    SET seen_at = clock_timestamp(), lease_until = clock_timestamp() + %(lease_s)s * interval '1 second'
    WHERE worker_id = %(worker_id)s
), renewed AS (
    UPDATE truestrength.slots
    SET lease_until = clock_timestamp() + %(lease_s)s * interval '1 second', lease_s = %(lease_s)s
    WHERE batch_id = %(batch_id)s AND slot = %(slot)s AND attempt = %(attempt)s AND state = 'running'
    RETURNING slot
)
SELECT EXISTS (SELECT FROM renewed) AS owner,
       EXISTS (SELECT FROM truestrength.sweeps
               WHERE batch_id = %(batch_id)s AND cancelled_at IS NOT NULL) AS cancelled;

-- name: begin
WITH mine AS (
    UPDATE truestrength.slots SET parameters = %(parameters)s
    WHERE batch_id = %(batch_id)s AND slot = %(slot)s AND attempt = %(attempt)s AND state = 'running'
    RETURNING slot
)
UPDATE truestrength.attempts
SET parameters = %(parameters)s, run_id = %(run_id)s
WHERE batch_id = %(batch_id)s AND slot = %(slot)s AND attempt = %(attempt)s AND EXISTS (SELECT FROM mine)
RETURNING slot;

-- name: finish
-- The result is safe from here on. Repeating it does no harm: the first acknowledgement may have been lost, and
-- the study may have been told since.
WITH mine AS (
    UPDATE truestrength.slots SET state = CASE WHEN state = 'done' THEN 'done' ELSE 'reported' END
    WHERE batch_id = %(batch_id)s AND slot = %(slot)s AND attempt = %(attempt)s
      AND state IN ('running', 'reported', 'done')
    RETURNING slot
)
UPDATE truestrength.attempts
SET state = 'complete', value = %(value)s, objectives = %(objectives)s, seconds = %(seconds)s, cost = coalesce(%(cost)s, cost),
    finished_at = coalesce(finished_at, clock_timestamp())
WHERE batch_id = %(batch_id)s AND slot = %(slot)s AND attempt = %(attempt)s AND EXISTS (SELECT FROM mine)
RETURNING slot;

-- name: give_up
-- End an attempt without a result: `failed` counts, `released` gives the slot back as if nothing had been. It may be
-- repeated when the answer was lost: the attempt has that state already.
WITH mine AS (
    UPDATE truestrength.slots
    SET failures = failures + CASE WHEN %(outcome)s = 'failed' THEN 1 ELSE 0 END,
        worker_id = CASE WHEN %(outcome)s = 'failed' THEN worker_id END,
        state = CASE WHEN %(outcome)s = 'failed' AND (%(final)s OR failures + 1 >= sweeps.max_attempts)
                     THEN 'failed' ELSE 'pending' END
    FROM truestrength.sweeps
    WHERE slots.batch_id = sweeps.batch_id
      AND slots.batch_id = %(batch_id)s AND slot = %(slot)s AND attempt = %(attempt)s AND state = 'running'
    RETURNING slot
)
UPDATE truestrength.attempts
SET state = %(outcome)s, reason = %(reason)s, cost = coalesce(%(cost)s, cost), finished_at = clock_timestamp()
WHERE batch_id = %(batch_id)s AND slot = %(slot)s AND attempt = %(attempt)s
  AND (EXISTS (SELECT FROM mine) OR state = %(outcome)s)
RETURNING slot;

-- name: blame
-- A worker was taken for dead, and now it is known that it died of its trial: the death counts as a failure.
WITH blamed AS (
    UPDATE truestrength.attempts SET state = 'failed', reason = %(reason)s
    WHERE batch_id = %(batch_id)s AND worker_id = %(worker_id)s AND state = 'dead'
    RETURNING batch_id, slot
)
UPDATE truestrength.slots
SET deaths = deaths - 1, failures = failures + 1,
    state = CASE WHEN slots.state = 'pending' AND failures + 1 >= sweeps.max_attempts THEN 'failed' ELSE slots.state END
FROM blamed JOIN truestrength.sweeps USING (batch_id)
WHERE slots.batch_id = blamed.batch_id AND slots.slot = blamed.slot AND slots.deaths > 0;

-- name: supersede
-- An owner that was taken for dead has spoken: the record says so.
UPDATE truestrength.attempts SET state = 'superseded'
WHERE batch_id = %(batch_id)s AND slot = %(slot)s AND attempt = %(attempt)s AND state = 'dead'
RETURNING slot;

-- name: progress
WITH counts AS (
    SELECT batch_id, max(rung) AS top_rung,
           count(*)::int AS n_trials,
           count(*) FILTER (WHERE state = 'pending')::int AS pending,
           count(*) FILTER (WHERE state = 'running')::int AS running,
           count(*) FILTER (WHERE state = 'reported')::int AS reported,
           count(*) FILTER (WHERE state = 'done')::int AS done,
           count(*) FILTER (WHERE state = 'failed')::int AS failed
    FROM truestrength.slots
    WHERE %(batch_id)s::text IS NULL OR batch_id = %(batch_id)s
    GROUP BY batch_id
), tried AS (
    SELECT batch_id, avg(seconds) FILTER (WHERE state = 'complete') AS mean_seconds,
           min(started_at) AS started_at, max(finished_at) AS last_finished_at,
           count(*) FILTER (WHERE state <> 'running')::int AS ended
    FROM truestrength.attempts
    WHERE %(batch_id)s::text IS NULL OR batch_id = %(batch_id)s
    GROUP BY batch_id
), limits AS (
    SELECT counts.batch_id, worked_minutes, reached
    FROM counts JOIN LATERAL (
        SELECT worked_minutes, reached FROM truestrength.reached_limits WHERE batch_id = counts.batch_id OFFSET 0
    ) AS own ON true
), best AS (
    SELECT DISTINCT ON (batch_id) batch_id, value AS best_value, run_id AS best_run_id
    FROM truestrength.attempts JOIN counts USING (batch_id) JOIN truestrength.sweeps USING (batch_id)
    WHERE state = 'complete' AND rung = top_rung
    ORDER BY batch_id, CASE direction WHEN 'minimize' THEN value ELSE -value END, run_id
)
SELECT sweeps.batch_id, spec ->> 'objective' AS objective, spec ->> 'target' AS target, spec ->> 'phase' AS phase,
       spec ->> 'method' AS method, n_trials, running, reported, done, failed,
       CASE WHEN reached IS NULL THEN pending ELSE 0 END AS pending,
       CASE WHEN reached IS NULL THEN 0 ELSE pending END AS not_needed,
       max_minutes, goal, worked_minutes, reached, mean_seconds, started_at, coalesce(ended, 0) AS ended, last_finished_at, best_value, best_run_id,
       (SELECT count(*)::int FROM truestrength.workers
        WHERE workers.batch_id = sweeps.batch_id AND stopped_at IS NULL
          AND workers.lease_until > clock_timestamp()) AS live_workers,
       cancelled_at IS NOT NULL AS cancelled
FROM counts JOIN truestrength.sweeps USING (batch_id) JOIN limits USING (batch_id)
LEFT JOIN tried USING (batch_id) LEFT JOIN best USING (batch_id)
ORDER BY sweeps.created_at, sweeps.batch_id;

-- name: slots
-- LIMIT keeps this a look-up by key per slot, whatever the planner believes about the tables' sizes.
SELECT slots.batch_id, slots.slot, slots.rung, slots.state, slots.attempt, slots.failures, slots.deaths, slots.parameters,
       run_id, trial_number, value, objectives, seconds, reason, started_at, finished_at
FROM truestrength.slots LEFT JOIN LATERAL (
    SELECT * FROM truestrength.attempts
    WHERE (attempts.batch_id, attempts.slot, attempts.attempt) = (slots.batch_id, slots.slot, slots.attempt)
    LIMIT 1
) AS last ON true
WHERE slots.batch_id = %(batch_id)s
ORDER BY slot;

-- name: attempts
SELECT attempts.batch_id, slot, attempt, run_id, trial_number, state, value, objectives, parameters,
       workers.host, workers.pid, workers.job_id, attempts.reason, attempts.started_at, finished_at, seconds, cost
FROM truestrength.attempts LEFT JOIN truestrength.workers USING (worker_id)
WHERE attempts.batch_id = %(batch_id)s
ORDER BY slot, attempt;

-- name: workers
SELECT workers.worker_id, workers.batch_id, workers.host, workers.pid, workers.job_id, workers.place, workers.reason,
       workers.started_at, workers.seen_at, workers.stopped_at,
       extract(epoch FROM clock_timestamp() - workers.seen_at)::float8 AS seen_s,
       stopped_at IS NULL AND workers.lease_until > clock_timestamp() AS live,
       slots.slot
FROM truestrength.workers
LEFT JOIN truestrength.slots
    ON slots.batch_id = workers.batch_id AND slots.worker_id = workers.worker_id AND slots.state = 'running'
WHERE workers.batch_id = %(batch_id)s
ORDER BY workers.worker_id;

-- name: start_worker
INSERT INTO truestrength.workers (batch_id, host, pid, job_id, place, lease_until)
VALUES (%(batch_id)s, %(host)s, %(pid)s, %(job_id)s, %(place)s, clock_timestamp() + %(lease_s)s * interval '1 second')
RETURNING worker_id;

-- name: stop_worker
UPDATE truestrength.workers SET stopped_at = clock_timestamp(), reason = %(reason)s
WHERE worker_id = %(worker_id)s AND stopped_at IS NULL;

-- name: explain_worker
-- What somebody else (SLURM) knows of a worker's end.
UPDATE truestrength.workers SET reason = %(reason)s WHERE worker_id = %(worker_id)s AND reason IS NULL;

-- name: open_slots
-- Those that wait are none once a limit of the sweep is reached.
SELECT count(*) FILTER (
           WHERE state = 'pending'
             AND (SELECT truestrength.reached_limit(%(batch_id)s)) IS NULL
       )::int AS pending,
       count(*) FILTER (WHERE state = 'running')::int AS running,
       count(*) FILTER (WHERE state = 'reported')::int AS reported,
       coalesce((SELECT cancelled_at IS NOT NULL FROM truestrength.sweeps WHERE batch_id = %(batch_id)s), true)
           AS cancelled  -- forgotten meanwhile
FROM truestrength.slots
WHERE batch_id = %(batch_id)s AND state IN ('pending', 'running', 'reported');

-- name: connections
-- Of the server, the role and the database, the one that has the fewest left. Those that are reserved are not for us.
WITH client AS (
    SELECT datid, usesysid FROM pg_stat_activity WHERE datid IS NOT NULL AND usesysid IS NOT NULL
), own AS (
    SELECT pg_roles.oid AS role_id, rolconnlimit, rolsuper FROM pg_roles WHERE rolname = session_user
), limits AS (
    SELECT current_setting('max_connections')::int
           - CASE WHEN rolsuper THEN 0 ELSE current_setting('superuser_reserved_connections')::int
                                          + coalesce(current_setting('reserved_connections', true)::int, 0) END AS most,
           (SELECT count(*)::int FROM client) AS taken
    FROM own
    UNION ALL
    SELECT rolconnlimit, (SELECT count(*)::int FROM client WHERE usesysid = role_id)
    FROM own WHERE rolconnlimit >= 0 AND NOT rolsuper
    UNION ALL
    SELECT datconnlimit, (SELECT count(*)::int FROM client WHERE datid = pg_database.oid)
    FROM pg_database, own WHERE datname = current_database() AND datconnlimit >= 0 AND NOT rolsuper
)
SELECT most, taken FROM limits ORDER BY most - taken LIMIT 1;

-- name: cancel
UPDATE truestrength.sweeps SET cancelled_at = coalesce(cancelled_at, clock_timestamp()) WHERE batch_id = %(batch_id)s;

-- name: cancelled
SELECT cancelled_at IS NOT NULL AS cancelled FROM truestrength.sweeps WHERE batch_id = %(batch_id)s;

-- name: retry
WITH again AS (
    UPDATE truestrength.sweeps SET cancelled_at = NULL WHERE batch_id = %(batch_id)s
)
UPDATE truestrength.slots SET state = 'pending', failures = 0, deaths = 0, worker_id = NULL
WHERE batch_id = %(batch_id)s AND state = 'failed'
RETURNING slot;

-- name: sweep
SELECT sweeps.batch_id, sweeps.root_id, outputs_roots.path AS outputs, sweeps.digest, sweeps.identity, sweeps.spec,
       (SELECT count(*)::int FROM truestrength.slots WHERE slots.batch_id = sweeps.batch_id) AS n_trials
FROM truestrength.sweeps JOIN truestrength.outputs_roots USING (root_id)
WHERE sweeps.batch_id = %(batch_id)s;

-- name: outputs_roots
SELECT root_id, path FROM truestrength.outputs_roots ORDER BY created_at, root_id;

-- name: ledger_id
SELECT ledger_id::text FROM truestrength.ledger;

-- name: runs_of_root
-- Every run of a root's sweeps, whatever became of it.
SELECT attempts.batch_id, run_id, state = 'complete' AS complete
FROM truestrength.attempts JOIN truestrength.sweeps USING (batch_id)
WHERE root_id = %(root_id)s AND run_id IS NOT NULL;

-- name: batch_ids
SELECT batch_id FROM truestrength.sweeps ORDER BY created_at, batch_id;

-- name: put_sweep
INSERT INTO truestrength.sweeps
    (batch_id, root_id, digest, family, identity, spec, direction, max_attempts, max_minutes, goal)
VALUES (%(batch_id)s, %(root_id)s, %(digest)s, %(family)s, %(identity)s, %(spec)s, %(direction)s, %(max_attempts)s,
        %(max_minutes)s, %(goal)s)
ON CONFLICT (batch_id) DO UPDATE
SET spec = excluded.spec, max_attempts = excluded.max_attempts, max_minutes = excluded.max_minutes, goal = excluded.goal;

-- name: put_slots
INSERT INTO truestrength.slots (batch_id, slot, rung)
SELECT %(batch_id)s, position - 1, rung FROM unnest(%(rungs)s::int[]) WITH ORDINALITY AS t (rung, position)
ON CONFLICT DO NOTHING;

-- name: forget
-- Whoever registers the sweep or its plan anew is told of it anew.
WITH untold AS (
    DELETE FROM truestrength.receivers WHERE batch_ids @> ARRAY[%(batch_id)s]::text[]
)
DELETE FROM truestrength.sweeps WHERE batch_id = %(batch_id)s;

-- name: put_receiver
INSERT INTO truestrength.receivers (batch_ids, receiver) VALUES (%(batch_ids)s, %(receiver)s)
ON CONFLICT (batch_ids) DO UPDATE SET receiver = excluded.receiver;

-- name: remove_receiver
UPDATE truestrength.receivers SET receiver = NULL WHERE batch_ids = %(batch_ids)s;

-- name: receivers
-- With what tells one event from the next. A sweep that is over has ended no attempt since; the failure is that of the
-- slot that was given up first. `rested_s` is the time since the last attempt ended.
SELECT batch_ids, receiver, ended, rested_s, first.slot, first.attempt, first.run_id, first.reason
FROM truestrength.receivers
CROSS JOIN LATERAL (
    SELECT count(*)::int AS ended,
           coalesce(extract(epoch FROM clock_timestamp() - max(finished_at)), 0)::float8 AS rested_s
    FROM truestrength.attempts WHERE batch_id = ANY(batch_ids) AND state <> 'running'
) AS tried
LEFT JOIN LATERAL (
    SELECT slots.slot, slots.attempt, run_id, reason
    FROM truestrength.slots JOIN truestrength.attempts USING (batch_id, slot, attempt)
    WHERE slots.batch_id = batch_ids[1] AND slots.state = 'failed'
    ORDER BY finished_at, slots.slot LIMIT 1
) AS first ON cardinality(batch_ids) = 1
WHERE receiver IS NOT NULL
ORDER BY cardinality(batch_ids), batch_ids;

-- name: take_notice
-- To one of those who ask at once. When its answer is lost, somebody takes it again after a rest.
INSERT INTO truestrength.notices (batch_ids, event, mark, not_before)
VALUES (%(batch_ids)s, %(event)s, %(mark)s, clock_timestamp() + make_interval(secs => %(rest_s)s))
ON CONFLICT (batch_ids, event, mark) DO UPDATE SET tries = notices.tries + 1, not_before = excluded.not_before
WHERE notices.sent_at IS NULL AND notices.tries < %(most)s AND notices.not_before <= clock_timestamp()
RETURNING tries;

-- name: end_notice
UPDATE truestrength.notices
SET sent_at = CASE WHEN %(problem)s::text IS NULL THEN clock_timestamp() END, problem = %(problem)s
WHERE batch_ids = %(batch_ids)s AND event = %(event)s AND mark = %(mark)s AND sent_at IS NULL;

-- name: put_outputs_root
INSERT INTO truestrength.outputs_roots (root_id, path) VALUES (%(root_id)s, %(path)s)
ON CONFLICT (root_id) DO UPDATE SET path = excluded.path;

-- name: observations
-- What a proposal may know: the trials with the lowest and the highest values, the newest, and what runs now. Bounded
-- and by index, so that a long sweep's trials cost no more than a short one's. The parameters of those that the asker
-- has heard of (`slots`, `run_ids`) stay here.
WITH heard AS (
    SELECT * FROM unnest(%(slots)s::int[], %(run_ids)s::bigint[]) AS t (slot, run_id)
), known AS (
    (SELECT slot, run_id, parameters, value, rung FROM truestrength.attempts
     WHERE batch_id = %(batch_id)s AND state = 'complete' ORDER BY value LIMIT %(extreme)s)
    UNION ALL
    (SELECT slot, run_id, parameters, value, rung FROM truestrength.attempts
     WHERE batch_id = %(batch_id)s AND state = 'complete' ORDER BY value DESC LIMIT %(extreme)s)
    UNION ALL
    (SELECT slot, run_id, parameters, value, rung FROM truestrength.attempts
     WHERE batch_id = %(batch_id)s AND state = 'complete' ORDER BY finished_at DESC LIMIT %(newest)s)
)
SELECT DISTINCT ON (slot)
       slot, run_id, CASE WHEN (slot, run_id) IN (SELECT * FROM heard) THEN NULL ELSE parameters END AS parameters, value, rung
FROM known
UNION ALL
SELECT slot, NULL, parameters, NULL, rung
FROM truestrength.slots
WHERE batch_id = %(batch_id)s AND state = 'running' AND parameters IS NOT NULL
ORDER BY slot;

-- name: rung_observations
SELECT batch_id, slot, parameters, value, rung
FROM truestrength.attempts
WHERE batch_id = %(batch_id)s AND rung = %(rung)s AND state = 'complete'
ORDER BY slot;

-- name: sibling_observations
SELECT attempts.batch_id, slot, parameters, (objectives ->> %(objective)s)::float8 AS value, rung
FROM truestrength.sweeps AS own
JOIN truestrength.sweeps AS sibling ON sibling.family = own.family AND sibling.batch_id <> own.batch_id
JOIN truestrength.attempts ON attempts.batch_id = sibling.batch_id AND attempts.state = 'complete'
WHERE own.batch_id = %(batch_id)s AND sibling.spec ->> 'objective' <> %(objective)s AND objectives ? %(objective)s
  AND rung = (SELECT max(rung) FROM truestrength.slots WHERE slots.batch_id = sibling.batch_id)
ORDER BY attempts.batch_id, slot
LIMIT %(most)s;

-- name: optuna_prepared
SELECT to_regclass('alembic_version') IS NOT NULL AND to_regclass('version_info') IS NOT NULL
   AND to_regclass('studies') IS NOT NULL AND to_regclass('trials') IS NOT NULL AS prepared;

-- name: optuna_version
SELECT version_num, library_version FROM alembic_version CROSS JOIN version_info;

-- name: study
SELECT study_id FROM studies WHERE study_name = %(batch_id)s;

-- name: untold
-- How a sweep's study stands, and a row for each attempt that it has yet to be told of, or a row without an attempt. In
-- the order of their numbers; what it has not heard of at all comes last, and gets the next ones.
WITH study AS MATERIALIZED (
    SELECT sweeps.batch_id, tellings, next_trial, study_id,
           (SELECT count(*)::int FROM trials WHERE trials.study_id = studies.study_id) AS there
    FROM truestrength.sweeps LEFT JOIN studies ON study_name = batch_id
    WHERE batch_id = %(batch_id)s
)
SELECT tellings, next_trial, study_id, there, untold.*
FROM study LEFT JOIN LATERAL (
    SELECT slot, attempt, trial_number, state, run_id, parameters, value, started_at, finished_at
    FROM truestrength.attempts
    WHERE attempts.batch_id = study.batch_id AND NOT told AND run_id IS NOT NULL
      AND (state <> 'running' OR trial_number IS NULL OR trial_number >= there)
    ORDER BY trial_number, started_at, slot
    LIMIT %(most)s
) AS untold ON true;

-- name: tell
-- Tell the study of several trials at once, in Optuna's own tables, and write down what it knows. Nothing is done where
-- somebody else has told it anything since `untold` was asked, or the tables are of another version.
WITH turn AS (
    SELECT batch_id FROM truestrength.sweeps
    WHERE batch_id = %(batch_id)s AND tellings = %(tellings)s
      AND (SELECT version_num FROM alembic_version) = %(version)s
    FOR NO KEY UPDATE SKIP LOCKED
), taken AS (
    UPDATE truestrength.sweeps SET tellings = tellings + 1, told_at = clock_timestamp(), next_trial = %(next_trial)s
    FROM turn WHERE sweeps.batch_id = turn.batch_id
), given AS MATERIALIZED (
    SELECT trial.*
    FROM turn CROSS JOIN json_to_recordset(%(trials)s) AS trial (
        number int, slot int, attempt int, state text, is_new boolean, run_id bigint, value float8,
        started_at timestamptz, finished_at timestamptz, parameters json
    )
), made AS (
    INSERT INTO trials (number, study_id, state, datetime_start, datetime_complete)
    SELECT number, %(study_id)s, state::trialstate, started_at AT TIME ZONE 'UTC', finished_at AT TIME ZONE 'UTC'
    FROM given WHERE is_new ORDER BY number
    RETURNING trial_id, number
), ended AS (
    UPDATE trials SET state = given.state::trialstate, datetime_complete = finished_at AT TIME ZONE 'UTC'
    FROM given
    WHERE NOT is_new AND study_id = %(study_id)s AND trials.number = given.number AND trials.state = 'RUNNING'
    RETURNING trials.trial_id, trials.number
), valued AS (
    INSERT INTO trial_values (trial_id, objective, value, value_type)
    SELECT trial_id, 0, value, 'FINITE'
    FROM (SELECT * FROM made UNION ALL SELECT * FROM ended) AS told JOIN given USING (number)
    WHERE value IS NOT NULL
), described AS (
    INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json)
    SELECT trial_id, name, said::float8, %(distributions)s::jsonb ->> name
    FROM made JOIN given USING (number) CROSS JOIN LATERAL json_each_text(parameters) AS parameter (name, said)
), named AS (
    INSERT INTO trial_user_attributes (trial_id, key, value_json)
    SELECT trial_id, 'run_id', run_id::text FROM made JOIN given USING (number) WHERE run_id IS NOT NULL
), known AS (
    UPDATE truestrength.attempts SET trial_number = number, told = given.state <> 'RUNNING'
    FROM given
    WHERE (attempts.batch_id, attempts.slot, attempts.attempt) = (%(batch_id)s, given.slot, given.attempt)
), settled AS (
    UPDATE truestrength.slots SET state = 'done', worker_id = NULL
    FROM given
    WHERE (slots.batch_id, slots.slot, slots.attempt) = (%(batch_id)s, given.slot, given.attempt)
      AND given.state = 'COMPLETE' AND slots.state = 'reported'
)
SELECT number FROM given;

-- name: take_telling
-- As `tell` begins, for the length of a transaction in which Optuna itself writes.
WITH turn AS (
    SELECT batch_id FROM truestrength.sweeps
    WHERE batch_id = %(batch_id)s AND tellings = %(tellings)s
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE truestrength.sweeps SET tellings = tellings + 1, told_at = clock_timestamp(), next_trial = greatest(next_trial, %(next_trial)s)
FROM turn WHERE sweeps.batch_id = turn.batch_id
RETURNING sweeps.batch_id;

-- name: put_told
-- As `tell` ends, where Optuna itself has written.
WITH known AS (
    UPDATE truestrength.attempts SET trial_number = %(number)s, told = %(ended)s
    WHERE batch_id = %(batch_id)s AND slot = %(slot)s AND attempt = %(attempt)s
    RETURNING state
)
UPDATE truestrength.slots SET state = 'done', worker_id = NULL
WHERE batch_id = %(batch_id)s AND slot = %(slot)s AND attempt = %(attempt)s AND state = 'reported'
  AND %(ended)s AND EXISTS (SELECT FROM known);

-- name: tell_again
-- The study has lost its trials from number `there` on.
WITH lost AS (
    UPDATE truestrength.attempts SET told = false WHERE batch_id = %(batch_id)s AND trial_number >= %(there)s
)
UPDATE truestrength.sweeps SET tellings = tellings + 1, next_trial = least(next_trial, %(there)s)
WHERE batch_id = %(batch_id)s;

-- name: study_whole
SELECT FROM studies JOIN truestrength.sweeps ON batch_id = study_name
WHERE study_name = %(batch_id)s
  AND (SELECT count(*) FROM trials WHERE trials.study_id = studies.study_id) >= next_trial;

-- name: orphans
-- Trials that run in the study and nowhere else.
SELECT trial_id FROM trials JOIN studies USING (study_id)
WHERE study_name = %(batch_id)s AND state = 'RUNNING' AND NOT EXISTS (
    SELECT FROM truestrength.attempts
    WHERE attempts.batch_id = %(batch_id)s AND attempts.trial_number = trials.number AND NOT told
);

-- name: study_trials
-- All trials of a study, with what Optuna keeps of each one in other tables.
SELECT trial_id, number, state::text, datetime_start, datetime_complete, json_build_array(
    (SELECT json_agg(json_build_array(value, value_type) ORDER BY objective)
     FROM trial_values AS own WHERE own.trial_id = trials.trial_id),
    (SELECT json_agg(json_build_array(param_name, param_value, distribution_json) ORDER BY param_id)
     FROM trial_params AS own WHERE own.trial_id = trials.trial_id),
    (SELECT json_agg(json_build_array(key, value_json))
     FROM trial_user_attributes AS own WHERE own.trial_id = trials.trial_id),
    (SELECT json_agg(json_build_array(key, value_json))
     FROM trial_system_attributes AS own WHERE own.trial_id = trials.trial_id),
    (SELECT json_agg(json_build_array(step, intermediate_value, intermediate_value_type) ORDER BY step)
     FROM trial_intermediate_values AS own WHERE own.trial_id = trials.trial_id)
) AS parts
FROM trials WHERE study_id = %(study_id)s
ORDER BY trial_id;

-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended(%(name)s, 0));

-- name: take_time
-- Looking through a slow file system or making Optuna's tables takes longer than a transaction may otherwise be idle.
SET LOCAL idle_in_transaction_session_timeout = '5min';

-- name: take_lock
SELECT pg_advisory_lock(hashtextextended(%(name)s, 0));

-- name: try_session_lock
SELECT pg_try_advisory_lock(hashtextextended(%(name)s, 0)) AS obtained;

-- name: end_silent_holder
-- Whoever holds the lock and has not spoken to the server for so long is frozen or cut off; its session is ended.
SELECT pg_terminate_backend(pid) AS ended
FROM pg_locks
JOIN pg_stat_activity AS session USING (pid)
WHERE locktype = 'advisory' AND granted AND session.datname = current_database() AND session.usename = current_user
  AND pg_locks.database = session.datid AND objsubid = 1
  AND (classid::bigint << 32 | objid::bigint) = hashtextextended(%(name)s, 0)
  AND session.state = 'idle' AND session.state_change < clock_timestamp() - make_interval(secs => %(silent_s)s);

-- name: end_own_holder
-- The session that this process had before.
SELECT pg_terminate_backend(pid) AS ended
FROM pg_locks
WHERE pid = %(pid)s AND pid <> pg_backend_pid() AND locktype = 'advisory' AND granted AND objsubid = 1
  AND (classid::bigint << 32 | objid::bigint) = hashtextextended(%(name)s, 0);

-- name: session_unlock
SELECT pg_advisory_unlock(hashtextextended(%(name)s, 0)) AS released;

-- name: create_sequence
-- MINVALUE stays 1, because a sequence refuses to be set below it; CACHE 1, because cached numbers die with a session.
CREATE SEQUENCE IF NOT EXISTS {sequence} AS bigint MINVALUE 1 START WITH 1 INCREMENT BY 1 CACHE 1 NO CYCLE;

-- name: raise_sequence
-- Only ever forward: `called` says whether `last_value` was given out. Needs the exclusive lock.
SELECT setval('{sequence}', greatest(last_value + CASE WHEN is_called THEN 1 ELSE 0 END, %(at_least)s), false)
FROM {sequence};

-- name: next_run_id
-- The shared lock keeps `raise_sequence` away between its reading and its writing.
WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(hashtextextended(%(name)s, 0)))
SELECT nextval('{sequence}') AS run_id FROM locked;

-- name: put_schema_version
WITH old AS (DELETE FROM truestrength.schema_version)
INSERT INTO truestrength.schema_version (version) VALUES (%(version)s);

-- name: keep_workers_away
-- Until the end of the transaction; whoever only reads is not kept.
LOCK TABLE truestrength.workers IN SHARE ROW EXCLUSIVE MODE;

-- name: sweeps_at_work
SELECT DISTINCT batch_id FROM truestrength.workers
WHERE stopped_at IS NULL AND lease_until > clock_timestamp()
ORDER BY batch_id;

-- name: prepared
-- Not `to_regclass`: within a transaction it may say of a table that another one has made meanwhile that it is not there.
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_class WHERE relname = 'schema_version'
    AND relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'truestrength')
) AS prepared;

-- name: schema_version
SELECT version FROM truestrength.schema_version;
