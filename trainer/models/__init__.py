"""The three rankers and their stack."""
