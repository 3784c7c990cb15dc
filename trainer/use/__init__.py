"""What a finished run is asked: to rank the teams on a date, to say why, to be held against other runs."""
