"""Read the open file descriptors of this process, each with its kind and target. Linux only."""

from __future__ import annotations

import os
from collections.abc import Collection

from ..proc import open_folder

_KEPT_READING = "/memfd:memeval-reading"
"""Target of the descriptor in which ``memory.kept_reading`` keeps the last reading."""

_SOCKET = "socket:["
_ANONYMOUS = "anon_inode:"


def open_descriptors(own: Collection[tuple[int, str]] = ()) -> list[tuple[int, str]]:
    """Return number and target of each open descriptor in the order of their numbers, without the tool's ``own`` ones.

    The target is a path, or such as ``socket:[4711]``, ``pipe:[4712]`` or ``anon_inode:[eventpoll]``.
    """
    found = [(int(name), target) for name, target in zip(*_read())]
    return sorted(each for each in found if each[1] and each not in own and not each[1].startswith(_KEPT_READING))


def count_descriptors(own: frozenset[tuple[int, str]]) -> tuple[int, int]:
    """Return the number of open descriptors and that of sockets among them, without the tool's ``own`` ones.

    Makes few Python objects: with tracemalloc on, each costs as much as reading a descriptor.
    """
    names, targets = _read()
    left_out = [target for number, target in own if (name := str(number)) in names and targets[names.index(name)] == target]
    text = "\0".join(["", *targets])  # no target has a NUL inside
    count = len(targets) - targets.count("") - len(left_out) - text.count(f"\0{_KEPT_READING}")
    return count, text.count(f"\0{_SOCKET}") - sum(map(is_socket, left_out))


def _read() -> tuple[list[str], list[str]]:
    """Return the numbers of all open descriptors and their targets; an empty one for a descriptor that is closed again."""
    names = os.listdir("/proc/self/fd")  # with the descriptor of the listing itself, whose number the folder gets next
    with open_folder("/proc/self/fd") as folder:
        targets = _targets(names, folder)
        if str(folder) in names:
            targets[names.index(str(folder))] = ""
    return names, targets


def _targets(names: list[str], folder: int) -> list[str]:
    """Return the target of each descriptor; an empty text for one that another thread has closed."""
    try:
        return [os.readlink(name, dir_fd=folder) for name in names]
    except OSError:
        return [_target(name, folder) for name in names]


def _target(name: str, folder: int) -> str:
    try:
        return os.readlink(name, dir_fd=folder)
    except OSError:
        return ""


def is_socket(target: str) -> bool:
    """Return whether the target of a descriptor is a socket."""
    return target.startswith(_SOCKET)


def describe_descriptor(descriptor: int, target: str) -> str:
    """Return a descriptor in words: ``file /dev/null``, ``pipe``, ``eventpoll``, ``TCP socket to 127.0.0.1:80``."""
    if is_socket(target):
        return describe_socket(descriptor)
    if target.startswith(_ANONYMOUS):
        return target[len(_ANONYMOUS) :].strip("[]")
    return "pipe" if target.startswith("pipe:[") else f"file {target}"


def describe_socket(descriptor: int) -> str:
    """Return a socket in words with its peer, without one with its own address. Reads a copy of the descriptor."""
    import socket  # only for a description: the worker does not need it before

    try:
        copy = socket.socket(fileno=os.dup(descriptor))
    except OSError:  # closed meanwhile
        return "socket"
    with copy:
        kind = {socket.SOCK_STREAM: "TCP", socket.SOCK_DGRAM: "UDP"}.get(copy.type, "raw")
        if copy.family == getattr(socket, "AF_UNIX", None):
            kind = "Unix"
        elif copy.family not in (socket.AF_INET, socket.AF_INET6):
            return f"socket of family {int(copy.family)}"
        for preposition, address in (("to", copy.getpeername), ("at", copy.getsockname)):
            try:
                text = _address(address())
            except OSError:  # not connected
                continue
            if text:
                return f"{kind} socket {preposition} {text}"
        return f"{kind} socket"


def _address(address: object) -> str:
    """Return ``HOST:PORT`` or the path of a Unix socket; empty for a socket without a name."""
    if isinstance(address, tuple):
        host, port = address[0], address[1]
        return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
    text = address.decode("utf-8", "replace") if isinstance(address, bytes) else str(address)
    return text.replace("\0", "@")
