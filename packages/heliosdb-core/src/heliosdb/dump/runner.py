"""Running the statements of a dump in one transaction: all of it comes to be, or nothing does.

Owners that are no roles here, privileges of such roles or of kinds that there are not, and storage hints are left out
and counted in the report. What else is not supported is an error, or left out and counted too where the caller asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from heliosdb.dump.inserts import InsertBatch
from heliosdb.dump.report import Report
from heliosdb.errors import Error, FeatureNotSupported

if TYPE_CHECKING:
    from types import TracebackType

    from heliosdb.session import Session

__all__ = ["BulkCopy", "Runner", "restoring"]

TRANSACTIONS = frozenset({"Begin", "Commit", "Rollback", "PrepareTransaction", "PreparedTransaction"})
PRIVILEGES = frozenset({"Grant", "GrantRole", "AlterDefaultPrivileges"})
HINTS = frozenset({"set statistics", "set storage", "set compression", "replica identity", "cluster on", "owner"})
ABOUT_SERVER = frozenset({"extension", "database", "language"})


@contextmanager
def restoring(database: Any) -> Iterator[Session]:
    """Yield a session of its own in a transaction that is committed at the end, rolled back after an error."""
    session = database.session()
    try:
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            session.settings.set(name, "0", in_transaction=False)
        # Not a kept snapshot: each statement must see what those before it made.
        session.begin("read committed")
        yield session
        session.block.commit()
    finally:
        session.close()


class BulkCopy:
    """COPY ... FROM STDIN of any number of rows, in whole lines or as objects.

    With ``commit_rows`` it commits each time when there are so many, so that no more of them are in memory: for a
    database that is thrown away where something fails later. ``later`` is the statement then, where the first one
    takes a header.
    """

    def __init__(
        self, session: Session, text: str, commit_rows: int | None = None, *, later: str | None = None
    ) -> None:
        self._session = session
        self._later = text if later is None else later
        self._commit_rows = commit_rows
        self._rows = self._total = 0
        self._copy = session.copy(text)

    def write(self, piece: str) -> None:
        """Give whole lines."""
        self._copy.write(piece)
        if self._commit_rows is not None:
            self._count(piece.count("\n"))

    def write_rows(self, rows: Sequence[Sequence[Any]]) -> None:
        """Give rows of Python objects."""
        self._copy.write_rows(rows)
        if self._commit_rows is not None:
            self._count(len(rows))

    def _count(self, rows: int) -> None:
        self._rows += rows
        if self._commit_rows is not None and self._rows >= self._commit_rows:
            self._total += self._copy.finish().row_count or 0
            self._session.block.commit()
            self._session.begin("read committed")
            self._copy = self._session.copy(self._later)
            self._rows = 0

    def finish(self) -> int:
        """End the statement; return the number of all rows."""
        self._total += self._copy.finish().row_count or 0
        return self._total

    def __enter__(self) -> BulkCopy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._copy.__exit__(kind, error, trace)


class Runner:
    """Runs statements and COPY with its rows. Errors say which line of which place they are about."""

    def __init__(
        self,
        session: Session,
        place: str,
        report: Report,
        *,
        skip_unsupported: bool = False,
        commit_rows: int | None = None,
    ) -> None:
        self.session = session
        self.report = report
        self._commit_rows = commit_rows
        self._place = place
        self._skip_unsupported = skip_unsupported
        self._inserts = InsertBatch(session, self._insert)

    def run(self, text: str, where: str) -> bool:
        """Run one statement; return whether the rows of a COPY follow, which ``copy`` takes then."""
        if text[:6].lower() == "insert":
            # There may be millions of them: most are neither parsed nor run by themselves.
            rows = self._inserts.take(text, where)
            self.report.rows += self._inserts.flush() + self._insert(text, where) if rows is None else rows
            return False
        self.finish()
        with self._located(where):
            tree = self._tree(text)
            if tree is None:
                return False
            name = type(tree).__name__
            if name == "Copy" and tree.is_from and tree.file is None:
                return True
            if name in TRANSACTIONS:
                raise FeatureNotSupported(
                    "a script that is restored runs as one transaction and cannot end it itself",
                    hint="Run the script in the shell: heliosdb run FILE.",
                )
            left_out = self._left_out(tree)
            if left_out is not None:
                self.report.skip(left_out)
            elif self._skip_unsupported:
                self._run_or_skip(text, name)
            else:
                self.session.execute(text)
                self.report.objects += name.startswith("Create")
            return False

    def finish(self) -> None:
        """Run what was put off."""
        self.report.rows += self._inserts.flush()

    def _insert(self, text: str, where: str) -> int:
        with self._located(where):
            return sum(result.row_count or 0 for result in self.session.execute(text))

    def copy(self, text: str, pieces: Iterable[str], where: str) -> None:
        """Run COPY ... FROM stdin with its rows."""
        with self._located(where):
            try:
                with BulkCopy(self.session, text, self._commit_rows) as copy:
                    for piece in pieces:
                        copy.write(piece)
                    self.report.rows += copy.finish()
            finally:
                # The rest of the rows are no statements.
                for _ in pieces:
                    pass
        self.report.tables += 1

    def _tree(self, text: str) -> Any:
        statements = self.session.texts(text)
        if not statements:
            return None
        try:
            return self.session.tree(statements[0])
        except FeatureNotSupported:
            if not self._skip_unsupported:
                raise
            self.report.skip(_first_words(text))
            return None

    def _left_out(self, tree: Any) -> str | None:
        """Return what a statement is, where it is one of those that mean nothing here."""
        name = type(tree).__name__
        if name == "CreateRole" and self._is_role(tree.name):
            return "roles that are there"
        if name == "Set" and tree.name == "session_authorization" and not self._is_known(tree):
            return "privileges"
        if name in PRIVILEGES and not self._is_understood(tree):
            return "privileges"
        if name == "AlterOwner":
            return None if self._is_role(tree.owner) else "owners"
        if name == "AlterTable" and tree.actions and all(getattr(a, "kind", "") in HINTS for a in tree.actions):
            owners = [action.role for action in tree.actions if action.kind == "owner"]
            if owners:
                return None if all(map(self._is_role, owners)) else "owners"
            return "storage hints"
        if name == "CreateExtension" and tree.name == "plpgsql":
            return "the extension plpgsql"
        if name == "Comment" and tree.object.kind in ABOUT_SERVER:
            return f"comments on {tree.object.kind}s"
        return None

    def _is_understood(self, tree: Any) -> bool:
        """Whether a GRANT is about roles that are here, and privileges that there are."""
        if type(tree).__name__ == "AlterDefaultPrivileges":
            return False
        given = tree.granted_by is None or self._is_role(tree.granted_by)
        if type(tree).__name__ == "GrantRole":
            return given and all(map(self._is_role, (*tree.grantees, *tree.roles)))
        plain = tree.kind in ("table", "sequence", "schema") and not any(found.columns for found in tree.privileges)
        return given and plain and all(map(self._is_role, tree.grantees))

    def _is_known(self, tree: Any) -> bool:
        names = [getattr(value, "value", None) for value in tree.values]
        return all(name in self.session.catalog.roles for name in names)

    def _is_role(self, role: Any) -> bool:
        return role.name in self.session.catalog.roles or getattr(role, "special", None) is not None

    def _run_or_skip(self, text: str, name: str) -> None:
        self.session.execute("SAVEPOINT heliosdb_restore")
        try:
            self.session.execute(text)
            self.report.objects += name.startswith("Create")
        except FeatureNotSupported:
            self.session.execute("ROLLBACK TO SAVEPOINT heliosdb_restore")
            self.report.skip(_first_words(text))
        self.session.execute("RELEASE SAVEPOINT heliosdb_restore")

    @contextmanager
    def _located(self, where: str) -> Iterator[None]:
        try:
            yield
        except Error as error:
            place = f"{where} of {self._place}"
            error.context = place if error.context is None else f"{error.context}\n{place}"
            raise


def _first_words(text: str) -> str:
    """Return the words that say what a statement is: CREATE FUNCTION, ALTER TABLE."""
    words = text.split(None, 3)
    start = 3 if [word.upper() for word in words[1:3]] == ["OR", "REPLACE"] else 1
    rest = text.split(None, start + 1)[start : start + 1]
    return " ".join([words[0], *rest]).upper()
