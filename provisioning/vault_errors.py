"""What may go wrong with Vault, in the words of the drivers' errors; the calls are in vault.py."""

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from hvac import exceptions as errors

from provisioning.drivers.base import DriverRejected, DriverUnavailable


class VaultUnavailable(DriverUnavailable):
    """Vault is sealed, starting, overloaded or out of reach; the call may be repeated."""


class VaultDenied(DriverRejected):
    """Vault refused the call; repeating it does not help. The message names the path, never a value."""


class VaultConflict(VaultDenied):
    """A check-and-set write found another version than the caller expected."""


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn the client library's errors into ours; the cause stays attached for those who look."""
    try:
        yield
    except (errors.Forbidden, errors.InvalidPath, errors.InvalidRequest, errors.Unauthorized) as problem:
        raise VaultDenied(f"Vault refused {path}") from problem
    except (errors.VaultError, requests.RequestException) as problem:
        raise VaultUnavailable(f"Vault does not answer ({type(problem).__name__})") from problem
