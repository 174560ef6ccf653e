"""A policy engine of the test's own: no bundle in force, and its evaluators ended afterwards."""

import shutil

import pytest

from policies import engine

RULE = """package berth.burn

meta := {"id": "test.burn", "severity": "block", "title": "Counts to n", "waiver": "Nobody"}

findings contains {"field": "n", "value": n, "message": "m", "fix": "f", "who": "w"} if {
	n := input.environment.parameters.n
	count([1 | some a in numbers.range(1, n); some b in numbers.range(1, n); a != b]) >= 0
}
"""
TEST = """package tests.burn

import data.ruling

test_it_counts if {
	result := ruling.result with input as {"environment": {"parameters": {"n": 2}}}
	count(result.findings) == 1
}
"""


@pytest.fixture
def fresh_engine(monkeypatch):
    """The engine module as in a process that has judged nothing yet."""
    monkeypatch.setattr(engine, "_active", engine._Active())
    yield engine
    if engine._active.pool is not None:
        engine._active.pool.close()


@pytest.fixture
def burning_bundle(tmp_path):
    """A bundle whose one rule takes as long as the request asks: parameters.n squared steps."""
    shutil.copy(engine.SHIPPED / "ruling.rego", tmp_path)
    (tmp_path / "burn.rego").write_text(RULE)
    (tmp_path / "burn_test.rego").write_text(TEST)
    return tmp_path
