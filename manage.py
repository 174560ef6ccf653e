#!/usr/bin/env python3
"""Command-line entry point. `manage.py up` starts the whole portal; `manage.py help` lists the rest."""

import os
import sys


def main() -> None:
    """Run one management command; `up` and `demo` need no settings: the one makes them, the other is a client."""
    if sys.argv[1:2] == ["up"]:
        from portal.embedded.command import main as up

        sys.exit(up(sys.argv[2:]))
    if sys.argv[1:2] == ["demo"]:
        from portal.demo.command import main as demo

        sys.exit(demo(sys.argv[2:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
