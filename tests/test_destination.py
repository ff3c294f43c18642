"""A webhook leads to public addresses alone, unless the operator named others."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.destination import Forbidden, may_lead_to, parse, resolve
from ledger.errors import ConfigurationError

REFUSED = {
    "this host": ("0.0.0.0", "0.1.2.3", "::"),  # noqa: S104 - bound to by nobody
    "loopback": ("127.0.0.1", "127.255.255.254", "::1"),
    "private": ("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    "link-local": ("169.254.0.1", "fe80::1", "febf::1"),
    "metadata": (
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
    ),
    "carrier-grade NAT": ("100.64.0.1", "100.127.255.255"),
    "unique local": ("fc00::1", "fdff::1"),
    "site-local": ("fec0::1",),
    "multicast": ("224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"),
    "broadcast and reserved": ("255.255.255.255", "240.0.0.1"),
    "documentation": ("192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"),
    "benchmarks": ("198.18.0.1", "198.19.255.255", "2001:2::1"),
    "protocol assignments": ("192.0.0.1", "2001::1", "2001:1::1"),
    "IPv4 in IPv6, mapped": ("::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8"),
    "IPv4 in IPv6, compatible": ("::127.0.0.1", "::8.8.8.8"),
    "IPv4 in IPv6, NAT64": ("64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::a00:1"),
    "IPv4 in IPv6, 6to4": ("2002:7f00:1::1", "2002:808:808::1"),
    "IPv4 in IPv6, Teredo": ("2001:0:4136:e378:8000:63bf:3fff:fdd2",),
    "translated, and segment routing": ("::ffff:0:7f00:1", "5f00::1"),
    "discard": ("100::1",),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_public_is_refused(kind: str) -> None:
    """As it is written, and as a name that leads there."""
    for address in REFUSED[kind]:
        assert not may_lead_to(ipaddress.ip_address(address), ())
        for host in ("hooks.example", f"[{address}]" if ":" in address else address):
            to = parse(f"https://{host}/")
            with pytest.raises(Forbidden):
                to.addresses(lambda host, port, found=address: [found])  # type: ignore[misc]


@given(st.ip_addresses())
def test_no_address_is_let_in_that_python_knows_to_be_no_public_one(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """Another list of the same registries agrees."""
    if may_lead_to(address, ()):
        assert address.is_global
        assert not address.is_multicast


@pytest.mark.parametrize("address", ["8.8.8.8", "193.0.6.139", "2606:4700::1", "2a00:1450::1"])
def test_public_addresses_are_let_in(address: str) -> None:
    """Of both kinds."""
    assert parse("https://hooks.example/").addresses(lambda host, port: [address]) == [address]


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "localhost"]
)
def test_other_spellings_of_this_machine_are_found_out(host: str) -> None:
    """What counts is the address that a name leads to."""
    with pytest.raises((Forbidden, OSError)):
        parse(f"https://{host}/").addresses(resolve)


def test_of_several_addresses_only_the_public_ones_are_used() -> None:
    """A name that leads to both kinds never leads within."""
    to = parse("https://hooks.example/")
    assert to.addresses(lambda host, port: ["10.0.0.1", "8.8.8.8", "::1"]) == ["8.8.8.8"]
    with pytest.raises(Forbidden):
        to.addresses(lambda host, port: [])


def test_a_network_that_was_named_is_let_in_and_no_other() -> None:
    """One address, or many."""
    to = parse("https://hooks.example/", ["10.1.2.0/24", "fd00::7"])
    found = ["10.1.2.3", "10.1.3.3", "fd00::7", "fd00::8"]
    assert to.addresses(lambda host, port: found) == ["10.1.2.3", "fd00::7"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://hooks.example/", "is https"),
        ("http://127.0.0.1/", "is https"),
        ("ftp://hooks.example/", "is https"),
        ("//hooks.example/", "is https"),
        ("https://me:secret@hooks.example/", "no credentials"),
        ("https://me@hooks.example/", "no credentials"),
        ("https://hooks.example/#part", "no fragment"),
        ("https:///path", "has a host"),
        ("https://hooks.example:0/", "has a host"),
        ("https://hooks.example:99999/", "no URL"),
        ("https://[::1/", "no URL"),
        ("https://hooks_.example\\@10.0.0.1/", "no credentials"),
        ("https://hooks example/", "printable"),
        ("https://hooks.example/\r\nHost: x", "printable"),
        ("https://höoks.example/", "printable"),
        ("https://hooks..example/", "has a host"),
        ("https://-hooks.example/", "has a host"),
        ("https://hooks.example/" + 2048 * "a", "at most"),
    ],
)
def test_an_address_of_another_form_is_refused(url: str, said: str) -> None:
    """By its rule; the address is not repeated, since it may hold a secret."""
    with pytest.raises(ConfigurationError, match=said) as refused:
        parse(url)
    assert "secret" not in str(refused.value)
    assert "hooks" not in str(refused.value)


def test_http_is_for_this_machine_alone_where_that_is_allowed() -> None:
    """To a program beside the ledger that speaks TLS for it, and to nothing that has a name."""
    to = parse("http://127.0.0.1:9000/hook", ["127.0.0.0/8"])
    assert (to.secure, to.port, to.authority) == (False, 9000, "127.0.0.1:9000")
    for url in ("http://localhost/", "http://10.0.0.1/", "http://[::1]/"):
        with pytest.raises(ConfigurationError, match="is https"):
            parse(url, ["127.0.0.0/8", "10.0.0.0/8"])


@pytest.mark.parametrize("network", ["10.1.2.3/24", "example", "10.0.0.0/33", ""])
def test_what_is_no_network_is_told(network: str) -> None:
    """An address with host bits in it is a slip of the pen."""
    with pytest.raises(ConfigurationError, match="no network"):
        parse("https://hooks.example/", [network])


def test_no_more_than_the_host_of_an_address_is_shown() -> None:
    """What follows may be a secret of the receiver."""
    to = parse("https://hooks.example:8443/services/T0/B0/secret?code=secret")
    assert to.shown == "https://hooks.example:8443/…"
    assert to.target == "/services/T0/B0/secret?code=secret"
    assert parse("https://[2606:4700::1]/").authority == "[2606:4700::1]"
