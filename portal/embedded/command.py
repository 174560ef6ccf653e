"""The command line of `manage.py up`; it runs before there are settings, so it knows nothing of Django."""

import argparse
import os
import sys
from pathlib import Path

from portal.embedded.children import ROOT
from portal.embedded.failure import StartError
from portal.embedded.start import Options, run


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of `up`."""
    parser.add_argument(
        "--port",
        type=int,
        default=os.environ.get("BERTH_PORT", "8000"),
        help="of the portal; environments use the next",
    )
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("BERTH_VAR", ROOT / "var"))


def main(arguments: list[str]) -> int:
    """Run until stopped. Returns 0, or 2 after one sentence on what keeps it from starting."""
    parser = argparse.ArgumentParser("manage.py up", description="Start the whole portal; Ctrl-C stops it.")
    add_options(parser)
    parser.add_argument("--no-color", action="store_true", help="plain log lines")
    return start(parser.parse_args(arguments))


def start(options: argparse.Namespace) -> int:
    """The same for options that are parsed already."""
    colour = sys.stdout.isatty() and not options.no_color and "NO_COLOR" not in os.environ
    try:
        run(Options(options.port, options.data_dir, colour))
    except StartError as problem:
        sys.stderr.write(f"berth: {problem}\n")
        return 2
    return 0
