"""`python -m tests.bench [name …]`: progress on stderr, one JSON object as the last line of stdout."""

import json
import signal
import sys
import time
from importlib import import_module

from tests.bench import world

NAMES = ("engine", "queue", "sandbox", "lists", "inbox", "history", "expiry", "policy", "terraform")


def main(names: list[str]) -> None:
    """Run the named benchmarks, or all, in one world."""
    figures: dict[str, object] = {}
    with world.opened() as opened:
        from tests import people

        demo = people.make()
        for name in names or NAMES:
            began = time.monotonic()
            found = import_module(f"tests.bench.{name}").run(opened, demo)
            figures |= found
            world.tell(f"{name}: {json.dumps(found)}", began)
    print(json.dumps(figures))


if __name__ == "__main__":
    # A polite end runs the cleaning up, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main(sys.argv[1:])
