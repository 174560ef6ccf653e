"""A workload that was taken over: it tries what it must not reach, and serves what came of each try.

`parameters["targets"]` says where things lie; a taken-over process would have to guess that.
"""

import ctypes
import os
import signal
import socket
import subprocess

import psycopg

from provisioning.drivers.sandbox.workloads.runtime import Refused, Secrets, as_json, serve, valkey

PTRACE_ATTACH = 16


def main(config, ready):
    secrets = Secrets(config)
    targets = config["parameters"].get("targets", {})
    results = {name: attempt(try_it, targets, config, secrets) for name, try_it in TRIES.items()} if targets else {}

    def answer(path, browser):
        return as_json({"environment": config["environment"], "release": config["release"], "results": results})

    serve(config["port"], answer, ready)


def attempt(try_it, targets, config, secrets):
    try:
        return f"GOT {try_it(targets, config, secrets)!r}"[:200]
    except (OSError, psycopg.Error, Refused) as problem:
        return f"refused: {type(problem).__name__} {problem}"[:200]


def read(path):
    with open(path, "rb") as file:
        return file.read(100)


def write(path):
    with open(path, "w") as file:
        return file.write("mine")


def database(name, secrets):
    own = {key: secrets.values["database"][key] for key in ("host", "port", "user", "password")}
    with psycopg.connect(dbname=name, connect_timeout=3, **own) as db:
        return db.execute("SELECT current_database()").fetchone()


def other_role(targets, secrets):
    own = {key: secrets.values["database"][key] for key in ("host", "port", "user", "password", "dbname")}
    with psycopg.connect(connect_timeout=3, **own) as db:
        return db.execute(f'SET ROLE "{targets["database"]}"').statusmessage


def cache(secrets, *words):
    return valkey(secrets.values["cache"], *words)


def vault_login_again(targets, config, secrets):
    return Secrets(config).values


def vault_path(targets, config, secrets):
    return Secrets({**config, "vault": {**config["vault"], **targets["vault"], "secrets": ["database"]}}).values


def connect(port):
    with socket.create_connection(("127.0.0.1", port), timeout=2):
        return port


def bind(port):
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))
        return port


def ptrace(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(PTRACE_ATTACH, pid, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")
    return pid


TRIES = {
    "seal key": lambda t, c, s: read(t["seal_key"]),
    "installation secret": lambda t, c, s: read(t["secret_id"]),
    "sandboxd environ": lambda t, c, s: read(f"/proc/{t['sandboxd']}/environ"),
    "sandboxd memory": lambda t, c, s: read(f"/proc/{t['sandboxd']}/maps"),
    "own environ": lambda t, c, s: read("/proc/self/environ"),
    "list workloads": lambda t, c, s: os.listdir(os.path.dirname(t["directory"])),
    "other directory": lambda t, c, s: os.listdir(t["directory"]),
    "other file": lambda t, c, s: read(f"{t['directory']}/note"),
    "write in tmp": lambda t, c, s: write(f"{t['scratch']}/note"),
    "other database": lambda t, c, s: database(t["database"], s),
    "portal database": lambda t, c, s: database(t["portal"], s),
    "control database": lambda t, c, s: database("berth_sandbox", s),
    "postgres database": lambda t, c, s: database("postgres", s),
    "other role": lambda t, c, s: other_role(t, s),
    "other key": lambda t, c, s: cache(s, "GET", f"{t['prefix']}heartbeat"),
    "write other key": lambda t, c, s: cache(s, "SET", f"{t['prefix']}x", "1"),
    "list keys": lambda t, c, s: cache(s, "KEYS", "*"),
    "scan keys": lambda t, c, s: cache(s, "SCAN", "0"),
    "cache users": lambda t, c, s: cache(s, "ACL", "LIST"),
    "script": lambda t, c, s: cache(s, "EVAL", "return 1", "0"),
    "use the wrapping again": vault_login_again,
    "other vault path": vault_path,
    "end sandboxd": lambda t, c, s: os.kill(t["sandboxd"], signal.SIGCONT),
    "end other workload": lambda t, c, s: os.kill(t["other_pid"], signal.SIGCONT),
    "trace sandboxd": lambda t, c, s: ptrace(t["sandboxd"]),
    "trace other workload": lambda t, c, s: ptrace(t["other_pid"]),
    "start a shell": lambda t, c, s: subprocess.run(["/bin/sh", "-c", "true"], check=True),
    "connect elsewhere": lambda t, c, s: connect(t["forbidden_port"]),
    "other workload's port": lambda t, c, s: connect(t["other_port"]),
    "listen elsewhere": lambda t, c, s: bind(t["free_port"]),
}
