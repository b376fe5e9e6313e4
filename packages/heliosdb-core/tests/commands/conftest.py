"""Sessions of a fresh database for tests of commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from heliosdb.database import Database
from heliosdb.errors import Error
from heliosdb.session import Session


class Client:
    """A session with the short words that tests want."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def run(self, text: str) -> str:
        """Run statements and return the last one's tag."""
        tag = ""
        for result in self.session.execute_script(text):
            list(result.rows)
            tag = result.tag
        return tag

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        """Run a query and return its rows."""
        (result,) = self.session.execute(text)
        return list(result.rows)

    def value(self, text: str) -> Any:
        """Run a query and return its only value."""
        ((value,),) = self.rows(text)
        return value

    def error(self, text: str) -> Error:
        """Run a statement that must fail and return its error."""
        with pytest.raises(Error) as caught:
            self.run(text)
        return caught.value

    def notices(self) -> list[tuple[str, str | None]]:
        """Return (message, detail) of the notices since the last call."""
        found = [(notice.message, notice.detail) for notice in self.session.notices]
        self.session.notices.clear()
        return found


@pytest.fixture
def database() -> Iterator[Database]:
    opened = Database(plugins=[])
    yield opened
    opened.close()


@pytest.fixture
def new_client(database: Database) -> Callable[[], Client]:
    def make() -> Client:
        client = Client(database.session())
        client.run("SET default_transaction_isolation = 'read committed'")
        return client

    return make


@pytest.fixture
def client(new_client: Callable[[], Client]) -> Client:
    return new_client()
