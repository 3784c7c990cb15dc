"""Plans on this machine: sweeps one after another, a crew of workers, their progress on the screen."""
