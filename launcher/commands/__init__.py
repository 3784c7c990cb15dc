"""What a person types: every flag in `parser`, and a module of handlers for each kind of command."""
