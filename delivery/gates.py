"""What must hold for a release to move, beside policy and signatures; each "no" says why and what to do."""

from uuid import UUID

from delivery.models import Release
from policies.results import Allowed, Denied
from provisioning.kinds import Arguments
from provisioning.models import Environment, Operation
from provisioning.states import EnvironmentStatus as E
from provisioning.states import OperationStatus as S
from provisioning.tiers import PROD_LIKE, rank


def _release_of(environment: Environment, arguments: Arguments) -> Release | Denied:
    data = arguments.get("release")
    wanted = data if isinstance(data, dict) else {}
    release = _find(environment, str(wanted.get("release", "")))
    if release is None or release.digest != wanted.get("digest"):
        return Denied(
            rule="release.known",
            field="release",
            reason=f"This is no release of {environment.service.slug}.",
            fix="Register the release first, or choose one from the list.",
            status=422,
        )
    if environment.release.get("digest") == release.digest:
        return Denied(
            rule="release.differs",
            field="release",
            reason=f"{environment.name} runs {release.version} already.",
            fix="Nothing is to be done.",
            status=409,
        )
    return release


def _find(environment: Environment, key: str) -> Release | None:
    try:
        return Release.objects.filter(pk=UUID(key), service=environment.service).first()
    except ValueError:
        return None


def may_deploy(environment: Environment, arguments: Arguments) -> Allowed | Denied:
    """A release may be deployed directly below stage; above, it is promoted."""
    release = _release_of(environment, arguments)
    if isinstance(release, Denied):
        return release
    if environment.tier in PROD_LIKE:
        return Denied(
            rule="release.promoted",
            field="environment",
            reason=f"{environment.tier} takes releases by promotion only.",
            fix="Deploy to a lower tier, then promote from there.",
            status=409,
        )
    return Allowed()


def may_promote(environment: Environment, arguments: Arguments) -> Allowed | Denied:
    """The release must run now in a lower tier of the same service."""
    release = _release_of(environment, arguments)
    if isinstance(release, Denied):
        return release
    if source_of(environment, release) is None:
        return Denied(
            rule="release.verified_below",
            field="release",
            reason=f"{release.version} does not run in any tier below {environment.tier}.",
            fix=f"Deploy it to a lower tier of {environment.service.slug} first.",
            status=409,
        )
    return Allowed()


def source_of(environment: Environment, release: Release) -> Environment | None:
    """The highest lower-tier environment of the service that runs the release now."""
    below = [
        row
        for row in Environment.objects.filter(
            service=environment.service, status=E.READY, release__digest=release.digest
        )
        if rank(row.tier) < rank(environment.tier)
    ]
    return max(below, key=lambda row: rank(row.tier), default=None)


def may_roll_back(environment: Environment, arguments: Arguments) -> Allowed | Denied:
    """Only to a release that ran here before."""
    release = _release_of(environment, arguments)
    if isinstance(release, Denied):
        return release
    ran = Operation.objects.filter(
        environment=environment,
        kind__in=["deploy", "promote", "rollback"],
        status=S.SUCCEEDED,
        arguments__release__digest=release.digest,
    )
    if not ran.exists():
        return Denied(
            rule="release.ran_before",
            field="release",
            reason=f"{release.version} never ran in {environment.name}.",
            fix="Promote it instead.",
            status=409,
        )
    return Allowed()
