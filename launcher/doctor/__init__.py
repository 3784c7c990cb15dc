"""What would keep a plan from running: on this machine, and on a cluster by one small job."""
