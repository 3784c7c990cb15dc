"""One training run: from batches to a run folder, and what is read of a finished run."""
