"""The method ``ldap``: the password is the one that a directory knows.

    simple      bind as ldapprefix + user + ldapsuffix
    search      look for the one entry with ldapsearchattribute = user under ldapbasedn, bind as that

The options are those of PostgreSQL, and ``ldapcafile`` for the authorities that signed the directory's certificate. A
user's name is written as the syntax of names and filters wants it, so it stands for itself and nothing else. Whoever
gives no password is refused before the directory is asked, which would take that for an anonymous visit and agree.
(https://www.postgresql.org/docs/15/auth-ldap.html, RFC 4513 5.1.2, RFC 4514, RFC 4515)
"""

from __future__ import annotations

import logging
import ssl
from typing import Any

from heliosdb.errors import FeatureNotSupported, InvalidParameterValue
from heliosdb_server.authentication import Visitor

__all__ = ["Directory"]

log = logging.getLogger("heliosdb.server")

SECONDS = 10
"""How long the directory may take for one answer."""


class Directory:
    """A directory that is asked whether a password is right."""

    def __init__(
        self,
        *,
        ldapserver: str,
        ldapport: str | int | None = None,
        ldapscheme: str = "ldap",
        ldaptls: str | int = 0,
        ldapcafile: str | None = None,
        ldapprefix: str = "",
        ldapsuffix: str = "",
        ldapbasedn: str | None = None,
        ldapbinddn: str | None = None,
        ldapbindpasswd: str | None = None,
        ldapsearchattribute: str = "uid",
    ) -> None:
        if ldapscheme not in ("ldap", "ldaps"):
            raise InvalidParameterValue(f'invalid ldapscheme: "{ldapscheme}"', hint="There are ldap and ldaps.")
        if str(ldaptls) not in ("0", "1"):
            raise InvalidParameterValue(f"invalid ldaptls: {ldaptls!r}", hint="It is 0 or 1.")
        if str(ldaptls) == "1" and ldapscheme == "ldaps":
            raise InvalidParameterValue("ldaptls and ldapscheme=ldaps contradict each other")
        searches = ldapbasedn is not None
        if searches and (ldapprefix or ldapsuffix):
            raise InvalidParameterValue("ldapprefix and ldapsuffix do not go with ldapbasedn")
        if not searches and not (ldapprefix or ldapsuffix):
            raise InvalidParameterValue("ldap needs ldapbasedn, or ldapprefix or ldapsuffix")
        if (ldapbinddn is None) != (ldapbindpasswd is None) or (ldapbinddn and not searches):
            raise InvalidParameterValue("ldapbinddn and ldapbindpasswd belong together, and to ldapbasedn")
        self._ldap = _package()
        self._starts_tls = str(ldaptls) == "1"
        try:
            port = None if ldapport is None else int(ldapport)
            tls = None
            if self._starts_tls or ldapscheme == "ldaps":
                tls = self._ldap.Tls(
                    validate=ssl.CERT_REQUIRED,
                    version=ssl.PROTOCOL_TLS_CLIENT,
                    ca_certs_file=ldapcafile,
                    sni=ldapserver,
                )
            self._server = self._ldap.Server(
                ldapserver,
                port=port,
                use_ssl=ldapscheme == "ldaps",
                tls=tls,
                get_info=self._ldap.NONE,
                connect_timeout=SECONDS,
            )
        except (ValueError, self._ldap.core.exceptions.LDAPException) as error:
            raise InvalidParameterValue(f"the options of ldap: {error}") from None
        if tls is None and ldapcafile is not None:
            raise InvalidParameterValue("ldapcafile needs ldapscheme=ldaps or ldaptls=1")
        self._around = (ldapprefix, ldapsuffix)
        self._base = ldapbasedn
        self._reader = (ldapbinddn, ldapbindpasswd)
        self._attribute = ldapsearchattribute

    async def authenticate(self, visitor: Visitor) -> None:
        """Ask for the password, and the directory whether it is right."""
        password = await visitor.password()
        if not await visitor.in_thread(self._knows, visitor.user, password):
            raise visitor.refused("LDAP")

    def _knows(self, user: str, password: str) -> bool:
        try:
            name = self._name(user)
            if name is None:
                return False
            with self._connection(name, password) as connection:
                return bool(connection.bound)
        except self._ldap.core.exceptions.LDAPInvalidCredentialsResult:
            return False
        except self._ldap.core.exceptions.LDAPException as error:
            log.warning("the directory %s could not be asked: %s", self._server.host, type(error).__name__)
            return False

    def _name(self, user: str) -> str | None:
        """Return the distinguished name of a user; None where there is none, or more than one."""
        if self._base is None:
            before, after = self._around
            escaped: str = self._ldap.utils.dn.escape_rdn(user)
            return f"{before}{escaped}{after}"
        wanted = self._ldap.utils.conv.escape_filter_chars(user)
        with self._connection(*self._reader) as connection:
            connection.search(self._base, f"({self._attribute}={wanted})", attributes=["1.1"], size_limit=2)
            found = [each["dn"] for each in connection.response or () if each["type"] == "searchResEntry"]
        if len(found) > 1:
            log.warning("the directory %s has more than one entry for a user", self._server.host)
        return found[0] if len(found) == 1 else None

    def _connection(self, name: str | None, password: str | None) -> Any:
        """Return a connection that is bound, once it is entered; LDAPException where that does not go."""
        ldap = self._ldap
        return ldap.Connection(
            self._server,
            name,
            password,
            auto_bind=ldap.AUTO_BIND_TLS_BEFORE_BIND if self._starts_tls else ldap.AUTO_BIND_NO_TLS,
            receive_timeout=SECONDS,
            auto_referrals=False,
            read_only=True,
            raise_exceptions=True,
        )


def _package() -> Any:
    try:
        import ldap3
        import ldap3.utils.conv
        import ldap3.utils.dn
    except ModuleNotFoundError as error:
        raise FeatureNotSupported(
            f'the method ldap needs the package "{error.name}"', hint="pip install heliosdb-server[ldap]"
        ) from None
    return ldap3
