"""The sections of the analysis, each a function from sweeps to Markdown."""
