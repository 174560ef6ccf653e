"""The main job below the surface, on real parts: catalogue, policy, engine, sandbox, Vault, release, destruction."""

import pytest

from delivery.actions import deploy, promote, register_release, roll_back
from provisioning.actions.sign import approve
from provisioning.drivers.registry import driver
from provisioning.models import Environment, Operation
from provisioning.specs import spec_of
from tests import world
from tests.provisioning.engine import ask, requested

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.servers]


@pytest.fixture
def portal(tmp_path, demo):
    demo.version = world.shipped("web-service")
    tmp_path.chmod(0o711)
    with world.running(tmp_path) as running:
        yield running


def _done(answer) -> Operation:
    assert isinstance(answer, Operation), answer
    operation = world.finished(answer)
    assert operation.status == "succeeded", (operation.status, operation.error, operation.blocked)
    return operation


def _made(demo, name, tier) -> Environment:
    operation = requested(demo, name=name, tier=tier)
    if tier == "prod":
        world.wait_until(lambda: Operation.objects.get(pk=operation.pk).status == "awaiting_approval")
        operation.refresh_from_db()
        for signer in (demo.jonas, demo.tomasz):
            assert approve(by=signer, operation=operation, digest=operation.change_digest)
    _done(operation)
    return Environment.objects.get(pk=operation.environment_id)


def test_c2_s2_from_request_to_promotion_and_back_to_nothing(portal, demo):
    dev, prod = _made(demo, "api-dev", "dev"), _made(demo, "api-prod", "prod")
    assert portal.ask("api-dev")[0] == 200
    assert {b.name: b.version for b in dev.secrets.all()} == {"cache": 1, "database": 1}
    one, two = (register_release(by=demo.mara, service=demo.api, version=v, artifact={}) for v in ("1.0", "2.0"))
    for release in (one, two):
        _done(deploy(by=demo.mara, environment=world.fresh(dev), release=release))
        assert portal.ask("api-dev")[1]["release"]["version"] == release.version
        operation = promote(by=demo.mara, environment=world.fresh(prod), release=release)
        world.wait_until(lambda op=operation: Operation.objects.get(pk=op.pk).status == "awaiting_approval")
        operation.refresh_from_db()
        for signer in (demo.jonas, demo.tomasz):
            assert approve(by=signer, operation=operation, digest=operation.change_digest)
        _done(operation)
    assert portal.ask("api-prod")[1]["release"]["version"] == "2.0"
    _done(roll_back(by=demo.mara, environment=world.fresh(prod)))
    assert portal.ask("api-prod")[1]["release"]["version"] == "1.0"
    hits = portal.ask("api-dev")[1]["hits"]
    _done(ask(demo, world.fresh(dev), "suspend"))
    assert portal.ask("api-dev")[0] == 503
    _done(ask(demo, world.fresh(dev), "resume"))
    assert portal.ask("api-dev")[1]["hits"] > hits
    _done(ask(demo, world.fresh(dev), "destroy"))
    assert driver("sandbox").observe(spec_of(world.fresh(dev))) == {}
    assert portal.ask("api-dev")[0] == 404
