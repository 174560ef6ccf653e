"""Starts etcd, API server, controllers, scheduler and the simulators on loopback, and stops them whole.

Every process hangs on the leash of `portal.embedded`: when this one is killed, they are gone too. Nothing here builds.
"""

import base64
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from portal.embedded.ports import HOST, free_port
from portal.embedded.process import Process, Spec
from tests.cluster import recipe
from tests.cluster.client import Address, Client, Object

ROOT = recipe.ROOT
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "system:masters"
USERS = ("admin", "controllers", "scheduler", "simulator")
IDLE = "-nodeipam,-nodelifecycle,-service,-route,-attachdetach,-persistentvolume-binder,-persistentvolume-expander"


@dataclass(frozen=True)
class ControlPlane:
    """A running one. `token` is the administrator's; `real` is false where pods are played by simulators."""

    kubeconfig: Path
    url: str
    authority: str
    token: str
    home: Path

    def client(self) -> Client:
        """Speaks as the administrator."""
        return Client(Address(self.url, self.authority, self.token))


@contextmanager
def running(home: Path | None = None, *, simulate: bool = True) -> Iterator[ControlPlane]:
    """A fresh control plane until the end of the block; `home` keeps its files and logs, else they go too."""
    if not recipe.is_built():
        raise FileNotFoundError("The cluster is not built: make test-cluster, or python -m tests.cluster build")
    with ExitStack() as stack:
        if home is None:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="berth-cluster-")))
        plane = _prepare(home)
        for spec in _servers(plane):
            process = Process(spec)
            stack.callback(process.stop)
            process.start()
            process.wait_ready()
        _furnish(plane)
        if simulate:
            simulator = Process(
                _spec(plane, "simulators", (sys.executable, "-m", "tests.cluster.simulate", str(plane.kubeconfig)))
            )
            stack.callback(simulator.stop)
            simulator.start()
            client = plane.client()
            stack.callback(client.close)
            _wait(lambda: client.items("/api/v1/nodes"), "The simulators do nothing.")
        yield plane


def _prepare(home: Path) -> ControlPlane:
    """Keys, tokens and kubeconfigs below `home`, new every time."""
    shutil.rmtree(home / "data", ignore_errors=True)
    (home / "data").mkdir(parents=True)
    (home / "log").mkdir(exist_ok=True)
    _certify(home, "server")
    _certify(home, "accounts")
    url = f"https://{HOST}:{free_port()}"
    authority = (home / "server.crt").read_text()
    tokens = {user: secrets.token_urlsafe(24) for user in USERS}
    lines = [f'{tokens[user]},{user},{user},"{GROUP}"\n' for user in USERS]
    _private(home / "tokens.csv", "".join(lines))
    for user, token in tokens.items():
        _private(home / f"{user}.kubeconfig", json.dumps(kubeconfig(Address(url, authority, token))))
    return ControlPlane(home / "admin.kubeconfig", url, authority, tokens["admin"], home)


def kubeconfig(where: Address) -> dict[str, object]:
    """A kubeconfig as a document; JSON is YAML."""
    data = base64.b64encode(where.authority.encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": where.url, "certificate-authority-data": data}}],
        "users": [{"name": "test", "user": {"token": where.token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }


def certify(folder: Path, *, hosts: str = "127.0.0.1,localhost") -> None:
    """Write a self-signed cert.pem and key.pem, its own authority, into `folder`."""
    argv = [str(recipe.home() / "bin" / "make-certificate"), "--host", hosts, "--ca", "--ecdsa-curve", "P256"]
    subprocess.run(argv, cwd=folder, check=True, capture_output=True)


def _certify(home: Path, name: str) -> None:
    certify(home, hosts="127.0.0.1,localhost,kubernetes,kubernetes.default,kubernetes.default.svc")
    (home / "cert.pem").rename(home / f"{name}.crt")
    (home / "key.pem").rename(home / f"{name}.key")


def _private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _servers(plane: ControlPlane) -> Iterator[Spec]:
    """In the order in which they start; each is ready before the next."""
    home, store, peers = plane.home, f"http://{HOST}:{free_port()}", f"http://{HOST}:{free_port()}"
    yield _spec(plane, "etcd", _etcd(home, store, peers), ready=_answers(store, "/health"))
    client = plane.client()
    yield _spec(plane, "kube-apiserver", _api_server(plane, store), ready=client.is_ready)
    for name, user, options in (
        ("kube-controller-manager", "controllers", (f"--controllers=*,{IDLE}", *_accounts(home), "--secure-port=0")),
        ("kube-scheduler", "scheduler", ("--secure-port=0",)),
    ):
        argv = (_bin(name), f"--kubeconfig={home / user}.kubeconfig", "--leader-elect=false", "--port=0", *options)
        yield _spec(plane, name, argv)


def _answers(url: str, path: str) -> Callable[[], bool]:
    def ready() -> bool:
        try:
            return httpx.get(url + path, trust_env=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    return ready


def _bin(name: str) -> str:
    return str(recipe.home() / "bin" / name)


def _etcd(home: Path, clients: str, peers: str) -> tuple[str, ...]:
    one = ("--name=test", f"--initial-cluster=test={peers}", f"--initial-advertise-peer-urls={peers}")
    urls = (f"--listen-client-urls={clients}", f"--advertise-client-urls={clients}", f"--listen-peer-urls={peers}")
    return (_bin("etcd"), f"--data-dir={home / 'data'}/etcd", *one, *urls, "--logger=zap", "--log-level=warn")


def _api_server(plane: ControlPlane, store: str) -> tuple[str, ...]:
    home = plane.home
    return (
        _bin("kube-apiserver"),
        f"--etcd-servers={store}",
        f"--bind-address={HOST}",
        f"--advertise-address={HOST}",
        f"--secure-port={plane.url.rpartition(':')[2]}",
        "--insecure-port=0",
        "--endpoint-reconciler-type=none",
        f"--tls-cert-file={home}/server.crt",
        f"--tls-private-key-file={home}/server.key",
        f"--token-auth-file={home}/tokens.csv",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",
        f"--service-account-key-file={home}/accounts.crt",
        f"--service-account-signing-key-file={home}/accounts.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--profiling=false",
    )


def _accounts(home: Path) -> tuple[str, ...]:
    return (f"--service-account-private-key-file={home}/accounts.key", f"--root-ca-file={home}/server.crt")


def _spec(plane: ControlPlane, name: str, argv: tuple[str, ...], ready: Callable[[], bool] | None = None) -> Spec:
    env = {"PATH": os.environ["PATH"], "HOME": str(plane.home / "data"), "PYTHONPATH": str(ROOT)}
    log = plane.home / "log" / f"{name}.log"
    return Spec(name=name, argv=argv, env=env, cwd=plane.home, log=log, ready=ready, ready_timeout=90)


def _furnish(plane: ControlPlane) -> None:
    """The published resource definitions, served before anybody asks for them."""
    client = plane.client()
    _wait(lambda: client.items("/api/v1/namespaces/default/serviceaccounts"), "The controllers do nothing.")
    for document in json.loads((recipe.home() / "definitions.json").read_text()):
        client.create(DEFINITIONS, document)
    _wait(
        lambda: all(_is_served(client, one) for one in client.items(DEFINITIONS)),
        "The resource definitions are not served.",
    )
    client.close()


def _is_served(client: Client, definition: Object) -> bool:
    spec = definition["spec"]
    path = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
    try:
        return bool(client.get(path))
    except httpx.HTTPStatusError:
        return False


def _wait(true: Callable[[], object], complaint: str) -> None:
    end = time.monotonic() + 60
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(complaint)
        time.sleep(0.1)
