"""Who may come in, and how they show who they are: a list of rules, the first that fits decides.

    type       database   user   address        method          options
    hostssl    all        app    10.0.0.0/8     scram-sha-256
    host       all        all    127.0.0.1/32   trust

The list is written as lines of PostgreSQL's pg_hba.conf, or as tables with these names as keys; either way it becomes
Rules. Whom no rule fits is refused. A rule's method is made when the rule is, so that what is wrong with its options is
known before anybody comes.
(https://www.postgresql.org/docs/15/auth-pg-hba-conf.html)
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from attrs import frozen

from heliosdb import errors
from heliosdb_server.authentication import Authenticator, Visitor, authenticator

__all__ = ["Rule", "address_of", "choose", "networks", "read_rules", "rule"]

log = logging.getLogger("heliosdb.server")

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

KINDS = ("host", "hostssl", "hostnossl")
CLIENT_CERTIFICATES = ("verify-ca", "verify-full")
COLUMNS = ("type", "database", "user", "address", "method")
SPELLINGS = {"certificate": "cert"}

_token = re.compile(r'\s*(?:#.*|((?:"[^"]*"|[^\s#"])+))', re.DOTALL).match
_list = re.compile(r'\s*\+?(?:"[^"]*"|[^,"]+)(?:,\s*\+?(?:"[^"]*"|[^,"]+))*').fullmatch
_part = re.compile(r'(\+?)(?:"([^"]*)"|([^,"\s]+))').findall


@frozen
class Rule:
    """Whom it is for, and what they have to show. None for databases, users, networks: all. ``keywords`` are "sameuser"
    and "samerole"; ``groups`` are roles whose members it is for, too.

    ``client_certificate``: "verify-ca" where the client must show a certificate, "verify-full" where that must name the
    user as well.
    """

    kind: str
    databases: frozenset[str] | None
    keywords: frozenset[str]
    users: frozenset[str] | None
    groups: frozenset[str]
    networks: tuple[Network, ...] | None
    method: str
    authenticator: Authenticator
    client_certificate: str | None = None

    def fits(
        self,
        user: str,
        database: str,
        address: Address,
        is_encrypted: bool,
        roles_of: Callable[[str], frozenset[str]] = lambda user: frozenset({user}),
    ) -> bool:
        """Whether it is this rule that decides; ``roles_of`` tells the roles that a user is a member of."""
        return (
            (self.kind == "host" or (self.kind == "hostssl") == is_encrypted)
            and (self.networks is None or any(address in network for network in self.networks))
            and (
                self.databases is None
                or database in self.databases
                or ("sameuser" in self.keywords and database == user)
                or ("samerole" in self.keywords and database in roles_of(user))
            )
            and (
                self.users is None
                or user in self.users
                or (bool(self.groups) and not self.groups.isdisjoint(roles_of(user)))
            )
        )

    @property
    def trusts_strangers(self) -> bool:
        """Whether somebody from another machine may come in without showing anything."""
        return (
            self.method == "trust"
            and self.client_certificate is None
            and (self.networks is None or not all(network.is_loopback for network in self.networks))
        )

    async def admit(self, visitor: Visitor) -> None:
        """Return when the visitor has shown what it has to."""
        if self.client_certificate is not None:
            if visitor.common_name is None:
                raise errors.InvalidAuthorizationSpecification("connection requires a valid client certificate")
            if self.client_certificate == "verify-full" and visitor.common_name != visitor.user:
                raise visitor.refused("certificate")
        try:
            await self.authenticator.authenticate(visitor)
        except (errors.Error, EOFError):
            raise  # what it has to say, or the visitor has gone
        except Exception:
            log.exception("the authentication method %s failed", self.method)
            raise visitor.refused(self.method) from None


def choose(rules: Iterable[Rule], visitor: Visitor, roles_of: Callable[[str], frozenset[str]]) -> Rule:
    """Return the rule that decides about a visitor; InvalidAuthorizationSpecification (28000) where there is none."""
    address = address_of(visitor.address)
    for each in rules:
        if each.fits(visitor.user, visitor.database, address, visitor.is_encrypted, roles_of):
            return each
    raise errors.InvalidAuthorizationSpecification(
        f'no pg_hba.conf entry for host "{visitor.address}", user "{visitor.user}", '
        f'database "{visitor.database}", {"SSL encryption" if visitor.is_encrypted else "no encryption"}'
    )


def address_of(text: str) -> Address:
    """Return an address without a zone, and IPv4 as IPv4 where it came as IPv6."""
    found = ip_address(text.partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found


# -- reading -----------------------------------------------------------------------------------------------------------


def read_rules(given: Any) -> tuple[Rule, ...]:
    """Return the rules of a list of lines and tables, or of a text of lines; InvalidParameterValue."""
    if isinstance(given, str):
        given = given.splitlines()
    if not isinstance(given, Sequence):
        raise errors.InvalidParameterValue("hba must be a list of rules, or lines of them")
    found = []
    for number, item in enumerate(given, 1):
        try:
            table = _table(item) if isinstance(item, str) else item
            if table is None:
                continue
            if not isinstance(table, Mapping):
                raise errors.InvalidParameterValue("it must be a line or a table")
            found.append(rule(**{str(name): value for name, value in table.items()}))
        except errors.Error as error:
            raise type(error)(f"rule {number} of hba: {error.message}", hint=error.hint, detail=error.detail) from None
        except TypeError as error:
            raise errors.InvalidParameterValue(f"rule {number} of hba: {str(error).removeprefix('rule() ')}") from None
    if not found:
        raise errors.InvalidParameterValue("hba has no rule, so nobody could connect")
    return tuple(found)


def _table(line: str) -> dict[str, str] | None:
    """Return a line as a table; None where it says nothing."""
    words = list(_words(line))
    if not words:
        return None
    if len(words) > 4 and "/" not in words[3] and re.fullmatch(r"[0-9a-fA-F:.]*[.:][0-9a-fA-F:.]*", words[4]):
        words[3:5] = [f"{words[3]}/{words[4]}"]  # the mask in a column of its own
    if len(words) < len(COLUMNS):
        raise errors.InvalidParameterValue(f"there is no {COLUMNS[len(words)]} in {line.strip()!r}")
    found = dict(zip(COLUMNS, words))
    for word in words[len(COLUMNS) :]:
        name, is_there, value = word.partition("=")
        if not is_there:
            raise errors.InvalidParameterValue(f"option {word!r} is not name=value")
        if name in found:
            raise errors.InvalidParameterValue(f"{name} is there twice")
        found[name] = value[1:-1] if value[:1] == '"' == value[-1:] and len(value) > 1 else value
    return found


def _words(line: str) -> Iterator[str]:
    at = 0
    while at < len(line) and line[at:].strip():
        found = _token(line, at)
        if found is None:
            raise errors.InvalidParameterValue(f"there is a quote that does not end in {line.strip()!r}")
        at = found.end()
        if found[1] is None:
            return
        # PostgreSQL goes on behind a comma with space after it.
        word = found[1]
        while word.endswith(",") and (found := _token(line, at)) is not None and found[1] is not None:
            word, at = word + found[1], found.end()
        yield word


def rule(
    *,
    method: str,
    type: str = "host",  # noqa: A002 - what the column is called
    database: str | Sequence[str] = "all",
    user: str | Sequence[str] = "all",
    address: str | Sequence[str] = "all",
    clientcert: str | None = None,
    **options: Any,
) -> Rule:
    """Return a rule; InvalidParameterValue for what is wrong, FeatureNotSupported for what others can."""
    if type not in KINDS:
        if type in ("local", "hostgssenc", "hostnogssenc"):
            raise errors.FeatureNotSupported(f'rules of type "{type}" are not supported')
        raise errors.InvalidParameterValue(f'there is no type "{type}"', hint=f"There are {', '.join(KINDS)}.")
    method = SPELLINGS.get(method, method)
    wrong = {name: value for name, value in options.items() if not isinstance(value, str | int | float)}
    if wrong:
        raise errors.InvalidParameterValue(f"option {next(iter(wrong))} must be a text, a number or a boolean")
    if clientcert is not None and clientcert not in CLIENT_CERTIFICATES:
        raise errors.InvalidParameterValue(
            f'invalid value for clientcert: "{clientcert}"', hint=f"There are {', '.join(CLIENT_CERTIFICATES)}."
        )
    if method == "cert":
        clientcert = "verify-full"
    if clientcert is not None and type != "hostssl":
        raise errors.InvalidParameterValue("client certificates are for rules of type hostssl")
    databases, keywords, _ = _names("database", database)
    users, _, groups = _names("user", user)
    return Rule(
        type,
        databases,
        keywords,
        users,
        groups,
        networks([address] if isinstance(address, str) else address),
        method,
        authenticator(method, options),
        clientcert,
    )


def _names(what: str, given: str | Sequence[str]) -> tuple[frozenset[str] | None, frozenset[str], frozenset[str]]:
    """Return names (None: all), keywords, and groups, which have a plus before them; what is quoted is no keyword."""
    names: set[str] = set()
    keywords: set[str] = set()
    groups: set[str] = set()
    is_database = what == "database"
    for text in given if isinstance(given, list | tuple) else [given]:
        if not isinstance(text, str) or _list(text) is None:
            raise errors.InvalidParameterValue(f"{what} must be a name, or a list of names")
        for plus, quoted, plain in _part(text):
            if plus and not is_database and (quoted or plain):
                groups.add(quoted or plain)
            elif plus or plain.startswith("@") or (is_database and plain == "replication"):
                raise errors.FeatureNotSupported(f'"{plus}{quoted or plain}" as {what} is not supported')
            elif not plain:
                names.add(quoted)
            elif plain == "all":
                return None, frozenset(), frozenset()
            elif is_database and plain in ("sameuser", "samerole", "samegroup"):
                keywords.add("samerole" if plain == "samegroup" else plain)
            else:
                names.add(plain)
    return frozenset(names), frozenset(keywords), frozenset(groups)


def networks(given: Iterable[str]) -> tuple[Network, ...] | None:
    """Return addresses and networks in CIDR notation; None for all. InvalidParameterValue where one is neither."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise errors.InvalidParameterValue("addresses must be a list of texts")
    found: list[Network] = []
    for text in given:
        if text == "all":
            return None
        if text in ("samehost", "samenet"):
            raise errors.FeatureNotSupported(f'the address "{text}" is not supported', hint="Give networks as CIDR.")
        try:
            if not isinstance(text, str):
                raise ValueError
            found.append(ip_network(text))
        except ValueError as error:
            hint = "Write it as 192.168.1.0/24 or 2001:db8::/32; names of hosts are not looked up."
            problem = str(error) or "it is no text"
            raise errors.InvalidParameterValue(f"invalid address {text!r}: {problem}", hint=hint) from None
    if not found:
        raise errors.InvalidParameterValue("there is no address, so nobody could connect")
    return tuple(found)
