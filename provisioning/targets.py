"""Which registered target a template version uses, and whether it can be used now."""

from catalog.models import TemplateVersion
from policies.results import Allowed, Denied
from provisioning.models import Target


def of_version(version: TemplateVersion) -> Target | None:
    """The target that the version names, if it is registered for its driver and in use."""
    if not version.target:
        return None
    return Target.objects.filter(slug=version.target, driver=version.driver, retired_at=None).first()


def usable(version: TemplateVersion) -> Allowed | Denied:
    """May an environment be made from this version here? Its target must be registered, if it names one."""
    if not version.target or of_version(version) is not None:
        return Allowed()
    return unregistered(version)


def unregistered(version: TemplateVersion) -> Denied:
    """Why nothing can be made from a version whose target is not there, or not any more."""
    return Denied(
        rule="target.registered",
        field="template",
        reason=f"{version} needs the {version.driver} target {version.target}, which is not registered here.",
        fix=f"Register the target {version.target}, or choose another template.",
        who="The platform team",
        status=409,
    )
