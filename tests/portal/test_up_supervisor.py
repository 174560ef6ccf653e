"""Processes under the supervisor: nothing outlives it, what dies comes back, what stops stops in order."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from portal.embedded import children, ports, state
from portal.embedded.console import Console
from portal.embedded.failure import StartError
from portal.embedded.process import Process, Spec
from portal.embedded.supervisor import Supervisor

pytestmark = pytest.mark.servers
PATIENCE = 10

# A child like gunicorn, celery or nginx at their worst: one process in a session of its own with an empty
# environment, one that was orphaned, one that ignores TERM.
FAMILY = """
import signal, subprocess, sys, time
print("family", flush=True)
subprocess.Popen(["sleep", sys.argv[1]], start_new_session=True, env={})
subprocess.run(["sh", "-c", "(setsid sleep " + sys.argv[1] + " &) ; exit 0"])
stubborn = "import signal, time, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(int(sys.argv[1]))"
subprocess.Popen([sys.executable, "-c", stubborn, sys.argv[1]])
print("complete", flush=True)
time.sleep(600)
"""

SUPERVISOR = """
import os, sys
from pathlib import Path
from portal.embedded.process import Process, Spec
from portal.embedded.supervisor import Supervisor
base, mark, family = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
supervisor = Supervisor(print)
supervisor.listen()
for name in ("one", "two"):
    argv = (sys.executable, "-c", family, mark)
    spec = Spec(name=name, argv=argv, env=os.environ, cwd=base, log=base / (name + ".log"), stop_timeout=1)
    supervisor.start(Process(spec, lambda name, line: print(name, line, flush=True)))
supervisor.watch()
supervisor.stop_all()
print("stopped", flush=True)
"""


def marked(mark):
    """Process ids whose command line carries the mark."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if mark.encode() in words:
                found.append(int(entry.name))
    return found


def wait_until(answer, what):
    deadline = time.monotonic() + PATIENCE
    while not answer():
        assert time.monotonic() < deadline, f"no {what} within {PATIENCE} s"
        time.sleep(0.02)


@pytest.fixture
def mark():
    """A number of seconds to sleep that stands in no other command line."""
    return str(100_000_000 + os.getpid() * 1000 + time.monotonic_ns() % 1000)


@pytest.fixture
def running(tmp_path, mark):
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(tmp_path), mark, FAMILY],
        env={**os.environ, "PYTHONPATH": str(children.ROOT)},
        stdout=(tmp_path / "out").open("w"),
    )
    wait_until(lambda: (tmp_path / "out").read_text().count("complete") == 2, "complete families")
    assert len(marked(mark)) == 1 + 2 * 5
    yield process
    process.kill()
    process.wait()


def test_kill_minus_nine_of_the_supervisor_leaves_no_process(running, mark):
    running.kill()
    running.wait()
    wait_until(lambda: not marked(mark), "end of all processes")


def test_one_stop_signal_stops_all_and_exits_zero(running, mark, tmp_path):
    running.send_signal(signal.SIGINT)
    assert running.wait(PATIENCE) == 0
    assert marked(mark) == []
    assert (tmp_path / "out").read_text().endswith("stopped\n")


def spec(tmp_path, script, **options):
    argv = (sys.executable, "-c", textwrap.dedent(script))
    return Spec(
        name=options.pop("name", "child"),
        argv=argv,
        env=os.environ,
        cwd=tmp_path,
        log=tmp_path / "child.log",
        **options,
    )


def test_what_a_child_leaves_behind_ends_with_it(tmp_path, mark):
    process = Process(spec(tmp_path, f"import subprocess; subprocess.Popen(['sleep', '{mark}'])"))
    process.start()
    wait_until(lambda: not process.is_running, "end")
    assert process.poll() == 0
    assert marked(mark) == []


def test_a_second_stop_signal_kills_what_would_take_its_time(tmp_path):
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    supervisor = Supervisor(lambda _sentence: None)
    process = Process(spec(tmp_path, stubborn, stop_timeout=60))
    supervisor.start(process)
    wait_until(lambda: b"deaf" in (tmp_path / "child.log").read_bytes(), "deafness")
    supervisor.request_stop()
    supervisor.request_stop()
    begun = time.monotonic()
    supervisor.stop_all()
    assert time.monotonic() - begun < 2
    assert process.poll() == 128 + signal.SIGKILL


