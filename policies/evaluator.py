"""The child process that evaluates Rego: run as a script, never imported by the portal.

Speaks length-prefixed JSON on stdin and stdout. The first frame loads a bundle and names the task;
in task "judge" every further frame is one input document; the tasks "parse" and "inspect" have one reply and
end the process. No Django, no settings, no clock of its own; who decides what lives in `engine.py`.
"""

import json
import os
import resource
import signal
import struct
import sys
from typing import Any

import regorus

HEADER = struct.Struct(">I")
# The engine's allocator reserves 1 GiB of addresses at the start, of which it touches 20 MB.
ADDRESS_SPACE = 2 << 30


def confine() -> None:
    """Bound what a policy can cost: memory, and no file larger than nothing."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The default action, so that the kernel ends this process even while the engine holds the interpreter.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})


def read_exactly(count: int) -> bytes:
    """Read `count` bytes from stdin; the end of the stream is the parent's end, and so ours."""
    parts = bytearray()
    while len(parts) < count:
        part = os.read(0, count - len(parts))
        if not part:
            sys.exit(0)
        parts += part
    return bytes(parts)


def read_frame() -> bytes:
    """Read one frame: four bytes of length, big-endian, then JSON."""
    return read_exactly(HEADER.unpack(read_exactly(HEADER.size))[0])


def write_frame(payload: bytes) -> None:
    """Write one whole frame to stdout."""
    view = memoryview(HEADER.pack(len(payload)) + payload)
    while view:
        view = view[os.write(1, view) :]


def sentence(error: RuntimeError) -> str:
    """Cut the engine's native stack trace off its message."""
    return str(error).split("\n\nStack backtrace:", 1)[0].strip()


def load(files: list[list[str]]) -> regorus.Engine:
    """Parse every (path, source) pair into a fresh engine; raises RuntimeError on a syntax error."""
    engine = regorus.Engine()
    for path, source in files:
        engine.add_policy(path, source)
    return engine


def judge(engine: regorus.Engine, query: str, facts: bytes) -> bytes:
    """Evaluate `query` on one input document and answer with the frame to send back."""
    try:
        engine.set_input_json(facts.decode())
        result: str = engine.eval_rule_as_json(query)
        return b'{"result":' + result.encode() + b"}"
    except RuntimeError as error:
        return json.dumps({"error": sentence(error)}).encode()


def inspect(engine: regorus.Engine, tests: list[str], metas: list[str]) -> dict[str, Any]:
    """Run the tests with coverage and read each rule's metadata."""
    engine.set_enable_coverage(True)
    outcomes: dict[str, str] = {}
    for test in tests:
        engine.set_input_json("{}")
        try:
            outcomes[test] = "pass" if engine.eval_rule_as_json(test) == "true" else "is not true"
        except RuntimeError as error:
            outcomes[test] = sentence(error)
    coverage = json.loads(engine.get_coverage_report_as_json())
    engine.set_enable_coverage(False)
    values: dict[str, Any] = {}
    for meta in metas:
        try:
            values[meta] = json.loads(engine.eval_rule_as_json(meta))
        except RuntimeError as error:
            values[meta] = sentence(error)
    return {"outcomes": outcomes, "coverage": coverage["files"], "metas": values}


def serve(engine: regorus.Engine, order: dict[str, Any]) -> None:
    """Answer one input after another until the parent closes the pipe."""
    while True:
        facts = read_frame()
        signal.setitimer(signal.ITIMER_REAL, order["seconds"])
        reply = judge(engine, order["query"], facts)
        signal.setitimer(signal.ITIMER_REAL, 0)
        write_frame(reply)


def main() -> None:
    """Load what the first frame asks for, then judge or inspect."""
    confine()
    order: dict[str, Any] = json.loads(read_frame())
    signal.setitimer(signal.ITIMER_REAL, order["load_seconds"])
    try:
        engine = load(order["files"])
    except RuntimeError as error:
        write_frame(json.dumps({"error": sentence(error)}).encode())
        return
    if order["task"] == "parse":
        write_frame(b'{"result":' + engine.get_ast_as_json().encode() + b"}")
    elif order["task"] == "inspect":
        write_frame(json.dumps({"result": inspect(engine, order["tests"], order["metas"])}).encode())
    else:
        signal.setitimer(signal.ITIMER_REAL, 0)
        write_frame(b'{"result":"ready"}')
        serve(engine, order)


if __name__ == "__main__":
    main()
