"""The plots of the analysis: what each one shows (`contents`), how it is drawn, and its file."""
