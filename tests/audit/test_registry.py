"""Every table is listed as watched or exempt, and the triggers follow the list."""

import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, transaction

from audit import registry, triggers
from audit.registry import Exempt, Watched, exempt, unlisted_tables, watch, watched_tables


@pytest.fixture
def empty(monkeypatch):
    """An empty registry."""
    monkeypatch.setattr(registry, "_rules", {})


@pytest.mark.usefixtures("empty")
def test_unlisted_tables_are_those_of_all_models_automatic_ones_included():
    everything = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    assert unlisted_tables() == sorted(everything)
    assert "auth_group_permissions" in everything


@pytest.mark.usefixtures("empty")
def test_a_watched_and_an_exempt_table_are_listed():
    before = set(unlisted_tables())
    watch("auth.Group", prefix="group")
    exempt("auth.Group_permissions", reason="a framework table Berth does not use")
    assert before - set(unlisted_tables()) == {"auth_group", "auth_group_permissions"}


def test_the_history_lists_its_own_tables():
    rules = registry.registered()
    assert isinstance(rules["audit.auditevent"], Exempt)
    assert isinstance(rules["audit.outboxevent"], Exempt)


@pytest.mark.usefixtures("empty")
def test_a_table_has_one_rule():
    watch("auth.Group", prefix="group")
    watch("auth.Group", prefix="group")
    with pytest.raises(ValueError, match="already listed"):
        exempt("auth.group", reason="changed my mind")
    assert registry.registered() == {"auth.group": Watched(prefix="group")}


@pytest.mark.usefixtures("empty")
def test_an_exemption_needs_a_reason():
    with pytest.raises(ValueError, match="needs a reason"):
        exempt("auth.Group", reason=" ")
    assert registry.registered() == {}


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("rule", [{"scope": "team_id"}, {"masked": ("pasword",)}])
def test_a_rule_that_names_an_unknown_column_is_refused(rule):
    watch("auth.Group", prefix="group", **rule)
    with pytest.raises(ValueError, match=r"auth\.Group has no column"):
        watched_tables()


@pytest.mark.usefixtures("empty")
def test_a_rule_that_names_an_unknown_model_is_refused():
    watch("auth.Nobody", prefix="nobody")
    with pytest.raises(LookupError):
        watched_tables()


def triggers_of(owner, table):
    """Return (name, enabled) of the table's triggers."""
    rows = owner.execute(
        "SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal ORDER BY 1",
        [table],
    )
    return [(name, enabled if isinstance(enabled, str) else enabled.decode()) for name, enabled in rows]


@pytest.mark.django_db
class TestSync:
    """Triggers in the database against the registry."""

    def test_a_watched_table_gets_its_two_triggers(self, probe, owner):
        assert triggers_of(owner, "audit_probe") == [("audit_row", "A"), ("audit_truncate", "A")]

    def test_a_second_run_changes_nothing(self, probe, owner_wrapper):
        assert triggers.sync(owner_wrapper) == triggers.Synced((), ())

    def test_a_trigger_that_was_dropped_or_switched_off_is_made_anew(self, probe, owner, owner_wrapper):
        owner.execute("DROP TRIGGER audit_truncate ON audit_probe")
        assert triggers.sync(owner_wrapper).refreshed == ("audit_probe",)
        owner.execute("ALTER TABLE audit_probe DISABLE TRIGGER audit_row")
        assert triggers.sync(owner_wrapper).refreshed == ("audit_probe",)
        assert triggers_of(owner, "audit_probe") == [("audit_row", "A"), ("audit_truncate", "A")]

    def test_a_changed_rule_refreshes_the_trigger(self, probe, owner_wrapper, monkeypatch):
        kept = triggers.watched_tables()
        changed = registry.WatchedTable("audit_probe", "id", Watched("probe", masked=("na'me", 'x"y')))
        monkeypatch.setattr(triggers, "watched_tables", lambda: [*kept[:-1], changed])
        assert triggers.sync(owner_wrapper).refreshed == ("audit_probe",)
        monkeypatch.setattr(triggers, "watched_tables", lambda: kept)
        assert triggers.sync(owner_wrapper).refreshed == ("audit_probe",)

    def test_a_table_no_longer_watched_loses_its_triggers(self, probe, owner, owner_wrapper, monkeypatch):
        kept = triggers.watched_tables()
        monkeypatch.setattr(triggers, "watched_tables", lambda: kept[:-1])
        assert triggers.sync(owner_wrapper) == triggers.Synced((), ("audit_probe",))
        assert triggers_of(owner, "audit_probe") == []

    def test_a_table_that_is_not_migrated_yet_is_passed_over(self, probe, owner_wrapper, monkeypatch):
        kept = triggers.watched_tables()
        later = registry.WatchedTable("audit_later", "id", Watched("later"))
        monkeypatch.setattr(triggers, "watched_tables", lambda: [*kept, later])
        assert triggers.sync(owner_wrapper) == triggers.Synced((), ())

    def test_the_app_cannot_sync(self, probe, owner):
        owner.execute("DROP TRIGGER audit_row ON audit_probe")
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            triggers.sync(connection)
        assert triggers_of(owner, "audit_probe") == [("audit_truncate", "A")]
