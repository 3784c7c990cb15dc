"""Puts what a sweep found into git: its tables, its analysis, and a row in the README."""
