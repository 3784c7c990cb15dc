"""What a run leaves in its folder, typed for whoever reads it."""
