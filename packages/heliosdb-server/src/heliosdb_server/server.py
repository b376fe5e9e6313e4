"""The server: an event loop for sockets, threads for statements.

    client ──> reader ──> messages ──> conversation, in a thread ──> writer ──> client
                                         piece by piece: a client that does not read holds up nobody else

The loop reads and writes; whatever looks at the database runs in a thread of the pool, one at a time for a connection.
A request to cancel comes by a connection of its own and names a process number and a secret.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from sys import getswitchinterval, setswitchinterval
from typing import TYPE_CHECKING, Any

from heliosdb import errors
from heliosdb_server import messages
from heliosdb_server.access import choose
from heliosdb_server.accounts import Accounts
from heliosdb_server.admission import Request, read_request
from heliosdb_server.authentication import Visitor
from heliosdb_server.config import ServerConfig, refuse_strangers
from heliosdb_server.conversation import Conversation
from heliosdb_server.keepalive import keep_alive
from heliosdb_server.lifecycle import Lifecycle
from heliosdb_server.messages import Inbox, Message
from heliosdb_server.short import IN_THREAD
from heliosdb_server.stream import ClientStream
from heliosdb_server.tls import common_name

if TYPE_CHECKING:
    from heliosdb.spi import Database, Login

__all__ = ["Server", "new_event_loop"]

log = logging.getLogger("heliosdb.server")

CHUNK = 1 << 16
PATIENCE = 0.1
"""Seconds until a client that does not read is looked at again."""

SWITCH_INTERVAL = 0.0005
"""Seconds after which a thread that computes lets the loop run: Python's own 5 ms would be felt by every client."""
GATEKEEPERS = 8
STRANGERS = 64
"""Clients that may be on their way in at once, where no more than that may be in."""

LINGER = 1.0
"""Seconds for which a client that is refused may go on sending."""


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop: uvloop's, which there is none of on Windows."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


class Server:
    """Serves one open database. ``start`` and ``stop`` belong to the loop that the server runs on."""

    def __init__(self, database: Database, config: ServerConfig, pid_file: str | None = None) -> None:
        self.database: Any = database
        self.config = config
        self.life = Lifecycle(self, pid_file)
        self.accounts = Accounts(database, config)
        self.connections: dict[int, _Connection] = {}
        """Those of clients that are known, by the number that a cancellation names."""
        self._serving: set[_Connection] = set()
        self.pool = ThreadPoolExecutor(config.max_connections + 1, thread_name_prefix="heliosdb-server")
        self.gatekeepers = ThreadPoolExecutor(GATEKEEPERS, thread_name_prefix="heliosdb-server-visitors")
        """For what takes time before a client is known: however many come, statements of others do not wait for it."""
        self._listener: asyncio.Server | None = None
        self._interval = getswitchinterval()
        self._port = 0

    @property
    def port(self) -> int:
        """The port that the server listens at."""
        return self._port

    async def start(self) -> None:
        """Listen; IoError where the address is taken."""
        try:
            loop = asyncio.get_running_loop()
            self._listener = await loop.create_server(
                lambda: ClientStream(asyncio.StreamReader(), self._serve),
                self.config.host,
                self.config.port,
                start_serving=False,
            )
        except OSError as error:
            raise errors.IoError(
                f"cannot listen at {self.config.host}:{self.config.port}: {error.strerror or error}",
                hint="Is another server running there?",
            ) from None
        for socket in self._listener.sockets:
            if not ip_address(socket.getsockname()[0].partition("%")[0]).is_loopback:
                refuse_strangers(self.config.rules, self.config.host)
        self._port = int(self._listener.sockets[0].getsockname()[1])
        self._interval = getswitchinterval()
        setswitchinterval(min(self._interval, SWITCH_INTERVAL))
        await self._listener.start_serving()
        try:
            self.life.begin()
        except BaseException:
            await self.stop()
            raise
        log.info("listening at %s:%d", self.config.host, self.port)

    async def stop(self) -> None:
        """Listen no more, stop what runs, and end every connection; clients are told (57P01)."""
        if self._listener is not None:
            self._listener.close()
        tasks = [connection.task for connection in self._serving]
        for connection in tuple(self._serving):
            connection.shut_down(errors.AdminShutdown("terminating connection due to administrator command"))
        await asyncio.gather(*tasks, return_exceptions=True)
        self.pool.shutdown()
        self.gatekeepers.shutdown(wait=False)
        setswitchinterval(self._interval)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self, reader, writer)
        if len(self._serving) - len(self.connections) >= max(STRANGERS, self.config.max_connections):
            writer.write(messages.error_response(_too_many(), severity="FATAL"))
            writer.close()
            return
        self._serving.add(connection)
        try:
            await connection.run()
        except (ConnectionError, EOFError, TimeoutError, ssl.SSLError):
            pass  # the client has gone
        except asyncio.CancelledError:
            pass
        finally:
            self._serving.discard(connection)
            self.life.ended(connection.queries)
            await self._hang_up(writer)

    async def _hang_up(self, writer: asyncio.StreamWriter) -> None:
        """Close a connection; what a client has not read by then is dropped."""
        writer.close()
        with suppress(ConnectionError, TimeoutError, ssl.SSLError, asyncio.CancelledError):
            async with asyncio.timeout(LINGER):
                await writer.wait_closed()
        writer.transport.abort()

    def enter(self, connection: _Connection, is_superuser: bool) -> int:
        """Give a connection its number; TooManyConnections (53300) where there are as many as there may be."""
        self.life.require_open()
        free = self.config.max_connections - len(self.connections)
        if free <= 0:
            raise _too_many()
        if free <= self.config.reserved and not is_superuser:
            raise errors.TooManyConnections(
                "remaining connection slots are reserved for non-replication superuser connections"
            )
        number: int = self.database.next_session_number()
        self.connections[number] = connection
        return number

    def cancel(self, number: int, secret: int) -> None:
        """Stop what a connection runs, where the secret is its own; say nothing."""
        connection = self.connections.get(number)
        if connection is not None and secrets.compare_digest(
            connection.secret.to_bytes(4, "big"), secret.to_bytes(4, "big")
        ):
            connection.cancel()


