"""What the trainer's `--help` shows for every command: arguments that are worth trying. A test runs each."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "data demo": ("--into data/demo", "--into my_league --seed 8 --seasons 6"),
    "data describe": ("data/demo",),
    "data import": ("--team-logs team_logs.parquet --player-logs player_logs.parquet --into data/nba",),
    "data download": ("--seasons 2015-16:2023-24 --into data/nba",),
    "precision": ("", "--device cpu"),
    "run": ("-c config/outputs4_phase1.yaml --threads 1",),
    "work": ("--batch-id my_sweep --threads 1",),
    "holdout": ("--run outputs4/sweeps/my_sweep/run_025",),
    "noise": ("--run outputs4/sweeps/my_sweep/run_025 --seeds 2",),
    "predict": ("--run 25", "--run 25 --csv"),
    "explain": ("25", "25 --json"),
    "compare": ("25 26", "25 26 --json"),
    "cache ls": ("", "-c config/outputs4_phase1.yaml"),
    "cache verify": ("",),
    "cache prune": ("--max-gb 10",),
}
"""By command, in an order in which they go one after another."""
