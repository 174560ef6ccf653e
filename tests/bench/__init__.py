"""Measures Berth on real, durable servers. `python -m tests.bench` prints one JSON object as its last line."""