def _too_many() -> errors.Error:
    return errors.TooManyConnections("sorry, too many clients already")


class _Connection:
    """One client's connection, from its first byte to its last."""

    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.inbox = Inbox(server.config.max_message_size)
        self.number = 0
        self.secret = secrets.randbits(32)
        task = asyncio.current_task()
        assert task is not None
        self.task = task
        self.loop = asyncio.get_running_loop()
        self.conversation: Conversation | None = None
        self.host: str = (writer.get_extra_info("peername") or ("somewhere",))[0]
        self.is_encrypted = False
        self._ending: errors.Error | None = None
        """Why the server ends the connection."""
        self._watch: asyncio.TimerHandle | None = None
        self._heard = 0.0
        """When the client last said something, on the loop's clock."""
        self._is_idle = False
        """Whether it waits for the client, so that no thread is in the conversation."""
        stream = writer.transport.get_protocol()
        assert isinstance(stream, ClientStream)
        self._stream = stream
        self._running: asyncio.Future[Any] | None = None
        """What a thread does for this connection, though nobody may wait for it any more."""

    @property
    def queries(self) -> int:
        """How many queries the client has sent."""
        return 0 if self.conversation is None else self.conversation.queries

    async def run(self) -> None:
        """Serve the client until it goes."""
        config = self.server.config
        try:
            keep_alive(self.writer.get_extra_info("socket"), config)
            async with asyncio.timeout(config.authentication_timeout):
                server = self.server
                request = await read_request(self, config.tls is not None, server.cancel, server.life.answer)
                if request is None:
                    return
                await self._open(request)
            log.debug("session %d: %r has connected from %s", self.number, request.user, self._where())
            await self._converse()
        except errors.Error as error:
            # As a Python literal: names that clients choose may hold line ends, and what looks like another entry.
            log.info("a client at %s is told, and hung up on: %r", self.host, error.message)
            await self._refuse(error)
        except (ConnectionError, EOFError, TimeoutError, ssl.SSLError):
            raise  # the client has gone, or said nothing for too long
        except Exception:
            log.exception("a connection failed")
            await self._refuse(errors.InternalFailure("the server failed", hint="Its log says how."))
        finally:
            if self._watch is not None:
                self._watch.cancel()
            await self._close()

    async def _close(self) -> None:
        """End the session, also one that a thread was still beginning when the time was up."""
        self.server.connections.pop(self.number, None)
        self.cancel()
        if self._running is not None:
            await asyncio.wait({self._running})
        if self.conversation is not None:
            await self._in_thread(self.conversation.close)

    async def encrypt(self) -> None:
        """Answer that encryption begins, and begin it."""
        tls = self.server.config.tls
        assert tls is not None
        # What comes from now on is the handshake's: nobody may slip in a word that seems to have come encrypted.
        self.writer.transport.pause_reading()  # type: ignore[attr-defined]
        if not self.inbox.is_empty:
            raise errors.ProtocolViolation("received unencrypted data after SSL request")
        await self.send(b"S")
        await self.writer.start_tls(tls.context)
        self.is_encrypted = True

    async def _open(self, request: Request) -> None:
        visitor = self._visitor(request)
        roles_of = self.server.database.roles_reached
        await choose(self.server.config.rules, visitor, roles_of).admit(visitor)
        role = self.server.accounts.admitted(request.user)
        self.number = self.server.enter(self, role.superuser)
        await self._in_thread(self._converse_as, role, request.settings)
        assert self.conversation is not None
        self.writer.write(messages.authentication(0) + messages.key_data(self.number, self.secret))
        await self.send(self.conversation.greeting())

    def _visitor(self, request: Request) -> Visitor:
        tls = self.server.config.tls if self.is_encrypted else None
        shown = None if tls is None else self.writer.get_extra_info("ssl_object").getpeercert()
        return Visitor(
            user=request.user,
            database=request.database,
            address=self.host,
            is_encrypted=self.is_encrypted,
            common_name=common_name(shown),
            binding=None if tls is None else tls.binding,
            kept=self.server.accounts.kept(request.user),
            ask=self._ask,
            say=self.writer.write,
            in_thread=partial(self.loop.run_in_executor, self.server.gatekeepers),
        )

    def _converse_as(self, role: Login, settings: dict[str, str]) -> None:
        wake = partial(self.loop.call_soon_threadsafe, self._notify)
        self.conversation = Conversation(
            self.server.database, role.name, settings, number=self.number, on_arrival=wake, door=self
        )
        self.server.accounts.require_room(role)

    async def _ask(self, data: bytes) -> bytes:
        try:
            await self.send(data)
            found = await self._messages(limit=messages.LARGEST_ANSWER)
        except ConnectionError:
            raise EOFError from None  # not to be mixed up with what an authenticator has lost
        if len(found) != 1 or found[0].kind != b"p":
            raise errors.ProtocolViolation("expected a password message")
        return found[0].body

    async def _refuse(self, error: errors.Error) -> None:
        """Say why the connection ends; what the client still sends is read, or it would never see that."""
        log.info("client at %s: FATAL: %s", self._where(), error.message)
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(LINGER):
                await self.send(messages.error_response(error, severity="FATAL"))
                if self._ending is None:
                    self.writer.write_eof() if self.writer.can_write_eof() else self.writer.close()
                    while await self.reader.read(CHUNK):
                        pass

    # -- messages in, answers out --------------------------------------------------------------------------------------

    async def _converse(self) -> None:
        conversation = self.conversation
        assert conversation is not None
        try:
            while not conversation.is_over:
                self._is_idle = True
                self._notify()
                self._limit_idling()
                arrived = await self._messages()
                self._is_idle = False
                if not arrived:
                    return
                pieces, may_wait = conversation.process(arrived), False
                while True:
                    piece = await self._in_thread(next, pieces, None) if may_wait else next(pieces, None)
                    if piece is None:
                        break
                    if piece is IN_THREAD:
                        may_wait = True
                        continue
                    await self.send(piece)
                    if conversation.is_answered:
                        break  # without asking a thread once more
        except asyncio.CancelledError:
            if self._ending is not None:
                await self._refuse(self._ending)
            raise

    def _answer(self, data: bytes) -> bool:
        """Answer what has just arrived while the connection was idle, if that is done at once."""
        transport = self.writer.transport
        if transport.get_write_buffer_size() > CHUNK:
            return False  # the client does not read: whoever drains has to wait for it
        assert self.conversation is not None
        answer = self.conversation.answer(data)
        if answer is None:
            return False
        self._heard = self.loop.time()
        transport.write(answer)
        return True

    def _limit_idling(self) -> None:
        """Have a client that says nothing for too long leave; within a transaction the session itself sees to that."""
        assert self.conversation is not None
        session = self.conversation.session
        limit = session.idle_limit
        if limit is not None and self._watch is None and not session.block.is_open:
            self._watch = self.loop.call_at(self._heard + limit, self._look, limit)

    def _look(self, limit: float) -> None:
        self._watch = None
        assert self.conversation is not None
        if not self._is_idle or self.conversation.session.block.is_open:
            return  # when it is idle again there will be another look
        if self.loop.time() < self._heard + limit:
            self._limit_idling()
        else:
            self.shut_down(errors.IdleSessionTimeout("terminating connection due to idle-session timeout"))

    def _notify(self) -> None:
        """Tell a client that is idle what has been notified; others hear of it when they are."""
        conversation = self.conversation
        if not self._is_idle or conversation is None or not conversation.session.inbox.notifies:
            return
        if self.writer.is_closing():
            return
        if self.writer.transport.get_write_buffer_size() > CHUNK:
            # The client does not read. What it has not been told waits in the session, where there is a limit.
            self.loop.call_later(PATIENCE, self._notify)
        else:
            self.writer.write(conversation.notifications())

    async def startup(self) -> bytes:
        """Return the body of the next message without a type."""
        while (body := self.inbox.take_startup()) is None:
            await self._read()
        return body

    async def _messages(self, limit: int | None = None) -> list[Message]:
        """Return messages that have arrived, at least one; none when the client has gone."""
        while not (found := self.inbox.take(limit)):
            try:
                # Never while the first bytes of a message wait for the others.
                self._stream.answer = self._answer if self._is_idle and self.inbox.is_empty else None
                await self._read()
            except asyncio.IncompleteReadError:
                if limit is not None:
                    raise
                return []
            finally:
                self._stream.answer = None
        return found

    async def _read(self) -> None:
        data = await self.reader.read(CHUNK)
        if not data:
            raise asyncio.IncompleteReadError(b"", None)
        self._heard = self.loop.time()
        self.inbox.feed(data)

    async def send(self, data: bytes) -> None:
        """Send bytes, and wait until there is room for more."""
        if self.writer.is_closing():
            # uvloop would raise a RuntimeError.
            raise ConnectionResetError
        self.writer.write(data)
        await self.writer.drain()

    async def _in_thread(self, function: Any, *arguments: Any) -> Any:
        self._running = asyncio.get_running_loop().run_in_executor(self.server.pool, function, *arguments)
        try:
            return await asyncio.shield(self._running)
        finally:
            if self._running.done():
                self._running = None

    def cancel(self) -> None:
        """Stop the statement that runs."""
        if self.conversation is not None:
            self.conversation.cancel()

    def shut_down(self, error: errors.Error) -> None:
        """Stop what runs, tell the client why, and end the connection."""
        if self._ending is None:
            self._ending = error
            self.cancel()
            self.task.cancel()

    def _where(self) -> str:
        found = self.address
        return "an unknown address" if found is None else f"{found[0]}:{found[1]}"

    # -- the session's door --------------------------------------------------------------------------------------------

    @property
    def address(self) -> tuple[str, int] | None:
        """The client's host and port."""
        found = self.writer.get_extra_info("peername")
        return None if not found else (str(found[0]).partition("%")[0], int(found[1]))

    def end(self, error: errors.Error) -> None:
        """End the connection, from any thread."""
        with suppress(RuntimeError):  # the loop has ended, and all connections with it
            self.loop.call_soon_threadsafe(self.shut_down, error)
