"""Named faults, put in one at a time: each must turn the suite red. Run `python -m tests.mutants`."""
