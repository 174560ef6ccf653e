# The entry: every finding of every rule under `berth`, and every rule's id, so that the engine can tell what passed.
package ruling

result := {"findings": findings, "rules": rules}

rules contains rule.meta.id if some rule in data.berth

findings contains object.union(finding, {"rule": rule.meta.id, "severity": rule.meta.severity}) if {
	some rule in data.berth
	some finding in rule.findings
}
