"""A finished sweep's search space, narrowed around its best trials, and the configuration that searches it."""
