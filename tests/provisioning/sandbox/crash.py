"""A workload that ends before it is ready."""

import sys


def main(config, ready):
    sys.exit(3)
