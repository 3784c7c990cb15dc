-- Every ledger has an id, which an outputs root remembers: so a root knows its database, wherever that one is served.

CREATE TABLE truestrength.ledger (
    ledger_id uuid PRIMARY KEY
);

-- A ledger of an older version gets the same id whenever and wherever it is migrated, so that its backup belongs to the
-- same roots as itself: its first root was written down at a moment of its own.
INSERT INTO truestrength.ledger (ledger_id)
SELECT coalesce(
    (SELECT md5(root_id || extract(epoch FROM created_at)::text)::uuid
     FROM truestrength.outputs_roots ORDER BY created_at, root_id LIMIT 1),
    gen_random_uuid()
);

-- A relative path says nothing to whoever stands in another folder. Those that are there stay until the root is used.
ALTER TABLE truestrength.outputs_roots
    ADD CONSTRAINT outputs_roots_path_absolute CHECK (path LIKE '/%') NOT VALID;
