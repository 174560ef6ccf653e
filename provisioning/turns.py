"""Whose turn it is, as SQL: one order for the claim and for the place that a page shows. Takes nothing itself.

First what an earlier worker left, then people before schedules (and a schedule's operation that a person waits
behind), production, the teams in turn, and of one team what overtakes before the rest, the oldest first. What a
window, a stopped line or a switch holds is not taken and stands behind all that is not held.
"""

from typing import Any

from django.conf import settings

from policies.models import SwitchName
from policies.stops import PAUSES_RECONCILE, PAUSES_SCHEDULES
from policies.windows import EXEMPT
from provisioning import states
from provisioning.states import OperationStatus as S

# Someone works on these, or should; they are few, whatever waits.
_SCENE = """
WITH active AS MATERIALIZED (
    SELECT id, environment_id, team_id, target_id, status FROM provisioning_operation WHERE status = ANY(%(held)s)
),
awaited AS MATERIALIZED (
    SELECT waits_for_id AS id FROM provisioning_operation
    WHERE status = 'queued' AND origin = 'person' AND waits_for_id IS NOT NULL
    UNION
    SELECT a.id FROM active a JOIN provisioning_operation w ON w.environment_id = a.environment_id
    WHERE a.status = ANY(%(active)s) AND w.status IN ('requested', 'queued') AND w.origin = 'person'
),
busy AS MATERIALIZED (SELECT team_id, count(*) AS operations FROM active GROUP BY team_id),
crowded AS MATERIALIZED (
    SELECT t.id FROM provisioning_target t JOIN active a ON a.target_id = t.id AND a.status = ANY(%(active)s)
    WHERE t.concurrency > 0 GROUP BY t.id HAVING count(*) >= t.concurrency
),
failing AS MATERIALIZED (
    SELECT id, driver, target_id, probe_at, opened_at IS NOT NULL AS open FROM provisioning_breaker WHERE failures > 0
),
windows AS MATERIALIZED (
    SELECT w.tiers, w.teams, w.services, w.kinds, w.effect = 'freeze' AS freezes, w.running = 'hold' AS holds,
        EXISTS (SELECT 1 FROM policies_windowoccurrence n WHERE n.window_id = w.id AND n.during @> now()) AS lasts,
        w.effect = 'freeze' AND w.known_until <= now() AS unwritten
    FROM policies_window w WHERE w.active
),
stops AS MATERIALIZED (SELECT service_id FROM policies_stop WHERE lifted_at IS NULL),
switches AS MATERIALIZED (SELECT name FROM policies_switch WHERE ended_at IS NULL AND ends_at > now()),
"""

# The scope of windows, row by row: an empty list is any, and of kinds any but the exempt. A freeze beats allowances;
# whichever closes decides, and one that holds does so for all.
_MATCHES = """
    (w.tiers = '{}' OR o.tier = ANY(w.tiers))
    AND (w.teams = '{}' OR (SELECT t.slug FROM policies_team t WHERE t.id = o.team_id) = ANY(w.teams))
    AND (w.services = '{}' OR (SELECT s.slug FROM policies_service s JOIN provisioning_environment e
        ON e.service_id = s.id WHERE e.id = o.environment_id) = ANY(w.services))
    AND CASE WHEN w.kinds = '{}' THEN o.kind <> ALL(%(exempt)s) ELSE o.kind = ANY(w.kinds) END
"""
_GLASS = """
    EXISTS (SELECT 1 FROM policies_brokenglass g WHERE g.subject = 'operation:' || o.id
        AND g.digest = o.change_digest AND (g.start_by > now() OR o.plan_locked_at IS NOT NULL))
"""
_CLOSED = f"""
    EXISTS (SELECT 1 FROM windows) AND NOT {_GLASS} AND (
        SELECT coalesce(bool_or(freezes AND (lasts OR unwritten)), false)
            OR (bool_or(NOT freezes) AND NOT bool_or(NOT freezes AND lasts)) FROM windows w WHERE {_MATCHES}) IS TRUE
"""  # noqa: S608 - constant SQL
_HELD_MIDWAY = f"""
    EXISTS (SELECT 1 FROM windows w WHERE w.holds) AND NOT {_GLASS} AND (
        SELECT coalesce(bool_or(freezes AND holds AND (lasts OR unwritten)), false)
            OR (bool_or(NOT freezes AND holds) AND NOT bool_or(NOT freezes AND lasts))
        FROM windows w WHERE {_MATCHES}) IS TRUE
"""  # noqa: S608 - constant SQL
_STOPPED = """
    o.kind <> ALL(%(exempt)s) AND EXISTS (SELECT 1 FROM stops p WHERE p.service_id IS NULL OR p.service_id =
        (SELECT e.service_id FROM provisioning_environment e WHERE e.id = o.environment_id))
"""
_SWITCHED = """
    EXISTS (SELECT 1 FROM switches k WHERE k.name = %(pause_all)s
        OR (k.name = ANY(%(pause_schedules)s) AND o.origin NOT IN ('person', 'recheck'))
        OR (k.name = ANY(%(pause_reconcile)s) AND o.origin = 'recheck'))
"""
SHUT = f"""
    CASE o.status WHEN 'requested' THEN {_SWITCHED}
        WHEN 'queued' THEN {_SWITCHED} OR {_STOPPED} OR {_CLOSED}
        WHEN 'running' THEN o.cancel_requested_at IS NULL AND {_HELD_MIDWAY}
        ELSE false END
"""

