"""What a league folder says of itself, and which of its seasons are for what."""
