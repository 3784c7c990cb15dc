"""What people read: a sweep's tables, the analysis over all sweeps, its sections and figures."""
