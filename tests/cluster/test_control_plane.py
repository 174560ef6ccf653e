"""What is real about the built control plane: permissions, quotas, validation, apply, dry-run, and its end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.cluster.client import Address, Client, address
from tests.cluster.recipe import ROOT
from tests.processes import wait_until

pytestmark = [pytest.mark.needs("built-cluster"), pytest.mark.timeout(240)]
MAPS = "/api/v1/namespaces/{}/configmaps"


def refused(call, *arguments):
    """The status and the message that the server refused a call with."""
    with pytest.raises(httpx.HTTPStatusError) as caught:
        call(*arguments)
    return caught.value.response.status_code, caught.value.response.json()["message"]


def test_an_account_without_a_role_is_refused(cluster, admin, namespace):
    wait_until(lambda: admin.items(f"/api/v1/namespaces/{namespace}/serviceaccounts"))
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    token = admin.create(path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
    where = address(cluster.kubeconfig)
    nobody = Client(Address(where.url, where.authority, token["status"]["token"]))
    status, message = refused(nobody.get, MAPS.format(namespace))
    assert (status, "cannot list resource" in message) == (403, True)


def test_a_quota_stops_what_exceeds_it(admin, namespace):
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {"count/configmaps": "1"}}}
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    admin.create(path, quota)
    wait_until(lambda: admin.items(MAPS.format(namespace)))
    wait_until(lambda: admin.get(f"{path}/few").get("status", {}).get("used") == {"count/configmaps": "1"})
    status, message = refused(admin.create, MAPS.format(namespace), {"metadata": {"name": "two"}})
    assert (status, "exceeded quota: few" in message) == (403, True)


def test_a_field_that_no_kind_has_is_not_stored_and_a_wrong_value_is_refused(admin, namespace):
    path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/httproutes"
    route = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "r"}}
    rule = {"backendRefs": [{"name": "web", "weight": "ten"}]}
    status, message = refused(admin.create, path, {**route, "spec": {"rules": [rule]}})
    assert (status, "weight" in message) == (422, True)
    made = admin.create(path, {**route, "spec": {"hostnames": ["a.test"], "colour": "red"}})
    assert made["spec"] == {"hostnames": ["a.test"]}


def test_two_managers_of_one_field_conflict(admin, namespace):
    path = f"{MAPS.format(namespace)}/shared"
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shared"}, "data": {"who": "first"}}
    admin.apply(path, body)
    changed = {**body, "data": {"who": "second"}}
    headers = {"Content-Type": "application/apply-patch+yaml"}
    answer = admin.http.patch(path, json=changed, headers=headers, params={"fieldManager": "other"})
    assert answer.status_code == 409
    assert admin.get(path)["data"] == {"who": "first"}


def test_a_killed_cluster_leaves_no_process(tmp_path):
    state = tmp_path / "state"
    argv = [sys.executable, "-m", "tests.cluster", "up", "--state", str(state)]
    child = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, env={**os.environ})
    assert child.stdout is not None
    assert b"KUBECONFIG=" in child.stdout.readline()
    assert len(processes_of(state)) >= 5
    child.send_signal(signal.SIGKILL)
    child.wait()
    wait_until(lambda: not processes_of(state))


def processes_of(state: Path) -> list[str]:
    """Ids of the processes that name this state directory."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            named = entry.name.isdigit() and str(state).encode() in (entry / "cmdline").read_bytes()
        except OSError:
            continue
        found += [entry.name] if named else []
    return found
