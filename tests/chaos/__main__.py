"""`python -m tests.chaos --faults 500 --seed 1`: progress on stderr, one JSON object as the last line of stdout."""

import argparse
import json
import signal
import sys
from typing import Any

from tests.chaos import installation


def main() -> int:
    """The exit code says whether everything held."""
    options = _options()
    with installation.opened() as made:
        from tests.chaos import people
        from tests.chaos.dump import dump, keep
        from tests.chaos.run import Run, say

        crowd = people.settle(made.var)
        with installation.served(made):
            say(f"{options.faults} faults with seed {options.seed} in {made.var}")
            run = Run(made, crowd, options.seed, options.faults, options.stop)
            figures = run.go()
        holds = held(figures)
        if options.keep:
            keep(made, options.keep)
        if not holds:
            dump(made)
            for finding in run.findings:
                say(finding)
    print(json.dumps(figures), flush=True)
    return 0 if holds else 1


def held(figures: dict[str, Any]) -> bool:
    """Nothing lost, doubled, orphaned or stuck, everything overcome in time, and the faults met work."""
    nothing = not any(figures[sort] for sort in ("lost", "doubled", "orphaned", "stuck"))
    met = figures["faults_effective"] >= 0.8 * figures["faults"]
    return nothing and met and figures["max_recovery_s"] <= 60


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--faults", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stop", action="store_true", help="end at the first thing that is wrong")
    parser.add_argument("--keep", default="", help="copy the logs into this directory")
    return parser.parse_args()


if __name__ == "__main__":
    # A polite end runs the cleaning up, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
