"""Collecting registrations: which registry each hook fills, under which key, and how the whole is frozen.

``SLOTS`` is the table of it. ``Collector`` holds the open registries while plugins load; ``freeze`` turns them into the
``Registries`` that everything else reads.

A plugin's registrations refer to each other, and to other plugins', by name. Names can only be checked when all
plugins are in, so ``problem_of`` is asked then, and what a plugin that does not hold up had registered is taken back;
since another plugin may have relied on it, the host asks again until nothing changes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any

from attrs import frozen

from heliosdb.catalog import registrations
from heliosdb.catalog.registries import CatalogView, PluginStatus, Registries, Setting
from heliosdb.errors import DuplicateObject, InvalidObjectDefinition, UndefinedFunction, UndefinedObject
from heliosdb.registry import LazyMapping, Registry
from heliosdb.types import definitions
from heliosdb.types.definitions import resolve_implementation
from heliosdb.types.registry import TypeRegistry, array_name

__all__ = ["CORE", "SLOTS", "Collector", "Slot", "ordered_rules"]

CORE = "core"
"""The name of the plugin that the core itself is."""

POLYMORPHIC = frozenset(
    [
        "any",
        "anyelement",
        "anyarray",
        "anynonarray",
        "anyenum",
        "anyrange",
        "anymultirange",
        "anycompatible",
        "anycompatiblearray",
        "anycompatiblenonarray",
        "anycompatiblerange",
        "anycompatiblemultirange",
        "record",
        "cstring",
        "void",
        "trigger",
        "unknown",
        "internal",
    ]
)


@frozen
class Slot:
    """What one registration hook gives: the registry's name, what errors call a value, its classes and its key."""

    registry: str
    kind: str
    classes: tuple[type, ...]
    key: Callable[[Any], Hashable]


def _name(value: Any) -> Hashable:
    return value.name  # type: ignore[no-any-return]


def _qualified(value: Any) -> Hashable:
    return (value.schema, value.name)


def _routine(value: Any) -> Hashable:
    return (value.schema, value.name, value.arguments)


def _operator(value: Any) -> Hashable:
    return (value.schema, value.name, (value.left, value.right))


def _operator_class(value: Any) -> Hashable:
    return (value.schema, value.name, (value.access_method, value.type))


def _cast(value: Any) -> Hashable:
    return (value.source, value.target)


_FUNCTION_CLASSES = (
    definitions.ScalarFunction,
    definitions.Aggregate,
    definitions.WindowFunction,
    definitions.TableFunction,
)

SLOTS: dict[str, Slot] = {
    "register_types": Slot("types", "type", (definitions.Type,), _name),
    "register_casts": Slot("casts", "cast", (definitions.Cast,), _cast),
    "register_collations": Slot("collations", "collation", (definitions.Collation,), _name),
    "register_functions": Slot("functions", "function", _FUNCTION_CLASSES, _routine),
    "register_operators": Slot("operators", "operator", (definitions.Operator,), _operator),
    "register_access_methods": Slot("access_methods", "access method", (object,), _name),
    "register_operator_classes": Slot(
        "operator_classes", "operator class", (definitions.OperatorClass,), _operator_class
    ),
    "register_statements": Slot("statements", "statement", (registrations.Statement,), _name),
    "register_clauses": Slot("clauses", "clause", (registrations.Clause,), _name),
    "register_column_options": Slot("column_options", "column option", (registrations.ColumnOption,), _name),
    "register_relation_options": Slot("relation_options", "relation option", (registrations.RelationOption,), _name),
    "register_stored_forms": Slot("stored_forms", "stored form", (registrations.StoredForm,), _name),
    "register_relation_resolvers": Slot(
        "relation_resolvers", "relation resolver", (registrations.RelationResolver,), _name
    ),
    "register_planner_rules": Slot("planner_rules", "planner rule", (registrations.PlannerRule,), _name),
    "register_physical_operators": Slot(
        "physical_operators", "physical operator", (registrations.PhysicalOperator,), lambda value: value.node
    ),
    "register_catalog_views": Slot("catalog_views", "catalog view", (CatalogView,), _qualified),
    "register_settings": Slot("settings", "setting", (Setting,), lambda value: value.name.lower()),
    "register_background_workers": Slot(
        "background_workers", "background worker", (registrations.BackgroundWorker,), _name
    ),
    "register_database_methods": Slot("database_methods", "database method", (registrations.DatabaseMethod,), _name),
    "register_commands": Slot("commands", "command", (registrations.Command,), _name),
    "register_meta_commands": Slot("meta_commands", "meta-command", (registrations.MetaCommand,), _name),
    "register_demos": Slot("demos", "demo", (registrations.Demo,), _name),
}


