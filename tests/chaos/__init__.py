"""Random, repeatable faults against a whole installation under load, and the proof that nothing is lost or doubled."""
