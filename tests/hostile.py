"""What an attacker of the rules does: raw SQL as the app's role, several people at once; and what it left behind."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from django.db import DatabaseError, connection

from audit.context import context
from policies.models import Decision
from policies.results import Denied


class _Undo(Exception):
    """Ends a statement that was let through, so that nothing of it stays."""


def sqlstate(statement: str, params: Sequence[Any] = ()) -> str:
    """Run one statement as the app in an audit context: the SQLSTATE of its refusal, or '' when it was let through."""
    try:
        with context(by="system:attacker"), connection.cursor() as cursor:
            cursor.execute(statement, params)
            raise _Undo
    except _Undo:
        return ""
    except DatabaseError as error:
        return str(error.__cause__.sqlstate)


def everything(*, but: Sequence[str] = ()) -> dict[str, tuple[int, str]]:
    """How many rows each table has, and a hash of all of them."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name not in but]
        parts = [
            f"SELECT '{name}', count(*), coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {name} t"
            for name in tables
        ]
        cursor.execute(" UNION ALL ".join(parts))
        return {name: (count, content) for name, count, content in cursor.fetchall()}


def refused_once(act: Callable[[], Any]) -> Denied:
    """Do what must be refused: exactly one Decision and one `operation.refused` appear, and nothing else changes."""
    from audit.models import AuditEvent

    # The facts that were judged are kept for replay, once for each digest.
    but = ("policies_decision", "policies_decisioninput", "audit_event")
    before, last = everything(but=but), _last_event()
    decisions = Decision.objects.count()
    answer = act()
    assert isinstance(answer, Denied), answer
    found = list(AuditEvent.objects.filter(id__gt=last).order_by("id").values_list("event", flat=True))
    assert found == ["decision.inserted", "operation.refused"]
    assert Decision.objects.count() == decisions + 1
    assert everything(but=but) == before
    newest = Decision.objects.latest("id")
    assert newest.allowed is False
    assert answer.rule in [finding["rule"] for finding in newest.findings]
    return answer


def _last_event() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM audit_event")
        return int(cursor.fetchone()[0])


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls at the same moment, each in a thread with a connection of its own; their answers in order."""
    answers: list[Any] = [None] * len(calls)
    barrier = threading.Barrier(len(calls))

    def run(place: int, call: Callable[[], Any]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=20)
            answers[place] = call()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            answers[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return answers
