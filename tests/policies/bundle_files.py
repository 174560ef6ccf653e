"""Small bundles that differ in one rule: which parameter value they refuse."""

from policies import bundle
from policies.engine import SHIPPED

RULE = """package berth.greeting

meta := {"id": "test.greeting", "severity": "%s", "title": "A greeting is polite", "waiver": "Nobody"}

findings contains {"field": "greeting", "value": said, "message": "m", "fix": "f", "who": "w"} if {
	said := input.environment.parameters.greeting
	said == "%s"
}
"""
TEST = """package tests.greeting

import data.fixtures
import data.berth.greeting as rule

test_it_finds if {
	facts := fixtures.but({"environment": {"parameters": {"greeting": "%s"}}})
	found := rule.findings with input as facts
	count(found) == 1
}
"""


def refusing(word, severity="block"):
    """The shipped files and a rule that refuses this greeting."""
    mine = (("mine/greeting.rego", RULE % (severity, word)), ("mine/greeting_test.rego", TEST % word))
    return (*bundle.read(SHIPPED), *mine)
