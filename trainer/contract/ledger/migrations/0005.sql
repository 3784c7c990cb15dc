-- A sweep may end before its budget is used up. Its slots that wait then stay `pending`: with another limit they are
-- needed again.

ALTER TABLE truestrength.sweeps
    ADD COLUMN max_minutes double precision,
    ADD COLUMN goal double precision;

-- Which limit of a sweep is reached, if one is: asked wherever it matters whether a slot that waits is still needed.
-- Time counts while somebody is at the sweep, however many at once; a worker that died was at it until its lease ended.
-- A value counts from when it is safe, settled or not.
CREATE VIEW truestrength.reached_limits AS
SELECT sweeps.batch_id, work.minutes AS worked_minutes,
       CASE WHEN sweeps.goal IS NOT NULL AND EXISTS (
                SELECT FROM truestrength.attempts
                WHERE attempts.batch_id = sweeps.batch_id
                  AND CASE sweeps.direction WHEN 'minimize' THEN value <= sweeps.goal ELSE value >= sweeps.goal END
                  AND rung = (SELECT max(rung) FROM truestrength.slots WHERE slots.batch_id = sweeps.batch_id)
            ) THEN 'goal'
            WHEN work.minutes >= sweeps.max_minutes THEN 'max_minutes'
       END AS reached
FROM truestrength.sweeps CROSS JOIN LATERAL (
    SELECT sum(extract(epoch FROM upper(stretch) - lower(stretch)))::float8 / 60 AS minutes
    FROM (
        SELECT unnest(range_agg(tstzrange(attempts.started_at, greatest(
                   attempts.started_at, least(coalesce(finished_at, clock_timestamp()), workers.lease_until))))) AS stretch
        FROM truestrength.attempts LEFT JOIN truestrength.workers USING (worker_id)
        WHERE attempts.batch_id = sweeps.batch_id AND sweeps.max_minutes IS NOT NULL
    ) AS stretches
) AS work;
