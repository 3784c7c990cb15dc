-- What an attempt cost, as the worker measured it; NULL where nobody did: its worker died, or was of an older version.

ALTER TABLE truestrength.attempts ADD COLUMN cost jsonb;
