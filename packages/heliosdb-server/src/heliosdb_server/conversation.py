"""One client's conversation: messages in, bytes out. It knows no sockets.

    simple      Query             -> RowDescription DataRow* CommandComplete ... ReadyForQuery
    extended    Parse Bind        -> a named statement, a portal over it
                Describe Execute  -> what it takes and gives, rows up to a limit
                Sync              -> the implicit transaction ends; after an error everything up to here is skipped
    copying     CopyData*         -> between CopyInResponse and CommandComplete

``process`` takes the messages that have arrived and yields the answers piece by piece, so that whoever writes them can
wait for a slow client while nothing is kept. One thread at a time is in a conversation; ``cancel`` may come from any.
(https://www.postgresql.org/docs/15/protocol-flow.html)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb import errors
from heliosdb.spi import LiveRows
from heliosdb_server import formats, messages
from heliosdb_server.encoding import Rows, row_encoder
from heliosdb_server.messages import Body, Message
from heliosdb_server.portals import Portal, Statement, batches
from heliosdb_server.short import IN_THREAD, LARGEST, Short, ShortAnswers, needs_no_thread
from heliosdb_server.told import ToldSettings

if TYPE_CHECKING:
    from heliosdb.spi import OutputColumn, Result

__all__ = ["Conversation"]

PIECE = 1 << 16
"""Bytes of answers that are collected before they are given out."""

ROWS = 256
"""Rows that are encoded at once."""


class Conversation:
    """See the module. ``settings`` are those that the client asked for when it connected, ``number`` is what it knows
    the session by; ``on_arrival`` is called by any thread when there are ``notifications``."""

    def __init__(
        self,
        database: Any,
        user: str,
        settings: dict[str, Any],
        *,
        number: int | None = None,
        on_arrival: Callable[[], object] | None = None,
        door: Any = None,
    ) -> None:
        self._out: list[bytes] = []
        self._size = 0
        self.session: Any = database.session(
            user=user, settings=settings, on_notice=self._notice, number=number, door=door
        )
        self.session.inbox.on_arrival = on_arrival
        self._statements: dict[str, Statement] = self.session.protocol_prepared
        self._portals: dict[str, Portal] = {}
        self._copy: Any = None
        self._copy_is_extended = False
        self._skips = False
        self.queries = 0
        """How many the client has sent, of either protocol."""
        self.is_over = False
        self.is_answered = False
        """Whether the piece that ``process`` has yielded is its last."""
        self._told = ToldSettings(self.session)
        self._may_wait = False
        """Whether it is a thread of its own that runs."""
        self._may_have_set = True
        """Whether anything ran since the settings were reported that may have changed one."""
        self._short_types: dict[str, tuple[str | None, ...]] = {}
        """By text the declared types of parameters that its function was made with."""
        self._short = ShortAnswers(self.session, self._statements)
        self._handlers: dict[bytes, Callable[[Body, bool], Iterator[bytes] | None]] = {
            b"P": self._parse,
            b"B": self._bind,
            b"D": self._describe,
            b"E": self._execute,
            b"C": self._close,
            b"H": self._flush,
        }

    # -- what comes out ------------------------------------------------------------------------------------------------

    def _say(self, data: bytes) -> None:
        self._out.append(data)
        self._size += len(data)

    def _taken(self) -> bytes:
        data, self._out, self._size = b"".join(self._out), [], 0
        return data

    def _notice(self, notice: Any) -> None:
        self._say(
            messages.notice_response(notice.severity, notice.sqlstate, notice.message, notice.detail, notice.hint)
        )

    def greeting(self) -> bytes:
        """Return what a client is told once it is known: settings, and that it may begin."""
        self._report()
        self._ready()
        return self._taken()

    def _report(self) -> None:
        """Tell of the settings that have changed."""
        self._may_have_set = False
        if news := self._told.news():
            self._say(news)

    def notifications(self) -> bytes:
        """Return what other sessions have said with NOTIFY, where the client may be told now: between transactions."""
        return b"".join(
            [messages.notification_response(n.pid, n.channel, n.payload) for n in self.session.inbox.take()]
        )

    def _ready(self) -> None:
        if self.session.inbox.notifies:
            self._say(self.notifications())
        self._say(messages.ready(self.session.block.status))

    # -- what comes in -------------------------------------------------------------------------------------------------

    def answer(self, data: bytes) -> bytes | None:
        """Return the answer to bytes that have arrived, where they ask for a row by its key and nothing else is about;
        None: nothing was done, and ``process`` has to.
        """
        if self._skips or self._portals or self._may_have_set or self._copy is not None or self.session.inbox.notifies:
            return None
        answer = self._short.answer(data)
        if answer is not None:
            self.queries += 1
        return answer

    def process(self, arrived: Sequence[Message]) -> Iterator[bytes]:
        """Answer messages, piece by piece. Once ``IN_THREAD`` is yielded, a thread has to ask for what comes."""
        self.is_answered = False
        self._may_wait = False
        for place, (kind, body) in enumerate(arrived):
            if self.is_over:
                return
            followed_by_sync = place + 1 < len(arrived) and arrived[place + 1].kind == b"S"
            yield from self._answer(kind, Body(body), followed_by_sync)
            if self._size >= PIECE:
                yield self._taken()
        self.is_answered = True
        if self._out:
            yield self._taken()

    def _answer(self, kind: bytes, body: Body, followed_by_sync: bool) -> Iterator[bytes]:
        if kind == b"X":
            self.is_over = True
        elif self._copy is not None:
            yield from self._in_thread()
            self._copying(kind, body)
        elif kind == b"Q":
            self._skips = False
            yield from self._query(body)
        elif kind == b"S":
            if self.session.block.is_implicit or self.session.live is not None:
                yield from self._in_thread()
            self._sync()
        elif kind in self._handlers:
            if not self._skips:
                if kind == b"P" or len(body) > LARGEST or self.session.live is not None:
                    yield from self._in_thread()
                try:
                    pieces = self._handlers[kind](body, followed_by_sync)
                    if pieces is not None:
                        yield from pieces
                except errors.Error as error:
                    self._fail(error)
        elif kind in (b"d", b"c", b"f"):
            pass  # what a client still sent of a COPY that has failed
        elif kind == b"F":
            self._fail(errors.FeatureNotSupported("function calls by the protocol are not supported; use SELECT"))
            self._sync()
        else:
            raise errors.ProtocolViolation(f"invalid frontend message type {kind[0]}")

    def _in_thread(self) -> Iterator[bytes]:
        if not self._may_wait:
            self._may_wait = True
            yield IN_THREAD

    def _fail(self, error: errors.Error) -> None:
        """Report an error of the extended protocol; what follows is skipped up to Sync."""
        self._give_up()
        block = self.session.block
        if block.is_implicit:
            block.rollback()
        else:
            block.fail()
        self._say(messages.error_response(error))
        self._skips = True

    def _give_up(self) -> None:
        """End a statement some of whose rows could not be written."""
        if self.session.live is not None:
            self.session.live.fail()

    def _sync(self) -> None:
        self._skips = False
        block = self.session.block
        try:
            if block.is_implicit:
                block.commit()
            if not block.is_open:
                for name in tuple(self._portals):
                    self._drop_portal(name)
        except errors.Error as error:
            self._say(messages.error_response(error))
        if self._may_have_set:
            self._report()
        self._ready()

    # -- simple queries ------------------------------------------------------------------------------------------------

    def _query(self, body: Body) -> Iterator[bytes]:
        session = self.session
        offset = 0
        self.queries += 1
        if len(body) > LARGEST or self._portals or session.live is not None:
            yield from self._in_thread()
        try:
            self._drop_portal("")
            text = body.text()
            body.end()
            self._statements.pop("", None)
            statements = session.texts(text)
            if len(statements) == 1:
                offset = statements[0].offset
                done = self._at_once(statements[0], None)
                if done is not None:
                    yield from self._results(done)
                    self._ready()
                    return
            if len(statements) != 1 or not needs_no_thread(statements[0].text, session):
                yield from self._in_thread()
            if not statements:
                self._say(messages.EMPTY_QUERY)
            elif len(statements) == 1 and self._is_copy(statements[0]):
                yield from self._begin_copy(statements[0])
                if self._copy is not None:
                    return
            else:
                results = session.run_script(statements, live=True)
                for statement in statements:
                    offset = statement.offset
                    result = next(results)
                    yield from self._results(result)
                next(results, None)
                if len(statements) == 1 and result.columns is not None and result.row_count in (0, 1):
                    session.points.offer(text, result, has_parameters=False, as_data=True)
        except errors.Error as error:
            self._give_up()
            self._say(messages.error_response(error, offset=offset))
        self._report()
        self._ready()

    def _at_once(self, statement: Any, values: Sequence[Any] | None) -> Result | None:
        """Run a statement of an open block that is over in a moment; None: it is no such, or a thread runs already."""
        if self._may_wait or not self.session.block.is_open:
            return None
        return self.session.run_at_once(statement, values)  # type: ignore[no-any-return]

    def _results(self, result: Result) -> Iterator[bytes]:
        if result.columns is not None:
            form = [formats.TEXT] * len(result.columns)
            self._say(messages.row_description(formats.descriptions(self.session, result.columns, form)))
            write = row_encoder(formats.outputs(self.session, result.columns, form))
            count = 0
            for rows in batches(result):
                count += len(rows)
                yield from self._written(write, rows)
            if result.row_count is None:
                result = evolve(result, row_count=count)
        self._say(messages.command_complete(result.status))

    def _written(self, encode: Rows, rows: Sequence[Any]) -> Iterator[bytes]:
        for start in range(0, len(rows), ROWS):
            self._say(encode(rows[start : start + ROWS]))
            if self._size >= PIECE:
                yield self._taken()

    # -- the extended protocol -----------------------------------------------------------------------------------------

    def _parse(self, body: Body, followed_by_sync: bool) -> None:
        name, text = body.text(), body.text()
        oids = [body.int4() & 0xFFFFFFFF for _ in range(body.count())]
        body.end()
        session = self.session
        if name and (name in self._statements or name in session.prepared):
            raise errors.DuplicatePreparedStatement(f'prepared statement "{name}" already exists')
        self._statements.pop(name, None)
        types = tuple([None if oid in (0, 705) else session.types.by_oid(oid).name for oid in oids])
        statements = session.texts(text)
        if len(statements) > 1:
            raise errors.SqlSyntaxError("cannot insert multiple commands into a prepared statement")
        if not statements:
            self._statements[name] = Statement(None, types, None)
        else:
            prepared = session.prepare(text, types)
            given = prepared.parameter_types + types[len(prepared.parameter_types) :]
            self._statements[name] = Statement(evolve(statements[0], types=types), given, prepared.columns, types)
        self._say(messages.PARSE_COMPLETE)

    def _bind(self, body: Body, followed_by_sync: bool) -> None:
        portal, name = body.text(), body.text()
        given = [body.int2() for _ in range(body.count())]
        values = [body.value() for _ in range(body.count())]
        wanted = [body.int2() for _ in range(body.count())]
        body.end()
        statement = self._statement(name)
        # Of a query in a command the parameters are known when it runs, which then looks whether there are too many.
        more = len(values) - len(statement.types)
        if more < 0 or (more and not (statement.text and self.session.has_query(statement.text))):
            raise errors.ProtocolViolation(
                f'bind message supplies {len(values)} parameters, but prepared statement "{name}" requires '
                f"{len(statement.types)}"
            )
        if portal and (portal in self._portals or portal in self.session.cursors):
            raise errors.DuplicateCursor(f'cursor "{portal}" already exists')
        types = statement.types + (None,) * (len(values) - len(statement.types))
        read = formats.parameters(self.session, types, values, formats.one_for_each(given, len(values), "parameter"))
        count = len(statement.columns or ())
        form = formats.one_for_each(wanted, count, "result") if count else wanted
        self._drop_portal(portal)
        self._portals[portal] = Portal(statement, read, form)
        self._say(messages.BIND_COMPLETE)

    def _statement(self, name: str) -> Statement:
        found = self._statements.get(name)
        if found is None:
            raise errors.InvalidSqlStatementName(
                f'prepared statement "{name}" does not exist' if name else "unnamed prepared statement does not exist"
            )
        return found

    def _drop_portal(self, name: str) -> None:
        if name in self._portals:
            self._portals.pop(name).close()
        elif name in self.session.cursors:
            self.session.cursors.pop(name).close()

    def _portal(self, name: str) -> Portal:
        found = self._portals.get(name)
        if found is None:
            raise errors.InvalidCursorName(f'portal "{name}" does not exist')
        return found

    def _describe(self, body: Body, followed_by_sync: bool) -> Iterator[bytes]:
        kind, name = body.byte(), body.text()
        body.end()
        session = self.session
        if kind == b"S":
            described = statement = self._statement(name)
            oids = [0 if each is None else session.types.by_name(each).oid or 0 for each in statement.types]
            self._say(messages.parameter_description(oids))
            if type(getattr(statement.text, "tree", None)).__name__ == "Show" and statement.columns is None:
                statement.columns = session.run(statement.text).columns
            columns, form = statement.columns, [formats.TEXT] * len(statement.columns or ())
        elif kind == b"P" and self._is_cursor(name):
            columns = session.cursors[name].columns
            form = [formats.TEXT] * len(columns)
            self._say(messages.row_description(formats.descriptions(session, columns, form)))
            return
        elif kind == b"P":
            portal = self._portal(name)
            described = portal.statement
            if portal.statement.columns is None and portal.statement.text is not None:
                tree = type(session.tree(portal.statement.text)).__name__
                if tree in ("Show", "Explain", "Fetch", "Execute", "ExtensionStatement"):
                    # What only its run can tell the columns of.
                    yield from self._in_thread()
                    self._run(portal)
            columns = portal.statement.columns if portal.result is None else portal.result.columns
            form = formats.one_for_each(portal.formats, len(columns or ()), "result")
        else:
            raise errors.ProtocolViolation(f"invalid DESCRIBE message subtype {kind[0]}")
        if columns is None:
            self._say(messages.NO_DATA)
        elif columns is described.columns:
            found = described.described.get(tuple(form))
            if found is None:
                found = messages.row_description(formats.descriptions(session, columns, form))
                described.described[tuple(form)] = found
            self._say(found)
        else:
            self._say(messages.row_description(formats.descriptions(session, columns, form)))

    def _execute(self, body: Body, followed_by_sync: bool) -> Iterator[bytes]:
        name, limit = body.text(), body.int4()
        body.end()
        if self._is_cursor(name):
            yield from self._in_thread()
            yield from self._fetch(name, limit)
            return
        if limit <= 0:
            limit = -1
        portal = self._portal(name)
        statement = portal.statement
        self.queries += 1
        if statement.text is None:
            self._say(messages.EMPTY_QUERY)
            return
        if self._is_copy(statement.text):
            self._copy_is_extended = True
            yield from self._in_thread()
            yield from self._begin_copy(statement.text)
            return
        if portal.live is not None:
            yield from self._in_thread()
        if portal.result is None and not self._run_at_once(portal):
            if not needs_no_thread(statement.text.text, self.session):
                yield from self._in_thread()
            if not (followed_by_sync or self.session.block.is_open):
                self.session.begin_implicit()
            self._run(portal)
        result, rows = portal.result, portal.rows
        assert result is not None
        if result.columns is None or rows is None:
            self._say(messages.command_complete(result.status))
            return
        form = formats.one_for_each(portal.formats, len(result.columns), "result")
        write = self._encoder(statement, result.columns, form)
        count = 0
        while True:
            end = len(rows) if limit < 0 else min(len(rows), portal.at + limit - count)
            yield from self._written(write, rows[portal.at : end])
            count += end - portal.at
            portal.at = end
            if count == limit or portal.live is None:
                break
            portal.at, portal.rows = 0, next(portal.live, None) or []
            rows = portal.rows
            if not rows:
                portal.live = None
        if count == limit:
            if portal.live is not None:
                portal.live.pause()
            self._say(messages.PORTAL_SUSPENDED)
        else:
            self._say(messages.command_complete(evolve(result, row_count=count).status))

    def _is_cursor(self, name: str) -> bool:
        """Whether a name is that of a cursor that DECLARE made: in PostgreSQL the two are one."""
        return name not in self._portals and name in self.session.cursors

    def _fetch(self, name: str, limit: int) -> Iterator[bytes]:
        """Execute a cursor that DECLARE made."""
        quoted = name.replace('"', '""')
        (result,) = self.session.execute(f'FETCH {limit if limit > 0 else "ALL"} FROM "{quoted}"')
        write = row_encoder(formats.outputs(self.session, result.columns, [formats.TEXT] * len(result.columns)))
        yield from self._written(write, result.rows)
        if len(result.rows) == limit:
            self._say(messages.PORTAL_SUSPENDED)
        else:
            self._say(messages.command_complete(f"SELECT {len(result.rows)}"))

    def _encoder(self, statement: Statement, columns: Sequence[OutputColumn], form: Sequence[int]) -> Rows:
        found = statement.encoders.get(tuple(form))
        if found is None:
            found = row_encoder(formats.outputs(self.session, columns, form))
            if columns is statement.columns and formats.are_settled(columns):
                statement.encoders[tuple(form)] = found
        return found

    def _run_at_once(self, portal: Portal) -> bool:
        """Run what need not wait: a look-up by its function, or a statement of an open block."""
        if self._may_wait:
            return False
        statement = portal.statement
        answer = self.session.points.answers.get(statement.text.text)
        if answer is not None and answer.tag == "SELECT" and self._run_short(portal):
            return True
        result = self._at_once(statement.text, portal.values)
        if result is None:
            return False
        portal.result = result
        portal.rows = None if result.columns is None else list(result.rows)
        return True

    def _run(self, portal: Portal) -> None:
        if self._run_short(portal):
            return
        self._may_have_set = True
        session, statement = self.session, portal.statement
        result = portal.result = session.run(statement.text, portal.values, live=True)
        if isinstance(result.rows, LiveRows):
            portal.live, portal.rows = result.rows, []
            return
        portal.rows = None if result.columns is None else list(result.rows)
        if statement.columns is not None and len(portal.rows or ()) < 2 and not session.block.is_open:
            text = statement.text.text
            session.points.offer(text, result, as_data=True)
            self._short_types[text] = statement.declared

    def _run_short(self, portal: Portal) -> bool:
        """Run a statement by its function, where it has one that was made for parameters of these types."""
        statement = portal.statement
        text = statement.text.text
        fast = self.session.fast.get(text)
        if fast is None or self._short_types.get(text) != statement.declared:
            return False
        rows = fast(portal.values)
        if type(rows) is not list:
            return False
        if statement.short is None or statement.short.run is not fast:
            statement.short = Short(text, fast)
        portal.rows = rows
        portal.result = evolve(self.session.points.answers[text], columns=statement.columns, row_count=len(rows))
        return True

    def _close(self, body: Body, followed_by_sync: bool) -> None:
        kind, name = body.byte(), body.text()
        body.end()
        if kind not in (b"S", b"P"):
            raise errors.ProtocolViolation(f"invalid CLOSE message subtype {kind[0]}")
        if kind == b"S":
            self._statements.pop(name, None)
        else:
            self._drop_portal(name)
        self._say(messages.CLOSE_COMPLETE)

    def _flush(self, body: Body, followed_by_sync: bool) -> Iterator[bytes]:
        if self._out:
            yield self._taken()

    # -- COPY ----------------------------------------------------------------------------------------------------------

    def _is_copy(self, statement: Any) -> bool:
        if statement.text[:4].lower() != "copy":
            return False
        tree = self.session.tree(statement)
        return type(tree).__name__ == "Copy" and tree.file is None

    def _begin_copy(self, statement: Any) -> Iterator[bytes]:
        """Begin COPY FROM STDIN, whose data follow, or do COPY TO STDOUT."""
        copy = self.session.copy(statement.text)
        if copy.is_from:
            self._copy = copy
            self._say(messages.copy_response(b"G", len(copy.transfer.columns), int(copy.is_binary)))
            yield self._taken()
            return
        self._say(messages.copy_response(b"H", len(copy.columns), int(copy.is_binary)))
        for rows in copy.pieces():
            # A row a message, as clients expect.
            self._say(messages.copy_rows(rows if copy.is_binary else map(str.encode, rows)))
            if self._size >= PIECE:
                yield self._taken()
        self._say(messages.COPY_DONE)
        self._say(messages.command_complete(copy.finish().status))

    def _copying(self, kind: bytes, body: Body) -> None:
        copy = self._copy
        try:
            if kind == b"d":
                copy.write(body.rest())
                return
            if kind in (b"H", b"S"):
                return
            self._copy = None
            if kind == b"c":
                self._say(messages.command_complete(copy.finish().status))
            elif kind == b"f":
                reason = body.text()
                copy.cancel()
                raise errors.QueryCanceled(f"COPY from stdin failed: {reason}")
            else:
                copy.cancel()
                raise errors.ProtocolViolation(f"unexpected message type 0x{kind[0]:02x} during COPY from stdin")
        except errors.Error as error:
            copy.cancel()
            self._copy = None
            self._say(messages.error_response(error))
            if self._copy_is_extended:
                self._skips = True
        if not self._copy_is_extended:
            self._report()
            self._ready()
        self._copy_is_extended = False

    # -- the end -------------------------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Stop the running statement, from any thread."""
        self.session.interrupt()

    def close(self) -> None:
        """Roll back what is open, and end the session."""
        if self._copy is not None:
            self._copy.cancel()
            self._copy = None
        self.session.close()
