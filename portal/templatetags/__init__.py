"""Template tags and filters of the portal. Nothing here reads the database."""
