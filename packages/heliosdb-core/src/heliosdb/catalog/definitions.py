"""Catalog objects as values: frozen, and free of anything that cannot be written to disk.

An expression of a default, a check, a generated column, an index or a view is kept as SQL text and bound when it is
used; a type is kept by name with its typmod. ``owner_package`` names the package whose plugin gave the object's type
or access method, so that a database opened without it can say what to install. Objects refer to each other by OID and
columns by attribute number (1-based, never reused); the slot in the stored row is attribute number - 1.
"""

from __future__ import annotations

from typing import Any, Final

from heliosdb.value import Value, field, frozen

OWNER: Final = 10
"""OID of the role that a database begins with."""


@frozen(kw_only=True, eq=False, repr=False)
class ColumnForm(Value):
    """What the rows hold of a column instead of its values: the form ``name`` that a plugin registered
    (``heliosdb.spi.StoredForm``), data of type ``type``.

    ``deterministic``: equal values have equal forms, and of columns whose forms agree in all but ``id`` and ``text``
    also across tables. ``argument`` is the plugin's own; ``text`` is how SQL writes the option; ``package`` is needed
    to read it. ``id`` is the column's alone, for ever; whoever defines a column leaves it 0.
    """

    name: str
    type: str
    text: str
    deterministic: bool = False
    argument: str = ""
    id: int = 0
    package: str | None = None

    def is_comparable(self, other: ColumnForm | None) -> bool:
        """Whether two columns hold equal data for equal values."""
        return (
            other is not None
            and self.deterministic
            and (self.name, self.type, self.deterministic, self.argument)
            == (other.name, other.type, other.deterministic, other.argument)
        )


@frozen(kw_only=True, eq=False, repr=False)
class ColumnDefinition(Value):
    """A column. ``missing`` is the value of rows that were stored before the column was added.

    ``type`` is what SQL sees. Where the column has a ``form``, rows and everything made of them (indexes, statistics)
    hold data of ``stored_type``, and the binder puts the functions between (``plan/forms.py``).

    ``altered``: versions of rows from before the column was added, or had its type, may still be stored;
    ``was_nullable``: versions with NULL in a column that is NOT NULL now.
    """

    number: int
    name: str
    type: str
    typmod: int = -1
    not_null: bool = False
    default: str | None = None
    identity: str | None = None
    generated: str | None = None
    collation: str | None = None
    dropped: bool = False
    missing: Any = None
    altered: bool = False
    was_nullable: bool = False
    comment: str | None = None
    options: tuple[tuple[str, Any], ...] = ()
    form: ColumnForm | None = None

    @property
    def stored_type(self) -> str:
        """The type of what rows hold."""
        return self.type if self.form is None else self.form.type


@frozen(kw_only=True, eq=False, repr=False)
class ForeignKey(Value):
    """The referenced side of a foreign key; actions are "no action", "restrict", "cascade", "set null", "set
    default"."""

    relation: int
    columns: tuple[int, ...]
    match: str = "simple"
    on_update: str = "no action"
    on_delete: str = "no action"
    set_columns: tuple[int, ...] = ()


@frozen(kw_only=True, eq=False, repr=False)
class Constraint(Value):
    """``kind``: "check", "foreign key", "primary key", "unique"; ``columns`` are attribute numbers."""

    oid: int
    name: str
    kind: str
    columns: tuple[int, ...] = ()
    expression: str | None = None
    index: int | None = None
    foreign: ForeignKey | None = None
    deferrable: bool = False
    initially_deferred: bool = False
    validated: bool = True
    no_inherit: bool = False
    comment: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class IndexKey(Value):
    """One key of an index: a column by attribute number, or an expression's SQL text with its type."""

    column: int | None = None
    expression: str | None = None
    type: str = ""
    operator_class: str | None = None
    collation: str | None = None
    descending: bool = False
    nulls_first: bool = False


