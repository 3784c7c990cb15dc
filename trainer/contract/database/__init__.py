"""Any PostgreSQL: how it is found, what its errors mean, and patience while it is away."""
