"""Short answers: one row by its key, from the bytes that ask for it to the bytes that answer, at once.

    Q "SELECT n FROM t WHERE id = 17"              ->   T D C Z
    B E S, or B D E S, of a named statement        ->   2 (T) D C Z

What arrives is recognized by its bytes, not taken apart first: a simple query by the pieces between its constants
(``PointStatements.find_lifted``), a Bind by the bytes before its values and behind them, which a client repeats.
Whatever is not recognized is given back, as if nobody had looked: ``Conversation.process`` knows all of the protocol.
So is what ends in an error, for nothing has been done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from heliosdb import errors
from heliosdb_server import formats, messages
from heliosdb_server.encoding import Rows, row_encoder

if TYPE_CHECKING:
    from heliosdb.spi import OutputColumn

__all__ = ["IN_THREAD", "LARGEST", "Short", "ShortAnswers", "needs_no_thread"]

_DESCRIBE = b"D\0\0\0\x06P\0"
_EXECUTE = b"E\0\0\0\x09\0\0\0\0\0"
_SYNC = b"S\0\0\0\x04"
_ENDS = {_EXECUTE + _SYNC: False, _DESCRIBE + _EXECUTE + _SYNC: True}
"""What follows a Bind, and whether it asks for a description."""

_READY = messages.ready("I")
_FOUND = messages.command_complete("SELECT 1") + _READY
_NOTHING = messages.command_complete("SELECT 0") + _READY

BEGINNINGS = frozenset({"begin", "begin transaction", "start transaction"})
"""Texts that are run without a thread."""

ENDINGS = frozenset({"commit", "end", "rollback", "commit transaction", "rollback transaction"})
"""Texts that are, where a transaction has changed nothing."""

IN_THREAD = b""
"""What ``Conversation.process`` yields before it needs a thread."""

LARGEST = 4096
"""Bytes of a message that may be looked at without one."""

KEPT = 16
"""So many forms of Bind are remembered of a statement: a client uses one, or two."""


def needs_no_thread(text: str, session: Any) -> bool:
    """Whether a text begins a transaction block, or ends one that has nothing to commit."""
    lowered = text.lower() if len(text) < 24 else ""
    return lowered in BEGINNINGS or (lowered in ENDINGS and session.ends_at_once())


class Answer:
    """How the rows of a statement are answered: what comes before them, and what makes their bytes."""

    __slots__ = ("encode", "head", "nothing")

    def __init__(self, head: bytes, encode: Rows) -> None:
        self.head = head
        self.encode = encode
        self.nothing = head + _NOTHING

    def to(self, rows: list[Any]) -> bytes:
        """Return the answer; there is one row at most."""
        return b"".join((self.head, self.encode(rows), _FOUND)) if rows else self.nothing


class Short:
    """What is known of a prepared statement that has a function: how its values are read, by the bytes before them,
    and how it is answered, by the bytes behind them.
    """

    __slots__ = ("answers", "readers", "run", "text")

    def __init__(self, text: str, run: Callable[[Any], Any]) -> None:
        self.text = text
        self.run = run
        self.readers: dict[bytes, list[Callable[[bytes], Any]]] = {}
        self.answers: dict[tuple[bytes, bool], Answer] = {}


class ShortAnswers:
    """Answers what one conversation's client asks. ``statements`` are those that it has prepared."""

    def __init__(self, session: Any, statements: dict[str, Any]) -> None:
        self._session = session
        self._statements = statements

    def answer(self, data: bytes) -> bytes | None:
        """Return the answer to what has arrived at a conversation where nothing is open; None: it is no short one."""
        kind = data[0]
        if kind == 66:
            return self._bound(data)
        return self._query(data) if kind == 81 else None

    # -- simple queries ------------------------------------------------------------------------------------------------

    def _query(self, data: bytes) -> bytes | None:
        if data[-1] or int.from_bytes(data[1:5], "big") + 1 != len(data):
            return None
        try:
            found = self._session.points.find_lifted(data[5:-1].decode())
            if found is None:
                return None
            lifted, constants = found
            answer: Answer | None = lifted.kept
            if answer is None:
                if lifted.answer.tag != "SELECT":
                    return None
                columns = lifted.answer.columns
                answer = lifted.kept = self._answer(columns, [formats.TEXT] * len(columns), b"", described=True)
            rows = lifted.run(constants)
        except (errors.Error, ValueError, ArithmeticError):
            return None
        if rows is None:
            return None
        self._statements.pop("", None)
        return answer.to(rows)

    def _answer(self, columns: tuple[OutputColumn, ...], form: list[int], head: bytes, *, described: bool) -> Answer:
        if described:
            head += messages.row_description(formats.descriptions(self._session, columns, form))
        return Answer(head, row_encoder(formats.outputs(self._session, columns, form)))

    # -- prepared statements -------------------------------------------------------------------------------------------

    def _bound(self, data: bytes) -> bytes | None:
        end = int.from_bytes(data[1:5], "big") + 1
        is_described = _ENDS.get(data[end:])
        if is_described is None or data[5]:
            return None
        try:
            stop = data.index(0, 6) + 1
            statement = self._statements[data[6 : stop - 1].decode()]
            short: Short | None = statement.short
            if short is None or self._session.fast.get(short.text) is not short.run:
                return None
            at = stop + 4 + 2 * (data[stop] << 8 | data[stop + 1])
            readers = short.readers.get(data[stop:at])
            if readers is None:
                readers = self._readers(short, statement, data[stop:at])
            values = []
            for read in readers:
                first = at + 4
                at = first + int.from_bytes(data[at:first], "big")
                values.append(read(data[first:at]))
            # Where a length was wrong, or NULL, nothing is left.
            answer = short.answers.get((data[at:end], is_described))
            if answer is None:
                answer = self._bound_answer(short, statement, data[at:end], described=is_described)
            rows = short.run(values)
        except (errors.Error, LookupError, ValueError, ArithmeticError):
            return None
        return None if rows is None else answer.to(rows)

    def _readers(self, short: Short, statement: Any, head: bytes) -> list[Callable[[bytes], Any]]:
        """Return what reads values behind these bytes of a Bind; ValueError where it is not done in short."""
        body = messages.Body(head)
        given = [body.int2() for _ in range(body.int2())]
        if body.int2() != len(statement.types):
            raise ValueError
        form = formats.one_for_each(given, len(statement.types), "parameter")
        readers = [formats.short_reader(name, each) for name, each in zip(statement.types, form, strict=True)]
        if len(short.readers) < KEPT:
            short.readers[head] = readers
        return readers

    def _bound_answer(self, short: Short, statement: Any, rest: bytes, *, described: bool) -> Answer:
        body = messages.Body(rest)
        wanted = [body.int2() for _ in range(body.count())]
        body.end()
        columns = statement.columns
        form = formats.one_for_each(wanted, len(columns), "column")
        answer = self._answer(columns, form, messages.BIND_COMPLETE, described=described)
        if len(short.answers) < KEPT:
            short.answers[rest, described] = answer
        return answer
