"""Bundles as data: where they come from, coming into force, shadow and replay. Judging lives in `engine.py`."""
