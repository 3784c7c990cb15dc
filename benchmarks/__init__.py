"""What is measured, as commands that print a table: `python -m benchmarks.NAME`, from a checkout."""