@frozen(kw_only=True, eq=False, repr=False)
class Index(Value):
    """An index on ``relation``."""

    oid: int
    schema: str
    name: str
    relation: int
    method: str = "btree"
    keys: tuple[IndexKey, ...]
    include: tuple[int, ...] = ()
    unique: bool = False
    deferrable: bool = False
    initially_deferred: bool = False
    primary: bool = False
    nulls_not_distinct: bool = False
    predicate: str | None = None
    options: tuple[tuple[str, Any], ...] = ()
    constraint: int | None = None
    valid: bool = True
    comment: str | None = None
    owner_package: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class Relation(Value):
    """A table, view or sequence. ``kind``: "table", "view", "materialized view", "sequence".

    ``persistence``: "permanent", "temporary" or "unlogged". ``query`` is a view's SQL text, bound with ``search_path``.
    ``version`` is the number of this definition: it changes whenever the object, its indexes or constraints do.
    ``on_commit``: "drop" or "delete rows" of temporary tables. ``dependencies`` of a view are the (relation OID,
    attribute number or 0 for the whole) pairs that its query uses. ``acl`` is as in ``catalog/access.py``, None: the
    default.
    """

    oid: int
    schema: str
    name: str
    kind: str = "table"
    columns: tuple[ColumnDefinition, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[Index, ...] = ()
    owner: int = OWNER
    persistence: str = "permanent"
    query: str | None = None
    search_path: tuple[str, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()
    comment: str | None = None
    version: int = 0
    sequence: SequenceOptions | None = None
    on_commit: str | None = None
    dependencies: tuple[tuple[int, int], ...] = ()
    acl: tuple[tuple[int, int, str, str], ...] | None = None
    owner_package: str | None = None

    def column(self, name: str) -> ColumnDefinition | None:
        """Return the live column with this name, or None."""
        for column in self.columns:
            if column.name == name and not column.dropped:
                return column
        return None


@frozen(kw_only=True, eq=False, repr=False)
class SequenceOptions(Value):
    """A sequence's parameters; ``owned_by`` is (relation OID, attribute number), ``identity`` where an identity
    column has it.

    ``storage`` names the counter: it is new whenever the sequence starts anew, so that a restart is undone with its
    transaction. ``restart`` is the first value of that counter where it is not ``start``.
    """

    type: str = "int8"
    start: int = 1
    increment: int = 1
    minimum: int = 1
    maximum: int = 2**63 - 1
    cache: int = 1
    cycle: bool = False
    owned_by: tuple[int, int] | None = None
    identity: bool = False
    storage: int = 0
    restart: int | None = None


@frozen(kw_only=True, eq=False, repr=False)
class Attribute(Value):
    """A field of a composite type."""

    name: str
    type: str
    typmod: int = -1
    collation: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class DomainCheck(Value):
    """A CHECK of a domain; ``expression`` is SQL text about VALUE."""

    oid: int
    name: str
    expression: str
    validated: bool = True


@frozen(kw_only=True, eq=False, repr=False)
class DataType(Value):
    """A type that SQL made. ``kind``: "enum" (``labels`` in order), "composite" (``attributes``) or "domain".

    A domain is over ``base`` with ``typmod``; ``default`` is SQL text. ``version`` changes with the definition.
    """

    oid: int
    array_oid: int
    schema: str
    name: str
    kind: str
    owner: int = OWNER
    labels: tuple[str, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    base: str | None = None
    typmod: int = -1
    not_null: bool = False
    default: str | None = None
    checks: tuple[DomainCheck, ...] = ()
    collation: str | None = None
    comment: str | None = None
    version: int = 0

    @property
    def internal_name(self) -> str:
        """The name by which columns and expressions refer to the type: it stays when the type is renamed."""
        return f"#{self.oid}"


@frozen(kw_only=True, eq=False, repr=False)
class Schema(Value):
    """A namespace; ``acl`` as in ``catalog/access.py``, None: the default."""

    oid: int
    name: str
    owner: int = OWNER
    acl: tuple[tuple[int, int, str, str], ...] | None = None
    comment: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class Membership(Value):
    """That a role is a member of ``role``; with ``admin`` it may make others members. All are OIDs."""

    role: int
    grantor: int
    admin: bool = False


@frozen(kw_only=True, eq=False, repr=False)
class Role(Value):
    """A role; the defaults are those of the one that a database begins with.

    ``verifier`` is what is kept of its password (``heliosdb.passwords``), good until ``valid_until``, a timestamptz.
    ``connection_limit`` -1: none. ``settings`` are (name, text) with which its sessions begin.
    """

    oid: int
    name: str
    superuser: bool = True
    inherit: bool = True
    createrole: bool = True
    createdb: bool = True
    login: bool = True
    replication: bool = True
    bypassrls: bool = True
    connection_limit: int = -1
    verifier: str | None = field(default=None, repr=False)
    valid_until: int | None = None
    settings: tuple[tuple[str, str], ...] = ()
    memberships: tuple[Membership, ...] = ()
    comment: str | None = None


@frozen(kw_only=True, eq=False, repr=False)
class Extension(Value):
    """A plugin that CREATE EXTENSION declared to be needed."""

    oid: int
    name: str
    package: str
    version: str
    schema: str = "public"
    options: tuple[tuple[str, Any], ...] = field(default=())
