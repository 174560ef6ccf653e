"""A short run of the chaos test against an installation of its own: nothing is lost, doubled, orphaned or stuck."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.__main__ import held
from tests.processes import ROOT

pytestmark = pytest.mark.servers

FAULTS = 25
# Generous, for what hangs: alone on a machine it takes about a minute and a half.
WITHIN_S = 600


@pytest.mark.timeout(WITHIN_S + 30)
def test_f1_twenty_five_faults_under_load_lose_and_double_nothing():
    plain = {"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "HOME": os.environ.get("HOME", "/")}
    command = [sys.executable, "-m", "tests.chaos", "--faults", str(FAULTS), "--seed", "1", "--stop"]
    run = subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert run.stdout, run.stderr[-8000:]
    figures = json.loads(run.stdout.splitlines()[-1])
    assert held(figures), run.stderr[-8000:]
    assert (figures["faults"], run.returncode) == (FAULTS, 0)
