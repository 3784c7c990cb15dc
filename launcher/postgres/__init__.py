"""The embedded PostgreSQL: programs, data folder, server, and a database for every outputs root."""