class Collector:
    """The open registries of a database that is being opened, one for each entry of ``SLOTS``."""

    def __init__(self) -> None:
        self.registries: dict[str, Registry[Any]] = {slot.registry: Registry(slot.kind) for slot in SLOTS.values()}
        self.extra: dict[str, list[tuple[str, Any]]] = {}

    def add(self, hook: str, values: Iterable[Any] | None, owner: str) -> None:
        """Register what a plugin's hook returned; DuplicateObject, InvalidObjectDefinition for what is not what it
        should be."""
        if values is None:
            return
        slot = SLOTS.get(hook)
        if slot is None:
            self.extra.setdefault(hook, []).extend((owner, value) for value in values)
            return
        registry = self.registries[slot.registry]
        for value in values:
            if not isinstance(value, slot.classes):
                raise InvalidObjectDefinition(
                    f'{hook} of plugin "{owner}" gave a {type(value).__name__}, not a {slot.classes[0].__name__}'
                )
            registry.add(slot.key(value), value, owner)
            if owner != CORE:
                self._check_soundness(hook, slot, value, owner)

    def _check_soundness(self, hook: str, slot: Slot, value: Any, owner: str) -> None:
        from heliosdb.plugin.soundness import check_implementations, check_meta_command

        check_implementations(value, slot.kind)
        if hook == "register_meta_commands":
            registered = self.registries[slot.registry]
            owners = {str(key): registered.owner_of(key) or CORE for key, _ in registered.items()}
            check_meta_command(value, owner, {str(key): other for key, other in registered.items()}, owners)

    def remove(self, owner: str) -> None:
        """Take back everything that a plugin registered."""
        for registry in self.registries.values():
            registry.remove_owner(owner)
        for values in self.extra.values():
            values[:] = [pair for pair in values if pair[0] != owner]

    def registered_by(self, owner: str) -> tuple[tuple[str, str], ...]:
        """Return (registry, spelled key) for everything that a plugin registered."""
        return tuple(
            (name, _spelled(key)) for name, registry in self.registries.items() for key in registry.keys_of(owner)
        )

    # -- checks ----------------------------------------------------------------------------------------------------

    def check(self, owner: str) -> None:
        """Check that what a plugin's registrations refer to by name exists; UndefinedObject and kin when not."""
        for registry, check in (
            ("functions", self._check_function),
            ("operators", self._check_operator),
            ("operator_classes", self._check_operator_class),
            ("casts", self._check_cast),
            ("catalog_views", self._check_view),
            ("stored_forms", lambda form: self._check_type(form.type, f"stored form {form.name}")),
        ):
            open_registry = self.registries[registry]
            for key in open_registry.keys_of(owner):
                check(open_registry[key])
        _check_words(self.registries["statements"], owner)

    def _check_type(self, name: str, used_by: str) -> None:
        types = self.registries["types"]
        if name in types or name in POLYMORPHIC:
            return
        if name.startswith("_") and any(array_name(base) == name for base in (name[1:],) if base in types):
            return
        raise UndefinedObject(f'type "{name}" does not exist (named by {used_by})')

    def _check_function(self, value: Any) -> None:
        for name in (*value.arguments, value.returns, *(name for _, name in getattr(value, "columns", ()))):
            self._check_type(name, f"function {value.name}")

    def _check_operator(self, value: Any) -> None:
        arguments = tuple(name for name in (value.left, value.right) if name is not None)
        for name in (*arguments, value.returns):
            self._check_type(name, f"operator {value.name}")
        candidates = [
            function
            for function in self.registries["functions"]
            if function.name == value.function and len(function.arguments) == len(arguments)
        ]
        if not candidates:
            raise UndefinedFunction(
                f"function {value.function}({', '.join(arguments)}) does not exist (operator {value.name})"
            )

    def _check_operator_class(self, value: Any) -> None:
        self._check_type(value.type, f"operator class {value.name}")
        # "hash" is no access method of its own: its classes say how values are grouped.
        if value.access_method not in self.registries["access_methods"] and value.access_method != "hash":
            raise UndefinedObject(f'access method "{value.access_method}" does not exist (operator class {value.name})')
        known = {operator.name for operator in self.registries["operators"]}
        for operator in (*value.operators.values(), *value.ordering_operators):
            if operator not in known:
                raise UndefinedFunction(f"operator {operator} does not exist (named by operator class {value.name})")

    def _check_cast(self, value: Any) -> None:
        self._check_type(value.source, "a cast")
        self._check_type(value.target, "a cast")

    def _check_view(self, value: Any) -> None:
        for _, name in value.columns:
            self._check_type(name, f"catalog view {value.name}")

    # -- freezing --------------------------------------------------------------------------------------------------

    def freeze(
        self, plugins: tuple[PluginStatus, ...], lifecycle: Mapping[str, tuple[Callable[..., Any], ...]]
    ) -> Registries:
        """Close the registries and return the frozen whole."""
        frozen_values: dict[str, dict[Any, Any]] = {
            name: registry.freeze() for name, registry in self.registries.items()
        }
        classes = _grouped(frozen_values["operator_classes"].values(), lambda value: (value.access_method, value.type))
        statements = frozen_values["statements"]
        return Registries(
            types=TypeRegistry(frozen_values["types"].values(), classes),
            functions=_grouped(frozen_values["functions"].values(), _name),
            operators=_grouped(frozen_values["operators"].values(), _name),
            casts=frozen_values["casts"],
            operator_classes=classes,
            collations=frozen_values["collations"],
            settings=frozen_values["settings"],
            catalog_views=frozen_values["catalog_views"],
            access_methods=LazyMapping(frozen_values["access_methods"], _access_method),
            statements=LazyMapping(statements, lambda value: resolve_implementation(value.execute)),
            extension_statements={name: value for name, value in statements.items() if value.parse is not None},
            clauses=frozen_values["clauses"],
            column_options=frozen_values["column_options"],
            relation_options=frozen_values["relation_options"],
            stored_forms=frozen_values["stored_forms"],
            relation_resolvers=tuple(
                sorted(frozen_values["relation_resolvers"].values(), key=lambda value: value.name)
            ),
            planner_rules=ordered_rules(frozen_values["planner_rules"].values()),
            physical_operators=_ByClass(frozen_values["physical_operators"]),
            background_workers=frozen_values["background_workers"],
            database_methods=frozen_values["database_methods"],
            commands=frozen_values["commands"],
            meta_commands=frozen_values["meta_commands"],
            demos=frozen_values["demos"],
            make_grammar=lambda: _grammar(statements.values(), frozen_values["clauses"].values()),
            owners=_Owners(self.registries),
            plugins=plugins,
            lifecycle=lifecycle,
            extra={hook: tuple(value for _, value in values) for hook, values in self.extra.items()},
        )


