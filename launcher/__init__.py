"""Decides what runs and where: plans, job arrays, progress, results. Imports no torch."""
