"""The types of one catalog state on top of the registered ones: enums, domains and composite types that SQL made, and
the row types of relations.

A type of the catalog has an internal name made of its number, ``#16390``, so that columns and stored plans go on
meaning it whatever it is renamed to; its array is ``_#16390``. The row type of a relation is named by the relation's
number in the same way. Everything is made when it is first asked for: a catalog of thousands of tables costs nothing
here until somebody writes ``'(1,a)'::t``.

    CatalogTypes(registered, snapshot, search_path)
        names with a number   ─►  made from the snapshot's definition, kept
        everything else       ─►  the registered types, their functions included

A domain's conditions are checked by whatever makes its values: ``check`` gives the function, which is compiled by the
first value that meets it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from attrs import evolve

from heliosdb.catalog.definitions import DataType, Relation
from heliosdb.errors import UndefinedObject
from heliosdb.types.definitions import Type, resolve_implementation
from heliosdb.types.identifiers import quote_identifier
from heliosdb.types.registry import TypeRegistry, array_name

if TYPE_CHECKING:
    from heliosdb.catalog.view import CatalogSnapshot

__all__ = ["ROW_TYPES", "CatalogTypes", "DomainChecker", "is_of_catalog", "over_domains", "row_type_name"]

ROW_TYPES = 1 << 29
"""What a relation's OID is raised by to give its row type's; twice that gives the array's."""

CHECKS = "heliosdb.commands.domains:compile_checks"


def over_domains(columns: tuple[Any, ...], types: Any) -> tuple[Any, ...]:
    """Return result columns with those of domains described as of the types below, as clients expect."""
    if not any(column.type.startswith("#") for column in columns):
        return columns
    made = []
    for column in columns:
        domain = types.definition(column.type)
        while domain is not None and domain.kind == "domain":
            column = evolve(column, type=domain.base, typmod=domain.typmod)
            domain = types.definition(column.type)
        made.append(column)
    return tuple(made)


def is_of_catalog(name: str) -> bool:
    """Return whether an internal name is one of a type of the catalog, or of an array of such."""
    return name.startswith(("#", "_#"))


def row_type_name(oid: int) -> str:
    """Return the internal name of a relation's row type."""
    return f"#{oid}"


class DomainChecker:
    """Lets a value pass that satisfies a domain's conditions, those of domains below it first; raises for others."""

    def __init__(self, definition: DataType) -> None:
        self.definition = definition
        self._checks: WeakKeyDictionary[Any, Callable[[Any, Any], None]] = WeakKeyDictionary()

    def __call__(self, value: Any, session: Any) -> Any:
        checks = self._checks.get(session)
        if checks is None:
            # What the conditions call may ask its session, and plans are shared by sessions.
            checks = self._checks[session] = resolve_implementation(CHECKS)(session, self.definition)
        checks(value, session)
        return value


