"""Metrics, plain baselines and the tables that put them side by side."""
