"""A directory for tests: ``python ldap_server.py [CERT KEY]`` prints its port, and serves until it is killed.

Alice's password is "wonderland"; "reader" may look for entries. With a certificate it speaks ldaps.
"""

from __future__ import annotations

import sys
from io import BytesIO
from typing import Any

from ldaptor.inmemory import fromLDIFFile
from ldaptor.interfaces import IConnectedLDAPEntry
from ldaptor.protocols.ldap.ldapserver import LDAPServer
from twisted.internet import endpoints, reactor
from twisted.internet.protocol import ServerFactory
from twisted.python.components import registerAdapter

ENTRIES = b"""dn: dc=org
objectClass: dcObject
dc: org

dn: ou=people,dc=org
objectClass: organizationalUnit
ou: people

dn: uid=alice,ou=people,dc=org
objectClass: person
uid: alice
cn: Alice
mail: all@example.org
userPassword: wonderland

dn: uid=bob,ou=people,dc=org
objectClass: person
uid: bob
cn: Bob
mail: all@example.org
userPassword: builder

dn: cn=reader,dc=org
objectClass: person
cn: reader
userPassword: read only

"""


class Factory(ServerFactory):
    """Makes a conversation for each client, over one tree of entries."""

    protocol = LDAPServer

    def __init__(self, root: Any) -> None:
        self.root = root


def serve(root: Any) -> None:
    """Listen, and say where."""
    where = "tcp:0:interface=127.0.0.1"
    if len(sys.argv) == 3:
        where = f"ssl:0:interface=127.0.0.1:certKey={sys.argv[1]}:privateKey={sys.argv[2]}"
    listening = endpoints.serverFromString(reactor, where).listen(Factory(root))
    listening.addCallback(lambda port: print(port.getHost().port, flush=True))


registerAdapter(lambda factory: factory.root, Factory, IConnectedLDAPEntry)
fromLDIFFile(BytesIO(ENTRIES)).addCallback(serve)
reactor.run()  # type: ignore[attr-defined]
