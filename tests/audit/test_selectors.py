"""What a viewer sees: scopes, filters, exact keyset pages, diffs, counts."""

from datetime import UTC, date, datetime, timedelta

import pytest

from audit.selectors import (
    BadCursorError,
    Filters,
    counts_per_day,
    filtered,
    page,
    visible,
)

T0 = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def history(owner):
    """Write events (at, event, actor, object, reason) for a scope and return that scope's name."""
    scope = f"team:{owner.execute('SELECT gen_random_uuid()').fetchone()[0]}"

    def write(*rows):
        with owner.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO audit_event (at, epoch, source, event, actor, object, reason, scope) "
                "VALUES (%s, 1, 'event', %s, %s, %s, %s, %s)",
                [(*row, scope) for row in rows],
            )
        return scope

    return write


@pytest.mark.django_db
def test_a_viewer_sees_only_the_scopes_given(history):
    scope = history((T0, "a.seen", "user:1", "a:1", ""))
    assert visible([scope]).count() == 1
    assert visible(["team:other"]).filter(scope=scope).count() == 0
    assert visible([]).count() == 0
    assert visible(None).filter(scope=scope).count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), ["b.done", "b.seen", "a.seen"]),
        (Filters(actor="user:1"), ["b.seen", "a.seen"]),
        (Filters(event="b.seen"), ["b.seen"]),
        (Filters(event="b.*"), ["b.done", "b.seen"]),
        (Filters(event="b.s%*"), []),
        (Filters(object="b:1"), ["b.done", "b.seen"]),
        (Filters(text="LATE"), ["b.done"]),
        (Filters(text="100%"), []),
        (Filters(source="row"), []),
        (Filters(since=T0 + timedelta(hours=1)), ["b.done", "b.seen"]),
        (Filters(until=T0 + timedelta(hours=1)), ["a.seen"]),
        (Filters(request_id="r-none"), []),
    ],
)
def test_filters_narrow_the_history(history, filters, expected):
    scope = history(
        (T0, "a.seen", "user:1", "a:1", "early"),
        (T0 + timedelta(hours=1), "b.seen", "user:1", "b:1", ""),
        (T0 + timedelta(hours=2), "b.done", "user:2", "b:1", "Too late"),
    )
    assert [event.event for event in filtered(visible([scope]), filters)] == expected


def walked(scope, size):
    """Return the ids of all pages, page by page."""
    pages, cursor = [], ""
    while True:
        found = page(visible([scope]), after=cursor, size=size)
        pages.append([event.id for event in found.rows])
        cursor = found.next
        if not cursor:
            return pages


@pytest.mark.django_db
@pytest.mark.parametrize(("size", "lengths"), [(1, [1] * 7), (3, [3, 3, 1]), (7, [7]), (8, [7])])
def test_pages_hold_every_event_once_also_within_one_moment(history, size, lengths):
    moments = [T0, T0, T0, T0 + timedelta(microseconds=1), T0, T0 - timedelta(days=40), T0]
    scope = history(*[(at, "a.seen", "user:1", "a:1", "") for at in moments])
    pages = walked(scope, size)
    expected = [event.id for event in sorted(visible([scope]), key=lambda e: (e.at, e.id), reverse=True)]
    assert [len(each) for each in pages] == lengths
    assert [pk for each in pages for pk in each] == expected


@pytest.mark.django_db
def test_a_page_does_not_move_when_newer_events_arrive(history):
    scope = history(*[(T0, "a.seen", "user:1", "a:1", "") for _ in range(4)])
    first = page(visible([scope]), size=2)
    older = [event.id for event in page(visible([scope]), after=first.next, size=2).rows]
    history((T0 + timedelta(days=1), "a.seen", "user:1", "a:1", ""))
    assert [event.id for event in page(visible([scope]), after=first.next, size=2).rows] == older


@pytest.mark.django_db
def test_an_empty_history_is_one_empty_page():
    assert page(visible([]), size=5).rows == []
    assert page(visible([]), size=5).next == ""


@pytest.mark.parametrize("cursor", ["x", "%%%", "bm9wZQ", "MjAyNnwx", "é", "MjAyNi0xMS0wMVQxMjowMDowMHwx"])
def test_a_cursor_from_elsewhere_is_refused(cursor):
    with pytest.raises(BadCursorError):
        page(visible(None), after=cursor)


@pytest.mark.django_db
def test_days_are_counted_in_utc(history):
    late = datetime(2026, 11, 1, 23, 59, 59, tzinfo=UTC)
    scope = history(*[(at, "a", "u", "o", "") for at in (late, T0, late + timedelta(seconds=1))])
    assert counts_per_day(visible([scope])) == [(date(2026, 11, 1), 2), (date(2026, 11, 2), 1)]
