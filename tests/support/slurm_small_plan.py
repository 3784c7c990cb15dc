"""Two sweeps and the rolling sweep on SLURM: `slurm_small_plan.py CONFIG PROFILE ORDER N_TRIALS N_JOBS`."""

import sys
from pathlib import Path

from launcher.plan import Budget, Cell, Plan, expand_sweep
from launcher.slurm.run_plan import Options, run
from trainer.contract.config.settings import load_config
from trainer.contract.words import Objective, Phase, Target

CELLS = [
    Cell(Phase.PHASE1, Objective.SPEARMAN, Target.FINAL_RANK),
    Cell(Phase.PHASE1, Objective.NDCG4, Target.PLAYOFF_OUTCOME),
    Cell(Phase.ROLLING, Objective.SPEARMAN, Target.PLAYOFF_OUTCOME),
]

config_file, profile, order, n_trials, n_jobs = sys.argv[1:]
config = load_config(Path(config_file))
budget = Budget(n_trials=int(n_trials), n_jobs=int(n_jobs))
sweeps = tuple(expand_sweep(config, budget, cell).sweeps[0] for cell in CELLS)
print(run(Plan(sweeps, budget.n_jobs, config), Options(Path(profile), sequential=order == "sequential")))
