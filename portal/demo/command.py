"""`manage.py demo`: against a running portal, else one started for it in a directory of its own."""

import argparse
import json
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from portal.demo.journey import Journey, Unexpected
from portal.demo.person import Refused
from portal.embedded import ports

READY_WITHIN_S = 120


def main(argv: list[str]) -> int:
    """Run the journey; 0 when every step went well, else 1."""
    parser = argparse.ArgumentParser(prog="manage.py demo", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--data-dir", default="var", help="where the running portal keeps seed.json")
    options = parser.parse_args(argv)
    seed = Path(options.data_dir) / "seed.json"
    if _is_ready(options.url) and seed.exists():
        return run(options.url, seed)
    return _with_a_portal_of_its_own()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=3).status_code == 200
    except httpx.HTTPError:
        return False


def _with_a_portal_of_its_own() -> int:
    port = ports.free_pair()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="berth-demo-", ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o711)
        _say(f"No portal answers; starting one at {url}")
        log = Path(place) / "up.log"
        argv = [sys.executable, "manage.py", "up", "--port", str(port), "--data-dir", place, "--no-color"]
        with log.open("wb") as out:
            portal = subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            end = time.monotonic() + READY_WITHIN_S
            while not _is_ready(url):
                if portal.poll() is not None or time.monotonic() > end:
                    _say(f"The portal did not start:\n{log.read_text()[-2000:]}")
                    return 1
                time.sleep(0.2)
            return run(url, Path(place) / "seed.json")
        finally:
            portal.send_signal(signal.SIGINT)
            portal.wait(timeout=60)


def run(url: str, seed: Path) -> int:
    """Every step in order, each with its time; stops at the first that goes wrong."""
    passwords = {row["username"]: row["password"] for row in json.loads(seed.read_text())}
    journey = Journey(url, passwords, tag=secrets.token_hex(3))
    began = time.monotonic()
    for number, (title, step) in enumerate(journey.steps(), 1):
        at = time.monotonic()
        try:
            said = step()
        except (Unexpected, Refused, httpx.HTTPError, KeyError) as wrong:
            _say(f"{number:2} {title}: FAILED after {time.monotonic() - at:.2f} s: {wrong!r}")
            return 1
        _say(f"{number:2} {title:<52} {time.monotonic() - at:6.2f} s  {said}")
    _say(f"Done in {time.monotonic() - began:.1f} s.")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
