"""Landlock and prctl through ctypes: what a process may still do after it has shut itself in. Standard library only.

Numbers and structures are those of the kernel's landlock.h and prctl.h.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION_FLAG = 1
_RULE_PATH, _RULE_PORT = 1, 2
_READ_FILE, _READ_DIR, _WRITE_FILE, _TRUNCATE = 1 << 2, 1 << 3, 1 << 1, 1 << 14
_BIND, _CONNECT = 1, 2
_SCOPE_SOCKETS_AND_SIGNALS = 3
# Number of file rights each ABI knows, in bits: REFER came with 2, TRUNCATE with 3, IOCTL_DEV with 5.
_FILE_BITS = {1: 13, 2: 14, 3: 15, 4: 15}
_FILE_BITS_NEWEST = 16
_PORTS_SINCE, _SCOPES_SINCE = 4, 6
_PDEATHSIG, _DUMPABLE, _NO_NEW_PRIVS = 1, 4, 38
_libc = ctypes.CDLL(None, use_errno=True)


class _Attributes(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("ports", ctypes.c_uint64), ("scopes", ctypes.c_uint64)]


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("rights", ctypes.c_uint64), ("descriptor", ctypes.c_int32)]


class _PortRule(ctypes.Structure):
    _fields_ = [("rights", ctypes.c_uint64), ("port", ctypes.c_uint64)]


@dataclass(frozen=True)
class Cell:
    """What stays allowed. Nothing may be executed, ever."""

    read: tuple[str, ...]
    write: tuple[str, ...]
    bind: tuple[int, ...] = field(default=())
    connect: tuple[int, ...] = field(default=())


def abi() -> int:
    """Return the kernel's Landlock version, 0 when it has none."""
    return max(0, int(_libc.syscall(_CREATE, None, 0, _VERSION_FLAG)))


def prepare(cell: Cell) -> int | None:
    """Open a ruleset for a cell while its paths can still be reached; None without Landlock."""
    version = abi()
    if version == 0:
        return None
    files = (1 << _FILE_BITS.get(version, _FILE_BITS_NEWEST)) - 1
    ports = _BIND | _CONNECT if version >= _PORTS_SINCE else 0
    scopes = _SCOPE_SOCKETS_AND_SIGNALS if version >= _SCOPES_SINCE else 0
    size = 24 if scopes else 16 if ports else 8
    attributes = _Attributes(files, ports, scopes)
    ruleset = _checked(_libc.syscall(_CREATE, ctypes.byref(attributes), size, 0))
    execute = 1
    _allow_paths(ruleset, cell.read, _READ_FILE | _READ_DIR)
    _allow_paths(ruleset, cell.write, files & ~execute)
    if ports:
        _allow_ports(ruleset, cell.bind, _BIND)
        _allow_ports(ruleset, cell.connect, _CONNECT)
    return ruleset


def enter(ruleset: int | None) -> None:
    """Give up new privileges, then everything outside the ruleset; there is no way back."""
    _prctl(_NO_NEW_PRIVS, 1)
    if ruleset is not None:
        _checked(_libc.syscall(_RESTRICT, ruleset, 0))
        os.close(ruleset)


def die_with_parent(parent: int, signal_number: int) -> None:
    """Have the kernel send a signal when the parent's forking thread ends; exit now if it has ended already."""
    _prctl(_PDEATHSIG, signal_number)
    if os.getppid() != parent:
        os._exit(1)


def hide_memory() -> None:
    """Keep other processes of the same user from tracing this one and from reading its /proc files."""
    _prctl(_DUMPABLE, 0)


def _allow_paths(ruleset: int, paths: Iterable[str], rights: int) -> None:
    for path in paths:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            plain_file = not stat.S_ISDIR(os.fstat(descriptor).st_mode)
            granted = rights & (_READ_FILE | _WRITE_FILE | _TRUNCATE) if plain_file else rights
            rule = _PathRule(granted, descriptor)
            _checked(_libc.syscall(_ADD, ruleset, _RULE_PATH, ctypes.byref(rule), 0))
        finally:
            os.close(descriptor)


def _allow_ports(ruleset: int, ports: Iterable[int], right: int) -> None:
    for port in ports:
        rule = _PortRule(right, port)
        _checked(_libc.syscall(_ADD, ruleset, _RULE_PORT, ctypes.byref(rule), 0))


def _prctl(option: int, value: int) -> None:
    _checked(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
