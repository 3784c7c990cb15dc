-- Who is told of the end of a sweep or a plan, and of a failure; and of what somebody has been told.

CREATE TABLE truestrength.receivers (
    batch_ids text[] PRIMARY KEY,         -- of a sweep, or of all sweeps of a plan in its order
    receiver jsonb                        -- NULL: nobody, any more
);

-- One row per event. Whoever makes or takes the row has the turn to tell of it, until `not_before`.
CREATE TABLE truestrength.notices (
    batch_ids text[] NOT NULL REFERENCES truestrength.receivers ON DELETE CASCADE,
    event text NOT NULL CHECK (event IN ('sweep_ended', 'plan_ended', 'trial_failed')),
    mark text NOT NULL,                   -- tells one end of a sweep from the next, after `retry` or a larger budget
    tries integer NOT NULL DEFAULT 1,
    not_before timestamptz NOT NULL,
    sent_at timestamptz,
    problem text,                         -- why the last try failed
    PRIMARY KEY (batch_ids, event, mark)
);
