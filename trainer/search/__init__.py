"""What parameters a slot gets, and the loop in which a worker runs slots."""
