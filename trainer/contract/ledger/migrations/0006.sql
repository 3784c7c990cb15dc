-- The study is told in batches. A slot is `reported` until it has been told, then `done`; the attempt is complete as soon
-- as its result is safe.

ALTER TABLE truestrength.attempts
    ADD COLUMN told boolean NOT NULL DEFAULT false;  -- how it ended; one that runs has a trial number once it was told

ALTER TABLE truestrength.sweeps
    ADD COLUMN tellings integer NOT NULL DEFAULT 0,  -- who tells the study must have seen all that others have told it
    ADD COLUMN told_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN next_trial integer NOT NULL DEFAULT 0;

UPDATE truestrength.attempts SET told = true
WHERE state = 'complete';

UPDATE truestrength.attempts SET state = 'complete'
FROM truestrength.slots
WHERE (slots.batch_id, slots.slot, slots.attempt) = (attempts.batch_id, attempts.slot, attempts.attempt)
  AND slots.state = 'reported';

UPDATE truestrength.sweeps
SET next_trial = coalesce((SELECT max(trial_number) + 1 FROM truestrength.attempts
                           WHERE attempts.batch_id = sweeps.batch_id), 0);

CREATE INDEX attempts_untold ON truestrength.attempts (batch_id) WHERE NOT told AND run_id IS NOT NULL;

-- The order in which slots are claimed: no claim sorts all that wait.
CREATE INDEX slots_pending ON truestrength.slots (batch_id, rung, (deaths >= 3), slot) WHERE state = 'pending';

CREATE INDEX slots_running ON truestrength.slots (batch_id, slot) WHERE state = 'running';

-- The view by one name, for statements that are sent with every trial: they need not plan it where a sweep has no limit.
CREATE FUNCTION truestrength.reached_limit(name text) RETURNS text LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN (SELECT reached FROM truestrength.reached_limits WHERE batch_id = name); END';
