"""A workload that ends as soon as it has started."""

import sys


def main(config, ready):
    ready()
    sys.exit(3)