class CatalogTypes(TypeRegistry):
    """See the module. ``search_path`` decides which types are found, and shown, without their schema."""

    def __init__(self, registered: TypeRegistry, catalog: CatalogSnapshot, search_path: Iterable[str] = ()) -> None:
        super().__init__(below=registered)
        self.registered = registered
        self.catalog = catalog
        self.search_path = tuple(search_path)
        self._checkers: dict[str, DomainChecker] = {}

    # -- look-up ---------------------------------------------------------------------------------------------------

    def find(self, name: str) -> Type | None:
        if not is_of_catalog(name):
            return self.registered.find(name)
        found = self._names.get(name)
        if found is None and self._make(int(name.lstrip("_#"))):
            found = self._names.get(name)
        return found

    def by_oid(self, oid: int) -> Type:
        found = self._oids.get(oid)
        if found is not None:
            return found
        try:
            return self.registered.by_oid(oid)
        except UndefinedObject:
            number = oid & ~(ROW_TYPES * 2) & ~ROW_TYPES
            if not self._make(number):
                for definition in self.catalog.types():
                    if definition.array_oid == oid:
                        self._make(definition.oid)
            if oid in self._oids:
                return self._oids[oid]
            raise

    def resolve(self, names: tuple[str, ...]) -> Type | None:
        *qualification, name = names
        if not qualification or qualification[-1] == "pg_catalog":
            found = self.registered.resolve(names)
            if found is not None:
                return found
        schema = qualification[-1] if qualification else None
        schemas = (schema,) if schema is not None else self.search_path
        for candidate in schemas:
            definition = self.catalog.lookup_type(candidate, name)
            if definition is not None:
                return self.find(definition.internal_name)
            relation = self.catalog.lookup_relation(candidate, name)
            if relation is not None and relation.kind != "sequence":
                return self.find(row_type_name(relation.oid))
        return self.registered.resolve(names) if qualification else None

    def definition(self, name: str) -> DataType | None:
        """Return the definition of a type that SQL made, None for any other."""
        if not name.startswith("#"):
            return None
        found = self.catalog.object_by_oid(int(name[1:]))
        return found if isinstance(found, DataType) else None

    def sql_name(self, name: str) -> str:
        """Return a type's name as pg_type has it."""
        array, number, oid = name.partition("#")
        found = self.catalog.object_by_oid(int(oid)) if number else None
        return name if found is None else f"{array}{found.name}"

    def field_typmods(self, name: str) -> tuple[int, ...]:
        """Return the type modifiers of a composite type's fields."""
        found = self.catalog.object_by_oid(int(name[1:])) if name.startswith("#") else None
        if isinstance(found, DataType):
            return tuple([attribute.typmod for attribute in found.attributes])
        if isinstance(found, Relation):
            return tuple([column.typmod for column in found.columns if not column.dropped])
        return super().field_typmods(name)

    def __iter__(self) -> Iterator[Type]:
        yield from self.registered
        for definition in self.catalog.types():
            for name in (definition.internal_name, array_name(definition.internal_name)):
                found = self.find(name)
                if found is not None:
                    yield found

    def __len__(self) -> int:
        return sum(1 for _ in self)

    # -- making ----------------------------------------------------------------------------------------------------

    def _make(self, number: int) -> bool:
        found = self.catalog.object_by_oid(number)
        if isinstance(found, DataType):
            self._add(self._of_definition(found))
        elif isinstance(found, Relation) and found.kind != "sequence":
            self._add(self._of_relation(found))
        else:
            return False
        return True

    def _display(self, schema: str, name: str) -> str:
        shown = quote_identifier(name)
        for candidate in self.search_path:
            if (
                self.catalog.lookup_type(candidate, name) is not None
                or self.catalog.lookup_relation(candidate, name) is not None
                or (candidate == "pg_catalog" and self.registered.find(name) is not None)
            ):
                return shown if candidate == schema else f"{quote_identifier(schema)}.{shown}"
        return f"{quote_identifier(schema)}.{shown}"

    def _of_definition(self, definition: DataType) -> Type:
        name, display = definition.internal_name, self._display(definition.schema, definition.name)
        oids: dict[str, Any] = {"oid": definition.oid, "array_oid": definition.array_oid, "schema": definition.schema}
        if definition.kind == "enum":
            return Type(name, display, category="E", length=4, kind="enum", labels=definition.labels, **oids)
        if definition.kind == "composite":
            fields = tuple((attribute.name, attribute.type) for attribute in definition.attributes)
            return Type(name, display, category="C", kind="composite", attributes=fields, needs_session=True, **oids)
        base = self.by_name(definition.base or "")
        return Type(
            name,
            display,
            category=base.category,
            length=base.length,
            element=base.name,
            kind="domain",
            delimiter=base.delimiter,
            collatable=base.collatable,
            needs_session=True,
            **oids,
        )

    def _of_relation(self, relation: Relation) -> Type:
        return Type(
            row_type_name(relation.oid),
            self._display(relation.schema, relation.name),
            oid=relation.oid + ROW_TYPES,
            array_oid=relation.oid + ROW_TYPES * 2,
            category="C",
            kind="composite",
            schema=relation.schema,
            needs_session=True,
            attributes=tuple((column.name, column.type) for column in relation.columns if not column.dropped),
        )

    # -- functions -------------------------------------------------------------------------------------------------

    def check(self, name: str) -> DomainChecker | None:
        """Return what lets a domain's values pass, or None where the type is no domain of the catalog."""
        definition = self.definition(name)
        if definition is None or definition.kind != "domain":
            return None
        found = self._checkers.get(name)
        if found is None:
            found = self._checkers[name] = DomainChecker(definition)
        return found

    def _adapter(self, name: str, which: str, adapt: Any) -> Any:
        if not is_of_catalog(name):
            return self.registered._adapter(name, which, adapt)
        key = (name, which)
        if key not in self._adapters and which == "input":
            checker = self.check(name)
            if checker is not None:
                self._adapters[key] = self._of_domain(checker, super()._adapter(name, which, adapt))
            elif self.by_name(name).kind == "composite":
                self._adapters[key] = self._with_lengths(name, super()._adapter(name, which, adapt))
        return super()._adapter(name, which, adapt)

    def _with_lengths(self, name: str, read: Callable[..., Any]) -> Callable[..., Any]:
        """Return a row type's input with the fields' length coercions."""
        typmods = self.field_typmods(name)
        lengths = [
            None if typmod < 0 else self.coerce_typmod(type_name)
            for typmod, (_, type_name) in zip(typmods, self.by_name(name).attributes, strict=True)
        ]
        if not any(lengths):
            return read

        def row_in(text: str, typmod: int = -1, session: Any = None) -> Any:
            return tuple(
                [
                    field if field is None or length is None else length(field, modifier, False)
                    for field, length, modifier in zip(read(text, typmod, session), lengths, typmods, strict=True)
                ]
            )

        return row_in

    def _of_domain(self, checker: DomainChecker, read: Callable[..., Any]) -> Callable[..., Any]:
        definition = checker.definition
        typmod = definition.typmod
        length = self.coerce_typmod(definition.base or "") if typmod >= 0 else None

        def domain_in(text: str, _: int = -1, session: Any = None) -> Any:
            value = read(text, typmod, session)
            if length is not None:
                value = length(value, typmod, False)
            return checker(value, session)

        return domain_in

    def _own(self, type_: Type, which: str) -> Any:
        return super()._own(type_, which) if is_of_catalog(type_.name) else self.registered._own(type_, which)

    def ordering(self, name: str) -> Any:
        # What an anonymous row holds may be of these types.
        own = is_of_catalog(name) or name in ("record", "_record")
        return super().ordering(name) if own else self.registered.ordering(name)
