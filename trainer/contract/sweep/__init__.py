"""What a sweep is: its specification, its grid and its rungs."""
