"""Messages of PostgreSQL's protocol 3.0, as bytes.

    frontend    length (4, itself included), code, parameters          the first ones of a connection
                type (1), length (4, itself included), body            all others
    backend     type (1), length (4, itself included), body

Nothing here knows a connection. What comes from a client is hostile: lengths are looked at before anything is kept, and
a body that is not what its type says raises ProtocolViolation (08P01).
(https://www.postgresql.org/docs/15/protocol-message-formats.html)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from struct import Struct, error
from typing import NamedTuple

from heliosdb.errors import Error, ProgramLimitExceeded, ProtocolViolation

__all__ = [
    "BIND_COMPLETE",
    "CANCEL_REQUEST",
    "CONTROL_REQUEST",
    "CLOSE_COMPLETE",
    "COPY_DONE",
    "EMPTY_QUERY",
    "GSS_REQUEST",
    "NO_DATA",
    "PARSE_COMPLETE",
    "PORTAL_SUSPENDED",
    "REPORTED",
    "SSL_REQUEST",
    "Body",
    "ColumnDescription",
    "Inbox",
    "Message",
    "message",
]

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
CONTROL_REQUEST = 80877114
"""Our own: PostgreSQL has none of this number."""

LARGEST_STARTUP = 10_000
"""Bytes of the first message, as PostgreSQL has it: nobody is known yet."""

LARGEST_ANSWER = 65_535
"""Bytes of what is answered to a question of who it is: a token may be long."""

_int4, _int2, _header = Struct("!i"), Struct("!h"), Struct("!ci")
_field = Struct("!ihihih")


class Message(NamedTuple):
    """A message of the frontend: its type and its body."""

    kind: bytes
    body: bytes


class Inbox:
    """Cuts what arrives into messages."""

    def __init__(self, largest: int) -> None:
        self._buffer = bytearray()
        self._largest = largest

    def feed(self, data: bytes) -> None:
        """Add what arrived."""
        self._buffer += data

    def take_startup(self) -> bytes | None:
        """Return the body of a message without a type, None while it is not whole."""
        buffer = self._buffer
        if len(buffer) < 4:
            return None
        (length,) = _int4.unpack_from(buffer)
        if not 8 <= length <= LARGEST_STARTUP:
            raise ProtocolViolation("invalid length of startup packet")
        if len(buffer) < length:
            return None
        body = bytes(buffer[4:length])
        del buffer[:length]
        return body

    def take(self, limit: int | None = None) -> list[Message]:
        """Return the messages that are whole; ``limit`` is the longest that one may be (before a client is known)."""
        buffer, found, start, size = self._buffer, [], 0, len(self._buffer)
        largest = self._largest if limit is None else limit
        while size - start >= 5:
            kind, length = _header.unpack_from(buffer, start)
            if length < 4:
                raise ProtocolViolation("invalid message length")
            if length > largest:
                raise ProgramLimitExceeded(f"a message takes {length} bytes, and may take {largest}")
            end = start + 1 + length
            if end > size:
                break
            found.append(Message(kind, bytes(buffer[start + 5 : end])))
            start = end
        if start:
            del buffer[:start]
        return found

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left."""
        return not self._buffer


