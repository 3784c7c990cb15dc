-- The ledger. Each statement can be repeated; `prepare` runs them under a lock when the version is another one.
-- The truth about a sweep is here; the Optuna study beside it is told in time, and repaired from here.

CREATE SCHEMA IF NOT EXISTS truestrength;

CREATE TABLE IF NOT EXISTS truestrength.schema_version (
    version integer NOT NULL
);

CREATE TABLE IF NOT EXISTS truestrength.outputs_roots (
    root_id text PRIMARY KEY,
    path text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE IF NOT EXISTS truestrength.sweeps (
    batch_id text PRIMARY KEY,
    root_id text NOT NULL REFERENCES truestrength.outputs_roots,
    digest text NOT NULL,
    family text NOT NULL,                 -- sweeps of one family differ in their objective only
    identity jsonb NOT NULL,              -- what the digest is of
    spec jsonb NOT NULL,
    direction text NOT NULL CHECK (direction IN ('maximize', 'minimize')),
    max_attempts integer NOT NULL,
    cancelled_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX IF NOT EXISTS sweeps_by_family ON truestrength.sweeps (family);

CREATE TABLE IF NOT EXISTS truestrength.workers (
    worker_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch_id text NOT NULL REFERENCES truestrength.sweeps ON DELETE CASCADE,
    host text NOT NULL,
    pid integer NOT NULL,
    job_id text,
    place text NOT NULL,                  -- where `pid` means something: machine boot and pid namespace
    reason text,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_until timestamptz NOT NULL,
    stopped_at timestamptz
);

CREATE INDEX IF NOT EXISTS workers_by_batch ON truestrength.workers (batch_id);

-- pending -> running -> reported (the result is safe) -> done (the study knows it too); or failed, for good.
CREATE TABLE IF NOT EXISTS truestrength.slots (
    batch_id text NOT NULL REFERENCES truestrength.sweeps ON DELETE CASCADE,
    slot integer NOT NULL,
    rung integer NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'running', 'reported', 'done', 'failed')),
    attempt integer NOT NULL DEFAULT 0,   -- of the owner; the fencing token
    failures integer NOT NULL DEFAULT 0,  -- attempts that failed; those given back do not count
    parameters jsonb,
    worker_id bigint,                     -- the owner; of a slot that waits after a failure, the worker it failed on
    lease_s double precision,
    lease_until timestamptz,
    PRIMARY KEY (batch_id, slot)
);

CREATE INDEX IF NOT EXISTS slots_open ON truestrength.slots (batch_id, rung, slot)
    WHERE state IN ('pending', 'running', 'reported');

CREATE TABLE IF NOT EXISTS truestrength.attempts (
    batch_id text NOT NULL,
    slot integer NOT NULL,
    attempt integer NOT NULL,
    worker_id bigint,
    state text NOT NULL DEFAULT 'running'
        CHECK (state IN ('running', 'complete', 'failed', 'dead', 'released', 'superseded')),
    run_id bigint,
    trial_number integer,
    parameters jsonb,
    value double precision,
    objectives jsonb,
    seconds double precision,
    reason text,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    PRIMARY KEY (batch_id, slot, attempt),
    FOREIGN KEY (batch_id, slot) REFERENCES truestrength.slots ON DELETE CASCADE
);

-- Attempts whose worker died. Most are no fault of the trial's, so more of them are allowed than of failures.
ALTER TABLE truestrength.slots ADD COLUMN IF NOT EXISTS deaths integer NOT NULL DEFAULT 0;

-- The slot's. What is asked about results is asked of this table alone: joined with `slots` before the statistics of a
-- fast-growing sweep are up to date, it can take the planner's wrong way of 10,000 x 10,000 rows.
ALTER TABLE truestrength.attempts ADD COLUMN IF NOT EXISTS rung integer NOT NULL DEFAULT 0;

CREATE INDEX IF NOT EXISTS attempts_by_value ON truestrength.attempts (batch_id, value) WHERE state = 'complete';

CREATE INDEX IF NOT EXISTS attempts_by_time ON truestrength.attempts (batch_id, finished_at) WHERE state = 'complete';