# `round` lets each team have its first before any has its second, also among workers that claim at the same moment.
_LINE = """
line AS MATERIALIZED (
    SELECT id, status, pool, count(*) OVER (PARTITION BY {lines}) AS length, row_number() OVER (PARTITION BY {lines}
        ORDER BY taken DESC, shut, person DESC, prod DESC, round, coalesce(turn, 0), overtakes DESC, at, id) AS place
    FROM (
        SELECT *, coalesce(operations, 0) + row_number() OVER (PARTITION BY taken, shut, person, prod, team_id
            ORDER BY overtakes DESC, at, id) AS round
        FROM (
            SELECT o.id, o.status, o.pool, o.team_id, o.overtakes, coalesce(o.queued_at, o.created_at) AS at,
                o.status = ANY(%(held)s) AS taken, o.tier = 'prod' AS prod, {shut} AS shut,
                o.origin = 'person' OR EXISTS (SELECT 1 FROM awaited w WHERE w.id = o.id) AS person,
                busy.operations, teamturn.turn
            FROM provisioning_operation o
            LEFT JOIN busy ON busy.team_id = o.team_id
            LEFT JOIN provisioning_teamturn teamturn ON teamturn.team_id = o.team_id
            WHERE {which}
        ) waiting
    ) ranked
)
"""

_SAME_PLACE = """
    (b.target_id = o.target_id OR (b.target_id IS NULL AND o.target_id IS NULL AND b.driver =
        (SELECT e.driver FROM provisioning_environment e WHERE e.id = o.environment_id)))
"""

_CAN_BE_TAKEN = f"""
    o.status = ANY(%(ready)s)
    AND (o.not_before IS NULL OR o.not_before <= now())
    AND NOT EXISTS (SELECT 1 FROM failing b WHERE b.probe_at > now() AND {_SAME_PLACE})
    AND (o.status <> 'queued' OR (
        o.cancel_requested_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM active a WHERE a.environment_id = o.environment_id AND a.status = ANY(%(active)s))
        AND NOT EXISTS (SELECT 1 FROM crowded c WHERE c.id = o.target_id)))
    AND (o.status <> ALL(%(held)s) OR NOT EXISTS (SELECT 1 FROM provisioning_operationlease l
        WHERE l.operation_id = o.id AND l.expires_at + make_interval(secs => %(strays)s) >= now()))
    AND NOT ({SHUT})
"""  # noqa: S608 - constant SQL

# The signatures are counted last, for the first few only. A row that changed since the line was drawn is left alone.
_MINE = """
    AND o.pool = ANY(%(pools)s) AND (%(only)s::uuid IS NULL OR o.id = %(only)s)
    AND (o.target_id IS NULL OR o.target_id <> ALL(%(passed)s::uuid[]))
"""
CANDIDATE = f"""
{_SCENE} {_LINE.format(lines="true", which=_CAN_BE_TAKEN + _MINE, shut="false")}
SELECT o.id,
    (SELECT t.id FROM provisioning_target t WHERE t.id = o.target_id AND t.concurrency > 0 AND o.status = 'queued'),
    (SELECT b.id FROM failing b WHERE {_SAME_PLACE} LIMIT 1),
    EXISTS (SELECT 1 FROM failing b WHERE b.open AND {_SAME_PLACE})
FROM line JOIN provisioning_operation o ON o.id = line.id AND o.status = line.status
WHERE o.status = ANY(%(ready)s) AND (o.status <> 'queued' OR o.signatures_needed + o.owning_needed = 0
    OR policies_signed('operation:' || o.id, o.change_digest, o.requester_id, o.approval -> 'steps', o.edited_by, NULL)
    OR EXISTS (SELECT 1 FROM policies_brokenglass g WHERE g.subject = 'operation:' || o.id
        AND g.digest = o.change_digest AND (g.start_by > now() OR o.plan_locked_at IS NOT NULL)))
ORDER BY line.place
FOR UPDATE OF o SKIP LOCKED
LIMIT 1
"""  # noqa: S608 - constant SQL

READY = f"""
{_SCENE.rstrip().rstrip(",")}
SELECT o.pool, count(*) FROM provisioning_operation o WHERE {_CAN_BE_TAKEN} GROUP BY o.pool
"""  # noqa: S608 - constant SQL

_WAITS_IN_POOL = "o.status IN ('requested', 'queued') AND o.pool = %(pool)s"
PLACE = f"""
{_SCENE} {_LINE.format(lines="true", which=_WAITS_IN_POOL, shut=SHUT)}
SELECT mine.place, mine.length, (SELECT json_agg(json_build_array(kind, template_id, number)) FROM (
    SELECT o.kind, v.template_id, count(*) AS number FROM line b JOIN provisioning_operation o ON o.id = b.id
    JOIN provisioning_environment e ON e.id = o.environment_id
    JOIN catalog_templateversion v ON v.id = e.template_version_id
    WHERE b.place < mine.place GROUP BY 1, 2) ahead)
FROM line mine WHERE mine.id = %(id)s
"""  # noqa: S608 - constant SQL

PLACES = f"""
{_SCENE} {_LINE.format(lines="pool", which="o.status IN ('requested', 'queued')", shut=SHUT)}
SELECT id, place, length FROM line ORDER BY place, pool OFFSET %(skip)s LIMIT %(most)s
"""  # noqa: S608 - constant SQL


def bounds() -> dict[str, Any]:
    """The states that the order speaks of."""
    return {
        "ready": sorted({*states.ACTIVE, S.PLANNING, S.REQUESTED, S.QUEUED}),
        "held": sorted({*states.ACTIVE, S.PLANNING}),
        "active": sorted(states.ACTIVE),
        "strays": settings.BERTH.call_limit_seconds,
        "exempt": sorted(EXEMPT),
        "pause_all": SwitchName.PROVISIONING.value,
        "pause_schedules": sorted(PAUSES_SCHEDULES),
        "pause_reconcile": sorted(PAUSES_RECONCILE),
    }