def test_what_dies_is_started_again_and_said_in_one_sentence(tmp_path):
    said = []
    supervisor = Supervisor(said.append)
    process = Process(spec(tmp_path, "import sys; print('no bread'); sys.exit(3)"))
    supervisor.start(process)
    for _failure in range(2):
        wait_until(lambda: not process.is_running, "end")
        supervisor.check()
        wait_until(lambda: supervisor.check() or process.is_running, "second start")
    wait_until(lambda: not process.is_running, "end")
    supervisor.check()
    log = tmp_path / "child.log"
    assert said == [
        f"child ended (exit 3); next start in 1 s: no bread (more in {log}).",
        f"child ended (exit 3) 2 times in a row; next start in 2 s: no bread (more in {log}).",
        f"child ended (exit 3) 3 times in a row; next start in 4 s: no bread (more in {log}).",
    ]


def test_children_are_stopped_in_reverse_order(tmp_path):
    order = tmp_path / "order"
    script = f"""
        import signal, sys, time
        def stop(*_):
            open({str(order)!r}, "a").write(NAME)
            sys.exit(0)
        signal.signal(signal.SIGTERM, stop)
        print("ready", flush=True)
        time.sleep(60)
    """
    lines = []
    supervisor = Supervisor(lambda _sentence: None)
    for name in "abc":
        process = Process(
            spec(tmp_path, script.replace("NAME", repr(name)), name=name), lambda *line: lines.append(line)
        )
        supervisor.start(process)
    wait_until(lambda: len(lines) == 3, "ready children")
    supervisor.stop_all()
    assert order.read_text() == "cba"


def test_a_program_that_is_not_there_is_named(tmp_path):
    process = Process(
        Spec(
            name="ghost",
            argv=("/no/such/program",),
            env={},
            cwd=tmp_path,
            log=tmp_path / "log",
            ready=lambda: False,
        )
    )
    process.start()
    with pytest.raises(StartError, match=r"^ghost ended at once \(exit 127\): /no/such/program: No such file"):
        process.wait_ready()


def test_what_never_answers_is_given_up(tmp_path):
    process = Process(spec(tmp_path, "import time; time.sleep(60)", ready=lambda: False, ready_timeout=0.3))
    process.start()
    with pytest.raises(StartError, match=r"^child did not answer within 0 s\.$"):
        process.wait_ready()
    process.stop()
    assert not process.is_running


def test_the_terminal_never_interrupts_a_child_itself(tmp_path):
    process = Process(spec(tmp_path, "import os; print(os.getsid(0), os.getpgid(0))"))
    process.start()
    wait_until(lambda: not process.is_running, "end")
    session, group = (tmp_path / "child.log").read_text().split()
    assert session != str(os.getsid(0))
    assert group != str(os.getpgid(0))


def test_a_child_sees_only_the_secrets_of_its_row(tmp_path, monkeypatch):
    values = dict.fromkeys(children.RESERVED, "x")
    monkeypatch.setenv("DATABASE_OWNER_URL", "from outside")
    sees = {
        child.name: {name for name in children.spec(child, tmp_path, values).env if name in children.RESERVED}
        for child in children.table(tmp_path, 1, 2)
    }
    basis = {"SECRET_KEY", "DATABASE_URL", "REDIS_URL"}
    vault = {"VAULT_ADDR", "VAULT_ROLE_ID", "VAULT_SECRET_ID_FILE", "VAULT_TOKEN_FILE"}
    sandbox = {"SANDBOX_DATABASE_URL", "SANDBOX_REDIS_URL"}
    assert sees == {
        "web": basis | vault,
        "streams": basis | {"VAULT_ADDR"},
        "worker": basis | vault | sandbox,
        "beat": basis,
        "sandboxd": basis | vault | sandbox,
        "router": basis,
    }


def test_a_port_is_kept_between_starts_unless_somebody_took_it(tmp_path):
    kept = state.load(tmp_path)
    port = kept.port("postgres")
    assert state.load(tmp_path).port("postgres") == port
    with ports.socket.socket() as taken:
        taken.bind((ports.HOST, port))
        taken.listen()
        assert state.load(tmp_path).port("postgres") != port


def test_a_child_cannot_write_control_characters_to_the_terminal(tmp_path):
    with (tmp_path / "terminal").open("w") as terminal:
        Console(["web"], colour=False, out=terminal).line("web", "a\x1b[2Jb\rc\td")
    assert (tmp_path / "terminal").read_text() == "web      | a[2Jbc\td\n"
