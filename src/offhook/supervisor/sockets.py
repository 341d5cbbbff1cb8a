"""The public listening sockets: bound once by the supervisor, inherited by the roles.

A role that is restarted keeps its port, connections that come meanwhile wait in the backlog, and a port in
use is found before anything is started.
"""

import errno
import os
import socket
from dataclasses import dataclass, field
from typing import Any

from offhook.config import Address, ConfigurationError, Options, is_loopback

ROLE_SOCKETS = {
    "api": ("http",),
    "voice": ("sip_udp", "sip_tcp"),
    "sandbox": ("smpp", "sandbox_http", "sandbox_sip_udp"),
}
"""Which role inherits which sockets."""

SANDBOX_DEFAULT = Address("127.0.0.1", 8081)
_BACKLOG = 1024
_UDP_BUFFER = 4 * 1024 * 1024
_SAME_PORT_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class PublicSockets:
    """The bound sockets by name, and the addresses they got."""

    sockets: dict[str, socket.socket] = field(default_factory=dict)

    def address(self, name: str) -> Address:
        """Return the address socket `name` is bound to."""
        host, port = self.sockets[name].getsockname()[:2]
        return Address(host, port)

    def reachable(self, name: str) -> Address:
        """Return an address at which this machine reaches the socket, even one on all addresses."""
        address = self.address(name)
        return Address({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host), address.port)

    @property
    def loopback_only(self) -> bool:
        """Whether nothing listens where another machine could connect."""
        return all(is_loopback(self.address(name).host) for name in self.sockets)

    def of_role(self, role: str) -> dict[str, int]:
        """Return the descriptors that `role` inherits, by name."""
        return {name: self.sockets[name].fileno() for name in ROLE_SOCKETS.get(role, ())}

    def close(self) -> None:
        """Close all of them."""
        for bound in self.sockets.values():
            bound.close()


def bind_public(options: Options) -> PublicSockets:
    """Bind everything an instance listens on.

    Raises:
        ConfigurationError: a port is in use, an address is not this machine's, or a trunk's host is not known
            (its address decides which INVITEs are the trunk's); one line naming the flag.
    """
    for trunk in options.trunks:
        _look_up(socket.SOCK_DGRAM, Address(trunk.host, trunk.port), "--trunk")
    public = PublicSockets()
    bound = public.sockets
    try:
        bound["http"] = _bind(socket.SOCK_STREAM, options.http, "--http")
        bound["sip_udp"], bound["sip_tcp"] = _bind_both(options.sip, "--sip")
        bound["smpp"] = _bind(socket.SOCK_STREAM, options.smpp, "--smpp")
        bound["sandbox_http"] = _bind_sandbox(options.sandbox)
        if not options.expose_sandbox:
            _check_private(public.address("sandbox_http"))
        bound["sandbox_sip_udp"] = _bind(socket.SOCK_DGRAM, Address("127.0.0.1", 0), "sandbox")
    except ConfigurationError:
        public.close()
        raise
    return public


def _bind_sandbox(asked: Address | None) -> socket.socket:
    """Bind the sandbox's HTTP address: any free port when none was asked for and the usual one is taken."""
    if asked is not None:
        return _bind(socket.SOCK_STREAM, asked, "--sandbox")
    try:
        return _bind(socket.SOCK_STREAM, SANDBOX_DEFAULT, "--sandbox")
    except ConfigurationError:
        return _bind(socket.SOCK_STREAM, Address(SANDBOX_DEFAULT.host, 0), "--sandbox")


def _check_private(sandbox: Address) -> None:
    """Refuse to let other machines place calls and read texts, for the sandbox asks nobody who they are."""
    if not is_loopback(sandbox.host):
        raise ConfigurationError(
            f"--sandbox {sandbox}: whoever reaches this address can place calls and read texts without a password; "
            "take an address such as 127.0.0.1:8081, or add --expose-sandbox if that is meant"
        )


def _bind_both(address: Address, flag: str) -> tuple[socket.socket, socket.socket]:
    """Bind the same port for UDP and TCP; with port 0 one that is free for both."""
    for attempt in range(_SAME_PORT_ATTEMPTS):
        datagrams = _bind(socket.SOCK_DGRAM, address, flag)
        try:
            port = int(datagrams.getsockname()[1])
            return datagrams, _bind(socket.SOCK_STREAM, Address(address.host, port), flag)
        except ConfigurationError:
            datagrams.close()
            if address.port != 0 or attempt == _SAME_PORT_ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def _bind(kind: socket.SocketKind, address: Address, flag: str) -> socket.socket:
    family, protocol, target = _look_up(kind, address, flag)
    bound = socket.socket(family, kind, protocol)
    try:
        if kind == socket.SOCK_STREAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _UDP_BUFFER)
        bound.bind(target)
        if kind == socket.SOCK_STREAM:
            bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        raise ConfigurationError(f"{flag} {address}: {_reason(error, kind)}") from None
    bound.setblocking(False)
    return bound


def _look_up(kind: socket.SocketKind, address: Address, flag: str) -> tuple[socket.AddressFamily, int, Any]:
    """The family, protocol and socket address that `address` stands for."""
    try:
        family, _, protocol, _, target = socket.getaddrinfo(address.host, address.port, type=kind)[0]
    except (socket.gaierror, UnicodeError):
        raise ConfigurationError(f"{flag} {address}: {address.host!r} is not an address") from None
    return family, protocol, target


def _reason(error: OSError, kind: socket.SocketKind) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"the {'TCP' if kind == socket.SOCK_STREAM else 'UDP'} port is in use"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine does not have the address"
    return os.strerror(error.errno) if error.errno else str(error)
