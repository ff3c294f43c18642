"""Where a webhook may lead: to public addresses, and to networks that the operator named.

An address that somebody else gives could have the ledger knock at what only the ledger can reach
(server-side request forgery). So it is https, without credentials; its name is looked up here, at
every delivery; and the connection is made to an address that was looked at, not to the name again,
which could lead elsewhere by then. What is no public unicast address is refused: those of IANA's
special-purpose registries (RFC 6890), and every form of IPv6 that carries an address of IPv4.
`tests/test_destination.py` has each of them.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import urlsplit

from ledger.errors import ConfigurationError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Lookup = Callable[[str, int], Iterable[str]]

LONGEST = 2048
"""Characters of an address."""

NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",  # this host
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # carrier-grade NAT; metadata of a cloud at 100.100.100.200
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # metadata of a cloud, at an address that looks public
            "169.254.0.0/16",  # link-local; metadata of most clouds at 169.254.169.254
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4, which nobody runs any more
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
            "2001::/23",  # protocol assignments, Teredo among them
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: carries an address of IPv4
            "3fff::/20",  # documentation
            "5f00::/16",  # segment routing
        ),
    )
)

UNICAST = ipaddress.ip_network("2000::/3")
"""Global unicast: outside it are loopback, link-local, unique local, multicast, and the forms that
carry an address of IPv4 (::ffff:0:0/96, 64:ff9b::/96, 64:ff9b:1::/48)."""

_HOST = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)


class Forbidden(Exception):
    """A name leads to no address that it may lead to."""


@dataclass(frozen=True, slots=True)
class Destination:
    """An address that is sent to, in its parts; `target` is path and query."""

    secure: bool
    host: str
    port: int
    target: str
    networks: tuple[Network, ...]

    @property
    def authority(self) -> str:
        """Host and port, as the header `Host` has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """As much as is shown of it: what follows the host may be a secret of the receiver."""
        return f"{'https' if self.secure else 'http'}://{self.authority}/…"

    def addresses(self, lookup: Lookup) -> list[str]:
        """Those that the host has now and that may be connected to. Raises Forbidden when none
        may, OSError when it has none."""
        found = [ipaddress.ip_address(each) for each in lookup(self.host, self.port)]
        allowed = [each for each in found if may_lead_to(each, self.networks)]
        if not allowed:
            raise Forbidden(", ".join(map(str, found[:3])) or "no address")
        return [str(each) for each in allowed]


def parse(url: str, networks: Sequence[str] = ()) -> Destination:
    """An address and the networks that it may lead to, beside public ones. Raises
    ConfigurationError that names the rule, and never repeats the address."""
    allowed = tuple(map(_network, networks))
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError("the address of a webhook is no URL") from None
    if len(url) > LONGEST or re.fullmatch(r"[!-~]+", url) is None:
        raise ConfigurationError(
            f"the address of a webhook has printable ASCII alone, at most {LONGEST} characters: a"
            " name in another script is written in its xn-- form"
        )
    if "@" in parts.netloc or "#" in url:
        raise ConfigurationError("the address of a webhook has no credentials and no fragment")
    literal = _literal(host)
    if not host or port == 0 or (literal is None and _HOST.fullmatch(host) is None):
        raise ConfigurationError("the address of a webhook has a host, and a port from 1 if any")
    loopback = literal is not None and literal.is_loopback and may_lead_to(literal, allowed)
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise ConfigurationError(
            "the address of a webhook is https; http only at an address of this machine itself"
            " (http://127.0.0.1:9000/) that --allow-network allows"
        )
    secure = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(secure, host, port or (443 if secure else 80), target, allowed)


def may_lead_to(address: Address, networks: Iterable[Network]) -> bool:
    """Whether an address is public, or in one of some networks."""
    if any(address in network for network in networks):
        return True
    if isinstance(address, IPv6Address) and address not in UNICAST:
        return False
    return not any(address in network for network in NOT_PUBLIC)


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the machine finds them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # A zone (fe80::1%eth0) is of a link-local address, which is refused without it as well.
    return list(dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found))


def _literal(host: str | None) -> Address | None:
    try:
        return ipaddress.ip_address(host or "")
    except ValueError:
        return None


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise ConfigurationError(
            f"--allow-network {text} is no network, such as 10.1.2.0/24, and no address"
        ) from None
