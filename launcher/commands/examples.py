"""What the launcher's `--help` shows for every command: arguments that are worth trying. A test runs each."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "doctor": ("", "--json"),
    "plan": ("", "phase1 --json", "-n 4 --set training.seed=3"),
    "sweep": ("--batch-id my_sweep --dry-run", "--batch-id my_sweep --objective ndcg4 -n 8 -j 2"),
    "run": ("phase1 --dry-run",),
    "phase1": ("--dry-run", "-n 2 -j 2 --method random --dry-run"),
    "status": ("", "--json"),
    "logs": ("my_sweep", "my_sweep --worker 1", "my_sweep -f"),
    "report": ("", "my_sweep"),
    "narrow": ("my_sweep --to my_plan.yaml",),
    "compare": ("25 26", "25 26 --json"),
    "publish": ("my_sweep",),
    "dashboard": ("--port 0",),
    "db up": ("",),
    "db status": ("",),
    "db url": ("", "-o outputs4"),
    "db backup": ("my_backup.dump",),
    "completion": ("bash", "zsh", "fish"),
    "cancel": ("my_sweep", "--all"),
    "retry": ("my_sweep",),
    "forget": ("my_sweep", "--all"),
    "db restore": ("my_backup.dump",),
    "outputs adopt": ("outputs4",),
    "outputs separate": ("my_copy",),
    "db down": ("",),
    "cluster init": ("--to my_cluster.yaml",),
}
"""By command, in an order in which they go one after another. `worker` and `finish`, which are for jobs, have none."""
