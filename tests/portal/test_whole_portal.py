"""`manage.py up` from nothing to a served environment, twice over the same data; and nothing outlives it."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from portal.demo.journey import Journey
from tests import whole
from tests.processes import ROOT, wait_until

NOBODY = 65534
GONE_WITHIN_S = 5
pytestmark = [
    pytest.mark.servers,
    pytest.mark.serial,
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def ordinary():
    """An account without any right, with a Python and a checkout that it may read."""
    if os.geteuid() != 0:
        pytest.skip("Only root can start the portal as somebody else; the other tests here ran as an ordinary user.")
    place = Path(tempfile.mkdtemp(prefix="berth-checkout-"))
    try:
        place.chmod(0o755)
        yield whole.Account(NOBODY, _readable_python(place), _own_checkout(place))
    finally:
        shutil.rmtree(place)


def _readable_python(place: Path) -> str:
    """A virtual environment that everybody may run, of this very interpreter with its packages."""
    version = f"python3.{sys.version_info[1]}"
    home, library = Path(sys.base_prefix), Path(sys.base_prefix) / "lib" / version
    packages = next(path for path in map(Path, sys.path) if (path / "django").is_dir())
    if not _is_open(library):
        _copy(library, place / "python" / "lib" / version, "site-packages", "test", "config-*")
        home = _moved_interpreter(home, place / "python", version)
    if not _is_open(packages):
        packages = _copy(packages, place / "packages")
    made = place / "venv"
    subprocess.run([home / "bin" / version, "-m", "venv", "--without-pip", made], check=True)
    (made / "lib" / version / "site-packages" / "all.pth").write_text(f"{packages}\n")
    return str(made / "bin" / "python")


def _moved_interpreter(home: Path, target: Path, version: str) -> Path:
    """The program beside its library; a shared libpython is looked for there and no longer at the old place."""
    (target / "bin").mkdir()
    for path in home.glob("lib/libpython3*"):
        shutil.copy(path, target / "lib" / path.name)
    old = str(home / "lib").encode() + b"\0"
    new = b"$ORIGIN/../lib\0".ljust(len(old), b"\0")
    assert len(new) == len(old), "the interpreter's own path is too short to be replaced"
    program = target / "bin" / version
    program.write_bytes((home / "bin" / version).read_bytes().replace(b"\0" + old, b"\0" + new))
    program.chmod(0o755)
    return target


def _is_open(path: Path) -> bool:
    """Whether any account may read it: a matter of every directory above, too."""
    return subprocess.run(["ls", path], user=NOBODY, cwd="/", capture_output=True, check=False).returncode == 0


def _copy(source: Path, target: Path, *without: str) -> Path:
    """A copy by links where possible, so that its own directories may be entered."""
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(*without), copy_function=_linked)
    for path in [target, *target.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    return target


def _linked(source: str, target: str) -> str:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
    return target


def _own_checkout(place: Path) -> Path:
    """A clone as that account would have made it: what is in version control, or would be."""
    target = place / "checkout"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    for path in [target, *target.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.chown(path, NOBODY, NOBODY)
    return target


def _say(record_property, portal: whole.Portal, what: str, seconds: float) -> None:
    who = "root" if portal.account.uid == 0 else "an ordinary user"
    record_property(f"{what} as {who}", round(seconds, 1))
    sys.stderr.write(f"\n{what} as {who}: {seconds:.1f} s\n")


def _environment_made(portal: whole.Portal) -> Journey:
    """Mara asks for a dev environment, which is provisioned and answers."""
    journey = Journey(portal.url, portal.people(), tag="kept")
    for step in (journey.sign_in, journey.request_dev, journey.provisioned, journey.reach):
        step()
    return journey


def _answers(portal: whole.Portal, journey: Journey) -> bool:
    """Whether the workload answers through the router."""
    client = http.client.HTTPConnection("127.0.0.1", portal.port + 1, timeout=5)
    try:
        client.request("GET", "/", headers={"Host": str(journey.addresses["dev"].hostname)})
        return client.getresponse().status == 200
    except OSError:
        return False
    finally:
        client.close()


def _whole_family(portal: whole.Portal) -> frozenset[whole.Known]:
    """Every process, workloads included: the scan sees all that must end, so that finding nothing means something."""
    family = portal.family()
    words = "\n".join(one.words for one in family)
    for part in ("postgres", "valkey-server", "bao server", "gunicorn", "uvicorn", "celery", "sandboxd", "nginx"):
        assert part in words, part
    records = [json.loads(path.read_text()) for path in portal.var.glob("sandboxd/children/*.json")]
    assert records
    assert {record["pid"] for record in records} <= {one.pid for one in family}
    return family


def _ends_by_itself(portal: whole.Portal) -> None:
    family = _whole_family(portal)
    assert portal.end(signal.SIGINT) == 0, portal.terminal[-2000:]
    assert whole.left_of(family, portal.var) == []
    assert portal.terminal.endswith("Stopped.\n")


def _is_killed(portal: whole.Portal) -> None:
    family = _whole_family(portal)
    portal.end(signal.SIGKILL)
    wait_until(lambda: not whole.left_of(family, portal.var), GONE_WITHIN_S)


def _live_and_die(portal: whole.Portal, record_property, *, demo: bool) -> None:
    """Ready, used, stopped, ready again with the same data, killed."""
    _say(record_property, portal, "cold start", portal.start())
    journey = _environment_made(portal)
    if demo:
        _demo_passes(portal)
    _ends_by_itself(portal)
    began = time.monotonic()
    _say(record_property, portal, "second start", portal.start())
    wait_until(lambda: _answers(portal, journey), 60)
    _say(record_property, portal, "environment answers again", time.monotonic() - began)
    assert portal.person("mara").get(f"environments/{journey.environments['dev']}/")["status"] == "ready"
    _is_killed(portal)


def _demo_passes(portal: whole.Portal) -> None:
    """`make demo` against the running portal: exit code 0, each step printed in order with its time."""
    words = portal.command("demo", "--url", portal.url, "--data-dir", str(portal.var))
    options = {"cwd": ROOT, "env": portal.environment(), "capture_output": True, "text": True, "timeout": 400}
    said = subprocess.run(words, **options, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    titles = [title for title, _ in Journey("", {}, "").steps()]
    assert re.findall(r"^ ?\d+ (.+?) +\d+\.\d\d s  ", said.stdout, re.M) == titles
    assert re.search(r"^Done in \d+\.\d s\.$", said.stdout, re.M)


def test_c1_c4_it_starts_serves_and_leaves_no_process_and_the_demo_passes(record_property) -> None:
    with whole.installation() as portal:
        _live_and_die(portal, record_property, demo=True)


def test_c1_c4_an_ordinary_user_needs_no_right_for_it(ordinary, record_property) -> None:
    with whole.installation(ordinary) as portal:
        _live_and_die(portal, record_property, demo=False)
        assert {path.lstat().st_uid for path in portal.var.rglob("*")} == {NOBODY}