def _grammar(statements: Iterable[Any], clauses: Iterable[Any]) -> Any:
    from heliosdb.plugin.grammar import extended_grammar

    return extended_grammar(statements, clauses)


def _access_method(value: Any) -> Any:
    return resolve_implementation(value.factory)() if isinstance(value, registrations.AccessMethodFactory) else value


def _spelled(key: Any) -> str:
    match key:
        case (schema, name, tuple(arguments)):
            listed = ", ".join(str(argument) for argument in arguments if argument is not None)
            return f"{name}({listed})" if schema == "pg_catalog" else f"{schema}.{name}({listed})"
        case (first, second):
            return f"{first}.{second}"
    return str(key)


def _grouped(values: Iterable[Any], key: Callable[[Any], Any]) -> dict[Any, tuple[Any, ...]]:
    groups: dict[Any, list[Any]] = {}
    for value in values:
        groups.setdefault(key(value), []).append(value)
    return {name: tuple(members) for name, members in groups.items()}


def _check_words(statements: Registry[Any], owner: str) -> None:
    """Check that the words by which a plugin's statements begin are claimed once, and by a statement that can be
    parsed."""
    claims: dict[tuple[str, ...], str] = {}
    for key, value in statements.items():
        if value.parse is None:
            if statements.owner_of(key) == owner != CORE:
                raise InvalidObjectDefinition(f'statement "{value.name}" has no parse function')
            continue
        words = tuple(word.lower() for word in value.words)
        if not words:
            raise InvalidObjectDefinition(f'statement "{value.name}" claims no words')
        if words in claims and statements.owner_of(key) == owner:
            first, second = statements.owner_of(claims[words]), statements.owner_of(key)
            raise DuplicateObject(
                f"statements beginning with {' '.join(words).upper()} are registered "
                f'by plugin "{first}" and by plugin "{second}"'
            )
        claims[words] = value.name


def ordered_rules(rules: Iterable[Any]) -> tuple[Any, ...]:
    """Order planner rules by ``before`` and ``after``, otherwise as registered; InvalidObjectDefinition on a cycle."""
    remaining = {rule.name: rule for rule in rules}
    follows: dict[str, set[str]] = {name: set() for name in remaining}
    for rule in remaining.values():
        for name in rule.after:
            if name in remaining:
                follows[rule.name].add(name)
        for name in rule.before:
            if name in remaining:
                follows[name].add(rule.name)
    ordered: list[Any] = []
    while remaining:
        ready = next((name for name in remaining if not follows[name] & remaining.keys()), None)
        if ready is None:
            raise InvalidObjectDefinition(
                f"planner rules {', '.join(sorted(remaining))} each want to run before the others"
            )
        ordered.append(remaining.pop(ready))
    return tuple(ordered)


class _ByClass(Mapping[type, Any]):
    """Emitters by plan node class, where registrations name the class by import string."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._by_name = LazyMapping(values, lambda value: resolve_implementation(value.emit))

    def __getitem__(self, node: type) -> Any:
        return self._by_name[f"{node.__module__}:{node.__qualname__}"]

    def __iter__(self) -> Iterator[type]:
        return (resolve_implementation(name) for name in self._by_name)  # type: ignore[misc]

    def __len__(self) -> int:
        return len(self._by_name)


class _Owners(Mapping[tuple[str, Any], str]):
    """Which plugin registered a key of a registry, read from the registries' own books."""

    def __init__(self, registries: Mapping[str, Registry[Any]]) -> None:
        self._registries = registries

    def __getitem__(self, key: tuple[str, Any]) -> str:
        registry = self._registries.get(key[0])
        owner = None if registry is None else registry.owner_of(key[1])
        if owner is None:
            raise KeyError(key)
        return owner

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return ((name, key) for name, registry in self._registries.items() for key, _ in registry.items())

    def __len__(self) -> int:
        return sum(len(registry) for registry in self._registries.values())
