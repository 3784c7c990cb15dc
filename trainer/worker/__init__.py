"""A worker of a sweep: claims slots, runs them, and keeps the sweep's study in step with the ledger."""
