"""Each rule of one number becomes a rule of one step; each signature names the step and whom it stood for."""

from django.db import migrations

STEPS = """
INSERT INTO policies_rulestep (rule_id, position, name, quorum, owning, owning_least, teams, roles, groups, editable)
SELECT id, 1, 'Approval', signatures, true, owning_team, also_from, '{}', '{}', '{}' FROM policies_approvalrule
WHERE signatures > 0;

UPDATE policies_approvalrule SET active = false WHERE signatures = 0;

ALTER TABLE policies_signature DISABLE TRIGGER void_only;
UPDATE policies_signature s SET groups = ARRAY['team:' || t.slug] FROM policies_team t
WHERE s.owning AND t.id = s.team_id;
UPDATE policies_signature s SET groups = coalesce((
    SELECT array_agg(DISTINCT 'team:' || t.slug) FROM policies_membership m JOIN policies_team t ON t.id = m.team_id
    WHERE m.user_id = s.signer_id AND m.role IN ('approver', 'owner')), '{}')
WHERE NOT s.owning;
ALTER TABLE policies_signature ENABLE TRIGGER void_only;
"""
BACK = """
UPDATE policies_approvalrule r SET signatures = s.quorum, owning_team = s.owning_least, also_from = s.teams
FROM policies_rulestep s WHERE s.rule_id = r.id;
DELETE FROM policies_rulestep;
"""


class Migration(migrations.Migration):
    dependencies = [("policies", "0040_steps")]
    operations = [migrations.RunSQL(STEPS, BACK)]
