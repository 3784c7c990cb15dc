"""League tables: synthetic, imported, downloaded."""
