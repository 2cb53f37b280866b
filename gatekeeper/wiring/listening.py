"""Addresses that parts of the house listen on."""

import os
import socket
import threading

_TRIES, _PAUSE_SECONDS = 25, 0.2


class AddressInUse(RuntimeError):
    """Somebody listens there already, or it is no address of this machine."""


def refused(host: str, port: int, key: str, fault: OSError) -> AddressInUse:
    """The fault in words that say what to do."""
    said = os.strerror(fault.errno) if fault.errno else str(fault)
    return AddressInUse(f"cannot listen on {host}:{port} ({said}); change {key}, or stop what listens there")


def listen(host: str, port: int, key: str) -> socket.socket:
    """A listening socket. `key`: the setting that names the address.

    Raises:
        AddressInUse: there can be none.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as fault:
        raise refused(host, port, key, fault) from fault
    # Connections inherit it. Event loops set it only where a socket names its protocol, which this one does not; without it
    # the second part of an answer waits for the client to acknowledge the first, for 40 ms
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def wait_until_free(host: str, port: int, key: str) -> None:
    """Wait a few seconds until nobody listens there: a gate whose parent was killed leaves a moment after it.

    Raises:
        AddressInUse: somebody still does.
    """
    for _ in range(_TRIES):
        try:
            listen(host, port, key).close()
            return
        except AddressInUse:
            threading.Event().wait(_PAUSE_SECONDS)
    listen(host, port, key).close()
