"""What happens to an environment whose creation never began or was undone: it is retired and its quota given back."""

from django.utils import timezone

from policies import quotas
from provisioning import kinds
from provisioning.lifecycle import move_environment
from provisioning.models import Environment, Operation
from provisioning.states import EnvironmentStatus as E


def forget_environment(operation: Operation) -> None:
    """Retire the environment of a create that will not happen, unless something was made of it already.

    Call inside an audit context.
    """
    if not kinds.of(operation).begins_environment:
        return
    environment = operation.environment
    if not Environment.objects.filter(pk=environment.pk, status=E.REQUESTED).exists():
        return
    if move_environment(environment, E.DESTROYED, destroyed_at=timezone.now()):
        quotas.release(subject=environment.ref)
