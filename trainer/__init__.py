"""Runs one training run of the team-strength ranker. Imports no submitit."""
