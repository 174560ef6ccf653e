"""Which bundle is in force, as the database says: one small question at each judgement, the files only on a change."""

from django.db import DatabaseError

from policies.bundle import Bundle, Rule, digest, is_test
from policies.models import BundleState, PolicyBundle
from policies.pool import EvaluatorError


def chosen(present: str) -> Bundle | None:
    """The bundle in force if it is another than the one of digest `present`; raises EvaluatorError."""
    rows = PolicyBundle.objects.filter(state=BundleState.ACTIVE)
    try:
        found = rows.values_list("digest", flat=True).first()
        if found is None or found == present:
            return None
        return as_bundle(PolicyBundle.objects.get(digest=found))
    except DatabaseError:
        raise EvaluatorError("The bundle in force could not be read from the database.") from None


def as_bundle(row: PolicyBundle) -> Bundle:
    """A stored bundle as engines take it; raises EvaluatorError if its content is not what its digest says."""
    files = tuple((str(name), str(source)) for name, source in row.files)
    if digest(files) != row.digest:
        raise EvaluatorError("The stored bundle is not what its digest says; it is not used.")
    kept = tuple((name, source) for name, source in files if not is_test(name))
    return Bundle(row.digest, kept, tuple(Rule(**rule) for rule in row.rules), tuple(row.tests))
