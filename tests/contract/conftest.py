"""Which case runs against which harness, and the one harness of each case. The cases are in test_driver_contract.py."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provisioning.drivers.base import EnvironmentSpec
from tests.contract.carrying import Run
from tests.contract.harness import Harness, load, places
from tests.contract.installed import as_installed

_started: set[str] = set()
# Third parties' harnesses are found by entry point; the example is ours to prove that this works.
as_installed(Path(__file__).resolve().parents[2] / "examples" / "driver")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "claims(*verbs): collected for drivers that claim all of them")
    config.addinivalue_line("markers", "unclaimed: collected for each verb that the driver does not claim")
    config.addinivalue_line("markers", "worlds(attribute): collected for harnesses whose attribute is true")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One case for each harness, by name."""
    if "harness_name" in metafunc.fixturenames:
        metafunc.parametrize("harness_name", sorted(places()), scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a driver does not claim is not collected: a skip would look like something missing."""
    items[:] = [item for item in items if _applies(item)]
    for item in items:
        name = getattr(getattr(item, "callspec", None), "params", {}).get("harness_name")
        if name is not None and load(places()[name]).database:
            item.add_marker(pytest.mark.django_db(transaction=True))
        if name is not None and load(places()[name]).needs.endswith("cluster"):
            item.add_marker("cluster")


def _applies(item: pytest.Item) -> bool:
    name = getattr(getattr(item, "callspec", None), "params", {}).get("harness_name")
    if name is None:
        return True
    harness = load(places()[name])
    claimed = [{*mark.args} <= harness.capabilities for mark in item.iter_markers("claims")]
    verb = item.callspec.params.get("verb")  # type: ignore[attr-defined]
    if verb is not None:
        claimed.append((verb in harness.capabilities) is (item.get_closest_marker("unclaimed") is None))
    return all(claimed) and all(getattr(harness, mark.args[0]) for mark in item.iter_markers("worlds"))


@pytest.fixture(scope="module")
def _worlds() -> Iterator[None]:
    """Ends every world that was started: its daemons read the database that the next module uses."""
    yield
    for name in sorted(_started):
        load(places()[name]).stop()
    _started.clear()


@pytest.fixture
def harness(harness_name: str, _worlds: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """The harness of this case, started; nothing of the case may lie on this worker afterwards."""
    found = load(places()[harness_name])
    missing = found.missing()
    if missing and found.needs in os.environ.get("BERTH_REQUIRE", "").split(","):
        pytest.fail(f"required but absent: {missing}", pytrace=False)
    if missing:
        pytest.skip(missing)
    if harness_name not in _started:
        _started.add(harness_name)
        found.start(tmp_path_factory.mktemp(f"contract-{harness_name}"))
    found.mend()
    found.begin()
    yield found
    found.mend()
    assert found.leftovers() == ()


@pytest.fixture
def environments(harness: Harness) -> Iterator[Callable[..., Run]]:
    """Makes a run of a new environment; whatever is left of it is removed afterwards."""
    made: list[EnvironmentSpec] = []

    def make(name: str, **changes: object) -> Run:
        made.append(harness.spec(f"{name}-{len(made) + 1}", **changes))
        return Run(harness, made[-1])

    yield make
    harness.mend()
    for spec in made:
        harness.cleanup(spec)
