"""What runs inside a job on any executor, and what it says."""
