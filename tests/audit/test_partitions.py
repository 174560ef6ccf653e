"""Monthly partitions: made ahead by the app's own task, within limits."""

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from audit.partitions import ensure_partitions, is_next_present


def partitions():
    """Return the names of the history's partitions."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relid::regclass::text FROM pg_partition_tree('audit_event') WHERE isleaf")
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.django_db
def test_the_app_makes_the_coming_partitions_and_only_once():
    before = partitions()
    made = ensure_partitions(months_ahead=6)
    assert len(made) == 3
    assert partitions() - before == {f"audit.{name}" for name in made}
    assert ensure_partitions(months_ahead=6) == []


@pytest.mark.django_db
def test_a_new_partition_belongs_to_the_history_and_is_guarded():
    name = ensure_partitions(months_ahead=4)[0]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relowner = (SELECT relowner FROM pg_class WHERE oid = 'audit_event'::regclass), "
            "(SELECT array_agg(tgname::text ORDER BY tgname) FROM pg_trigger WHERE tgrelid = c.oid) "
            "FROM pg_class c WHERE relname = %s",
            [name],
        )
        assert cursor.fetchone() == (True, ["audit_append_only", "audit_no_truncate"])


@pytest.mark.django_db
@pytest.mark.parametrize("months", [-1, 25])
def test_a_number_out_of_range_is_refused(months):
    before = partitions()
    with pytest.raises(DatabaseError, match="between 0 and 24"), transaction.atomic():
        ensure_partitions(months_ahead=months)
    assert partitions() == before


@pytest.mark.django_db
def test_next_months_partition_is_there_from_the_start():
    assert is_next_present() is True