class Body:
    """Reads the body of a message from its beginning to its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __len__(self) -> int:
        return len(self._data)

    def text(self) -> str:
        """Return a text that ends with a zero byte."""
        end = self._data.find(b"\0", self._at)
        if end < 0:
            raise ProtocolViolation("invalid string in message")
        found = self._data[self._at : end]
        self._at = end + 1
        return decoded(found)

    def int2(self) -> int:
        """Return a number of two bytes."""
        return self._number(_int2)

    def int4(self) -> int:
        """Return a number of four bytes."""
        return self._number(_int4)

    def _number(self, kind: Struct) -> int:
        try:
            (found,) = kind.unpack_from(self._data, self._at)
        except error:
            raise ProtocolViolation("insufficient data left in message") from None
        self._at += kind.size
        return int(found)

    def count(self) -> int:
        """Return a number of things that follow, of at least two bytes each."""
        found = self.int2() & 0xFFFF
        if 2 * found > len(self._data) - self._at:
            raise ProtocolViolation("insufficient data left in message")
        return found

    def byte(self) -> bytes:
        """Return one byte."""
        return self.take(1)

    def take(self, length: int) -> bytes:
        """Return so many bytes."""
        found = self._data[self._at : self._at + length]
        if length < 0 or len(found) < length:
            raise ProtocolViolation("insufficient data left in message")
        self._at += length
        return found

    def value(self) -> bytes | None:
        """Return a length and so many bytes; None where the length is -1."""
        length = self.int4()
        return None if length == -1 else self.take(length)

    def rest(self) -> bytes:
        """Return what is left."""
        return self.take(len(self._data) - self._at)

    def end(self) -> None:
        """Raise ProtocolViolation where something is left."""
        if self._at != len(self._data):
            raise ProtocolViolation("invalid message format")


def decoded(data: bytes) -> str:
    """Return UTF-8 as text; CharacterNotInRepertoire (22021) where it is none."""
    from heliosdb.errors import CharacterNotInRepertoire

    try:
        return data.decode()
    except UnicodeDecodeError as problem:
        wrong = " ".join(f"0x{byte:02x}" for byte in data[problem.start : problem.end])
        raise CharacterNotInRepertoire(f'invalid byte sequence for encoding "UTF8": {wrong}') from None


# -- of the backend ----------------------------------------------------------------------------------------------------


def message(kind: bytes, body: bytes = b"") -> bytes:
    """Return a message."""
    return _header.pack(kind, len(body) + 4) + body


PARSE_COMPLETE, BIND_COMPLETE, CLOSE_COMPLETE = message(b"1"), message(b"2"), message(b"3")
NO_DATA, PORTAL_SUSPENDED, EMPTY_QUERY, COPY_DONE = message(b"n"), message(b"s"), message(b"I"), message(b"c")


class ColumnDescription(NamedTuple):
    """What RowDescription says of a column. ``format``: 0 for text, 1 for binary."""

    name: str
    type_oid: int
    length: int
    typmod: int
    format: int
    table: int = 0
    number: int = 0
    """The table's OID and the column's number, where it is a column of a table."""


def text(value: str) -> bytes:
    """Return a text as a message has it."""
    return value.encode() + b"\0"


def row_description(columns: Sequence[ColumnDescription]) -> bytes:
    """Return T: the columns of rows to come."""
    parts = [_int2.pack(len(columns))]
    for column in columns:
        parts.append(text(column.name))
        parts.append(
            _field.pack(column.table, column.number, column.type_oid, column.length, column.typmod, column.format)
        )
    return message(b"T", b"".join(parts))


def parameter_description(oids: Sequence[int]) -> bytes:
    """Return t: the types of a statement's parameters."""
    return message(b"t", Struct(f"!H{len(oids)}I").pack(len(oids), *oids))


def command_complete(status: str) -> bytes:
    """Return C: a statement is done."""
    return message(b"C", text(status))


def ready(status: str) -> bytes:
    """Return Z: I, T or E, as the transaction block is."""
    return message(b"Z", status.encode())


REPORTED = (
    "server_version",
    "server_encoding",
    "client_encoding",
    "application_name",
    "default_transaction_read_only",
    "in_hot_standby",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "integer_datetimes",
    "standard_conforming_strings",
    "session_authorization",
    "is_superuser",
)
"""Settings of which clients are told when they change (protocol-flow, "Asynchronous Operations")."""


def parameter_status(name: str, value: str) -> bytes:
    """Return S: a setting that clients follow."""
    return message(b"S", text(name) + text(value))


def notification_response(process: int, channel: str, payload: str) -> bytes:
    """Return A: what another session has said with NOTIFY."""
    return message(b"A", _int4.pack(process) + text(channel) + text(payload))


def key_data(process: int, secret: int) -> bytes:
    """Return K: what a request to cancel has to name."""
    return message(b"K", Struct("!iI").pack(process, secret))


def authentication(code: int, data: bytes = b"") -> bytes:
    """Return R: 0 for accepted, or what the client has to send."""
    return message(b"R", _int4.pack(code) + data)


def copy_response(kind: bytes, columns: int, form: int) -> bytes:
    """Return G or H: a COPY begins, in text (0) or binary (1)."""
    return message(kind, Struct(f"!bh{columns}h").pack(form, columns, *[form] * columns))


def copy_rows(rows: Iterable[bytes]) -> bytes:
    """Return d for each of the rows of a COPY."""
    pack = _header.pack
    return b"".join([pack(b"d", len(row) + 4) + row for row in rows])


def error_response(problem: Error, *, severity: str = "ERROR", offset: int = 0) -> bytes:
    """Return E. ``offset`` is where the statement that the position is of begins in the text that the client sent."""
    position = None if problem.position is None else str(problem.position + offset)
    return message(
        b"E",
        _fields(
            (b"S", severity),
            (b"V", severity),
            (b"C", problem.sqlstate),
            (b"M", problem.message),
            (b"D", problem.detail),
            (b"H", problem.hint),
            (b"P", position),
            (b"W", problem.context),
            (b"s", problem.schema),
            (b"t", problem.table),
            (b"c", problem.column),
            (b"d", problem.datatype),
            (b"n", problem.constraint),
        ),
    )


def notice_response(severity: str, sqlstate: str, said: str, detail: str | None, hint: str | None) -> bytes:
    """Return N."""
    fields = _fields((b"S", severity), (b"V", severity), (b"C", sqlstate), (b"M", said), (b"D", detail), (b"H", hint))
    return message(b"N", fields)


def _fields(*fields: tuple[bytes, str | None]) -> bytes:
    present = [
        code + value.replace("\0", "").encode("utf-8", "replace") + b"\0" for code, value in fields if value is not None
    ]
    return b"".join(present) + b"\0"
