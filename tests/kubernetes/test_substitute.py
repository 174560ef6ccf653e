"""Values go into places of parsed structures, with their own types, and nowhere else."""

import pytest

from provisioning.drivers.base import DriverRejected, ReleaseSpec
from provisioning.drivers.kubernetes.substitute import bad_places, fill, scope_of
from tests.contract.harness import Harness

CHOICES = {"choices": {"size": {"S": {"cpu": "250m", "replicas": 2}}}}
SPEC = Harness.blank(
    "shop",
    parameters={"size": "S", "replicas": 3, "public": True, "hosts": ["a", "b"], "evil": "${release.version}\nkind: X"},
    resources=CHOICES,
    release=ReleaseSpec("1.2.0", "sha256:1"),
)
SCOPE = scope_of(SPEC, "ns-1")


@pytest.mark.parametrize(
    ("given", "filled"),
    [
        ("${replicas}", 3),
        ("${public}", True),
        ("${hosts}", ["a", "b"]),
        ("${choices.size.replicas}", 2),
        ("cpu=${choices.size.cpu}", "cpu=250m"),
        ("n=${replicas}, p=${public}", "n=3, p=true"),
        ("${environment.namespace}/${environment.name}", "ns-1/shop"),
        ("${release.version}", "1.2.0"),
        ("$${replicas}", "${replicas}"),
        ({"a": ["${replicas}"]}, {"a": [3]}),
        ({"${replicas}": 1}, {"${replicas}": 1}),
        ("no place", "no place"),
        (7, 7),
    ],
)
def test_a_place_takes_its_value(given, filled):
    assert fill(given, SCOPE) == filled


def test_a_value_is_never_read_again_as_structure_or_place():
    assert fill({"a": "${evil}"}, SCOPE) == {"a": "${release.version}\nkind: X"}


@pytest.mark.parametrize("given", ["${nothing}", "${environment.secret}", "${choices.size.memory}", "x ${hosts}"])
def test_what_cannot_be_filled_is_refused(given):
    with pytest.raises(DriverRejected):
        fill(given, SCOPE)


def test_a_parameter_cannot_hide_what_is_known_of_the_environment():
    spec = Harness.blank("shop", parameters={"environment": "x", "release": "y"})
    assert fill("${environment.name}", scope_of(spec, "ns")) == "shop"


def test_places_that_can_never_be_filled_are_named():
    given = {"a": "${ok} ${Bad} ${environment.color}", "b": ["${choices.size}", "$${fine}"], "${key}": 1}
    assert list(bad_places(given)) == ["${Bad}", "${environment.color}", "${choices.size}", "${key}"]
