"""Plans on a SLURM cluster: what is submitted, how the chain of jobs carries a plan, what is in the queue."""
