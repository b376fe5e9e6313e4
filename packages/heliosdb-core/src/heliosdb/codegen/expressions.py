"""Expressions become Python expressions, with SQL's three-valued logic written out only where NULL can occur.

Each bound expression can be asked for in three forms:

* ``value``: a Python expression whose value is the datum or None;
* ``test``: one that is truthy exactly if the SQL value is TRUE (WHERE, ON, FILTER, CHECK's opposite);
* ``fails``: one that is truthy exactly if the SQL value is FALSE.

So ``NOT (a < 5 AND b IS NULL)`` in WHERE becomes ``(a is not None and not a < 5) or b is not None``: no third value
is ever made. A strict function of columns that cannot be NULL is called, or its template is inlined, without any check.

Python refuses source that nests too deep, so a subtree below ``MAX_DEPTH`` levels becomes a function of its own that
gets the columns it reads as arguments; a correlated subquery is such a function too (``codegen/subqueries.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from heliosdb import errors
from heliosdb.codegen import runtime
from heliosdb.codegen.source import Function, Source
from heliosdb.plan import expressions as ex
from heliosdb.types.composite import as_element, record_class
from heliosdb.types.definitions import CallTypes, OperatorClass, ScalarFunction, resolve_implementation

if TYPE_CHECKING:
    from heliosdb.catalog.registries import Registries

MAX_DEPTH = 25

Binding = Callable[[int], str]
"""How a source's column is read: index -> source text (an atom)."""


def row_binding(variable: str) -> Binding:
    """Columns of a row tuple held in a variable."""
    return lambda index: f"{variable}[{index}]" if index >= 0 else _pseudo(variable, index)


def _pseudo(variable: str, index: int) -> str:
    return f"i_{variable}" if index == -1 else variable


def local_binding(names: dict[int, str]) -> Binding:
    """Columns held in local variables (or other atoms), by index."""
    return lambda index: names[index]


class Expressions:
    """Emits expressions of one statement. ``bindings`` says how to read each source at the current place."""

    def __init__(self, source: Source, registries: Registries) -> None:
        self.source = source
        self.registries = registries
        self.bindings: dict[int, Binding] = {}
        self.definitions: list[Function] = []
        """Functions that have to stand before the main function's body."""
        self.head: list[str] = []
        """Lines for the head of the main function."""
        self.uses_session = False
        self.depth = 0
        self._case_operands: list[str] = []
        self._elements: list[Callable[[int], str]] = []
        self._parameters: dict[int, str] = {}
        self._slots: dict[int, str] = {}
        self.known_slots: tuple[Any, ...] | None = None
        """The datums of the literal slots, where the code serves one text only."""
        self.subquery: Callable[[ex.Subquery, str], str] = self._no_subquery

    # -- the three forms -------------------------------------------------------------------------------------------

    def value(self, node: ex.Expression) -> str:
        """Return source for the datum."""
        emit = _VALUES.get(type(node))
        if emit is None:
            raise errors.InternalFailure(f"no code generation for {type(node).__name__}")
        if self.depth >= MAX_DEPTH and not isinstance(node, ex.Column | ex.Constant | ex.Parameter):
            return self._outline(node, "value")
        self.depth += 1
        try:
            return emit(self, node)
        finally:
            self.depth -= 1

    def test(self, node: ex.Expression) -> str:
        """Return source that is truthy exactly if the expression is TRUE."""
        return self._truth(node, _TESTS, "test", lambda: self.value(node))

    def fails(self, node: ex.Expression) -> str:
        """Return source that is truthy exactly if the expression is FALSE."""
        return self._truth(
            node,
            _FAILS,
            "fails",
            lambda: f"{self.value(node)} is False" if node.nullable else f"not {self.value(node)}",
        )

    def _truth(
        self, node: ex.Expression, table: dict[type, Callable[..., str]], form: str, default: Callable[[], str]
    ) -> str:
        if self.depth >= MAX_DEPTH and not isinstance(node, ex.Column | ex.Constant | ex.Parameter):
            return self._outline(node, form)
        self.depth += 1
        try:
            emit = table.get(type(node))
            return f"({emit(self, node)})" if emit is not None else f"({default()})"
        finally:
            self.depth -= 1

    def forget_constants(self) -> None:
        """Forget which parameters and slots the head fetches (after lines were taken out of it again)."""
        self._parameters.clear()
        self._slots.clear()

    # -- helpers for emitters --------------------------------------------------------------------------------------

    def temporary(self) -> str:
        """Return a fresh local name."""
        return self.source.fresh("t")

    def bind(self, value: Any, prefix: str = "k") -> str:
        """Return source text for an object."""
        return self.source.bind(value, prefix)

    def session(self) -> str:
        """Return the name of the session, and have it set in the head."""
        self.uses_session = True
        return "session"

    @contextmanager
    def bound(self, bindings: dict[int, Binding]) -> Iterator[None]:
        """Read the given sources as told while the block runs."""
        saved = self.bindings
        self.bindings = saved | bindings
        try:
            yield
        finally:
            self.bindings = saved

    @contextmanager
    def elements(self, read: Callable[[int], str]) -> Iterator[None]:
        """Read ``Element`` expressions as told while the block runs."""
        self._elements.append(read)
        try:
            yield
        finally:
            self._elements.pop()

    def column(self, node: ex.Column) -> str:
        """Return how a column is read at the current place."""
        try:
            return self.bindings[node.source](node.index)
        except KeyError:
            raise errors.InternalFailure(
                f"column {node.name!r} of source {node.source} is not available here"
            ) from None

    def hashed(self, node: ex.Expression, operator_class: OperatorClass | None) -> str:
        """Return source of the value's hash key (None stays None)."""
        text = self.value(node)
        if operator_class is None or operator_class.identity or operator_class.hash_key is None:
            return text
        return self._keyed(node, text, resolve_implementation(operator_class.hash_key))

    def sorted_by(self, node: ex.Expression, operator_class: OperatorClass) -> str:
        """Return source of the value's sort key (None stays None)."""
        text = self.value(node)
        if operator_class.identity or operator_class.sort_key is None:
            return text
        return self._keyed(node, text, resolve_implementation(operator_class.sort_key))

    def _keyed(self, node: ex.Expression, text: str, function: Callable[[Any], Any]) -> str:
        name = self.bind(function, "f")
        if not node.nullable:
            return f"{name}({text})"
        if not is_atom(text):
            temporary = self.temporary()
            return f"(None if ({temporary} := {text}) is None else {name}({temporary}))"
        return f"(None if {text} is None else {name}({text}))"

    def define(self, prefix: str, nodes: list[ex.Expression], body: Callable[[Function], None]) -> str:
        """Write a function of the columns that ``nodes`` read; return source of a call of it at the current place."""
        columns = list({(c.source, c.index): c for node in nodes for c in outer_columns(node)}.values())
        actual = [self.column(column) for column in columns]
        formal = [self.source.fresh("a") for _ in columns]
        names: dict[int, dict[int, str]] = {}
        for column, name in zip(columns, formal, strict=True):
            names.setdefault(column.source, {})[column.index] = name
        if self._case_operands:
            operand = self.source.fresh("a")
            actual.append(self._case_operands[-1])
            formal.append(operand)
        element_names: dict[int, str] = {}
        if self._elements:
            for index in sorted({i for node in nodes for i in _element_indexes(node)}):
                actual.append(self._elements[-1](index))
                element_names[index] = self.source.fresh("a")
                formal.append(element_names[index])
        function = Function(self.source, self.source.fresh(prefix), ", ".join(formal))
        saved = self.bindings, self.depth, self._case_operands, self._elements
        self.bindings = {source: local_binding(indexes) for source, indexes in names.items()}
        self.depth = 0
        if self._case_operands:
            self._case_operands = [formal[len(columns)]]
        if element_names:
            self._elements = [element_names.__getitem__]
        try:
            body(function)
        finally:
            self.bindings, self.depth, self._case_operands, self._elements = saved
        self.definitions.append(function)
        return f"{function.name}({', '.join(actual)})"

    def _outline(self, node: ex.Expression, form: str) -> str:
        def body(function: Function) -> None:
            function.line(f"return {getattr(self, form)(node)}")

        return self.define("e", [node], body)

    def _no_subquery(self, node: ex.Subquery, form: str) -> str:
        raise errors.FeatureNotSupported("cannot use a subquery here", position=node.position)

    # -- arguments and NULL ----------------------------------------------------------------------------------------

    def arguments(self, nodes: tuple[ex.Expression, ...]) -> tuple[list[str], list[str]]:
        """Return (atoms, conditions): each argument as an atom, and what must hold for none of them to be NULL.

        The conditions assign the temporaries that the atoms read, so they have to be evaluated first, in order.
        """
        atoms: list[str] = []
        conditions: list[str] = []
        for node in nodes:
            text = self.value(node)
            if not node.nullable:
                atoms.append(text)
            elif is_atom(text):
                conditions.append(f"{text} is not None")
                atoms.append(text)
            else:
                temporary = self.temporary()
                conditions.append(f"({temporary} := {text}) is not None")
                atoms.append(temporary)
        return atoms, conditions

    def apply(self, node: ex.Call, atoms: list[str]) -> str:
        """Return source of the call on arguments that are given as source."""
        function = node.function
        if function.inline is not None and not function.specialize:
            return self._inline(function.inline, atoms, function.implementation)
        if function.needs_session:
            atoms = [*atoms, self.session()]
        return f"{self.bind(self.implementation(function, node), 'f')}({', '.join(atoms)})"

    def implementation(self, function: ScalarFunction, node: ex.Call) -> Callable[..., Any]:
        """Return the callable of a function for these argument types."""
        implementation = resolve_implementation(function.implementation)
        if function.specialize:
            rows = tuple(ex.row_shape(argument) for argument in node.arguments)
            implementation = implementation(CallTypes(node.argument_types, node.type, self.registries.types, rows))
        return implementation

    def _inline(self, template: str, atoms: list[str], implementation: Any) -> str:
        """Fill a template: arguments that are used more than once and are no atoms are evaluated into temporaries."""
        prepared = list(atoms)
        before: list[str] = []
        for index, atom in enumerate(atoms):
            if not is_atom(atom) and template.count(f"{{{index}}}") > 1:
                temporary = self.temporary()
                before.append(f"({temporary} := {atom})")
                prepared[index] = temporary
        fields: dict[str, str] = {}
        if "{t}" in template:
            fields["t"] = self.temporary()
        if "{f}" in template:
            fields["f"] = self.bind(resolve_implementation(implementation), "f")
        text = template.format(*[_parenthesized(atom) for atom in prepared], **fields)
        if before:
            return f"({', '.join(before)}, {text})[-1]"
        return f"({text})"

    # -- leaves ----------------------------------------------------------------------------------------------------

    def _constant(self, node: ex.Constant) -> str:
        if node.slot is None:
            return self.bind(node.value)
        if self.known_slots is not None:
            return self.bind(self.known_slots[node.slot])
        name = self._slots.get(node.slot)
        if name is None:
            name = self._slots[node.slot] = f"s{node.slot}"
            self.head.append(f"{name} = x.slots[{node.slot}]")
        return name

    def _parameter(self, node: ex.Parameter) -> str:
        name = self._parameters.get(node.number)
        if name is None:
            name = self._parameters[node.number] = f"p{node.number}"
            self.head.append(f"{name} = x.parameters[{node.number - 1}]")
        return name

    def _case_operand(self, node: ex.CaseOperand) -> str:
        return self._case_operands[-1]

    def _element(self, node: ex.Element) -> str:
        return self._elements[-1](node.index)

    # -- calls and casts -------------------------------------------------------------------------------------------

    def _call(self, node: ex.Call) -> str:
        if not node.function.strict:
            return self.apply(node, [self.value(argument) for argument in node.arguments])
        atoms, conditions = self.arguments(node.arguments)
        text = self.apply(node, atoms)
        return f"({text} if {' and '.join(conditions)} else None)" if conditions else text

    def _call_test(self, node: ex.Call) -> str:
        return self._call_truth(node, "")

    def _call_fails(self, node: ex.Call) -> str:
        return self._call_truth(node, "not ")

    def _call_truth(self, node: ex.Call, negation: str) -> str:
        if not node.function.strict:
            text = self._call(node)
            return f"{text} is False" if negation else text
        if not negation and self._is_plain_equality(node):
            return self.apply(node, [self.value(argument) for argument in node.arguments])
        atoms, conditions = self.arguments(node.arguments)
        return " and ".join([*conditions, f"{negation}{self.apply(node, atoms)}"])

    @staticmethod
    def _is_plain_equality(node: ex.Call) -> bool:
        """Whether the test is Python's ``==`` with a side that is not NULL: None equals no datum, so nothing need be
        checked.
        """
        return node.function.inline == "{0} == {1}" and not all(argument.nullable for argument in node.arguments)

    def _convert(self, node: ex.Convert) -> str:
        operand = node.operand
        convert = self._converter(node)
        if convert is None:
            return self.value(operand)
        if not operand.nullable:
            return convert(self.value(operand))
        text = self.value(operand)
        if is_atom(text):
            return f"(None if {text} is None else {convert(text)})"
        temporary = self.temporary()
        return f"(None if ({temporary} := {text}) is None else {convert(temporary)})"

    def _converter(self, node: ex.Convert) -> Callable[[str], str] | None:
        """Return what wraps an operand's source, or None where there is nothing to do."""
        source_type, target_type = node.operand.type, node.type
        if node.via_text:
            into = self.bind(self.registries.types.input(target_type), "f")
            session = self.session()
            if source_type in ("text", "varchar", "bpchar", "name", "unknown", "cstring"):
                return lambda text: f"{into}({text}, {node.typmod}, {session})"
            out = self.bind(self.registries.types.output(source_type), "f")
            return lambda text: f"{into}({out}({text}, {session}), {node.typmod}, {session})"
        cast = node.cast
        if cast is None or cast.implementation is None:
            return None
        if cast.inline is not None and not node.element_cast and not cast.takes_typmod:
            inline, implementation = cast.inline, cast.implementation
            return lambda text: self._inline(inline, [text], implementation)
        implementation = resolve_implementation(cast.implementation)
        if cast.specialize:
            implementation = implementation(CallTypes((source_type,), target_type, self.registries.types))
        extra = ""
        if cast.takes_typmod:
            extra += f", {node.typmod}, {node.explicit}"
        if cast.needs_session:
            extra += f", {self.session()}"
        name = self.bind(implementation, "f")
        if node.element_cast:
            each = self.bind(runtime.map_elements, "f")
            return lambda text: f"{each}(lambda v: {name}(v{extra}), {text})"
        return lambda text: f"{name}({text}{extra})"

    def _coerce_typmod(self, node: ex.CoerceTypmod) -> str:
        coerce = self.registries.types.by_name(node.type).coerce_typmod
        if coerce is None or node.typmod < 0:
            return self.value(node.operand)
        name = self.bind(resolve_implementation(coerce), "f")
        text = self.value(node.operand)
        if not node.operand.nullable:
            return f"{name}({text}, {node.typmod}, {node.explicit})"
        if is_atom(text):
            return f"(None if {text} is None else {name}({text}, {node.typmod}, {node.explicit}))"
        temporary = self.temporary()
        return f"(None if ({temporary} := {text}) is None else {name}({temporary}, {node.typmod}, {node.explicit}))"

    # -- logic -----------------------------------------------------------------------------------------------------

    def _and(self, node: ex.And) -> str:
        return self._connective(node, "False")

    def _or(self, node: ex.Or) -> str:
        return self._connective(node, "True")

    def _connective(self, node: ex.And | ex.Or, decisive: str) -> str:
        """AND is decided by a False, OR by a True; else a NULL decides; else the other value."""
        neutral = "True" if decisive == "False" else "False"
        if not any(argument.nullable for argument in node.arguments):
            word = " and " if decisive == "False" else " or "
            return f"({word.join(self.value(argument) for argument in node.arguments)})"
        parts: list[str] = []
        unknown: list[str] = []
        for argument in node.arguments:
            if argument.nullable:
                temporary = self.temporary()
                parts.append(f"({temporary} := {self.value(argument)}) is {decisive}")
                unknown.append(f"{temporary} is None")
            else:
                form = self.fails if decisive == "False" else self.test
                parts.append(form(argument))
        return f"({decisive} if {' or '.join(parts)} else None if {' or '.join(unknown)} else {neutral})"

    def _not(self, node: ex.Not) -> str:
        text = self.value(node.operand)
        if not node.operand.nullable:
            return f"(not {text})"
        if is_atom(text):
            return f"(None if {text} is None else not {text})"
        temporary = self.temporary()
        return f"(None if ({temporary} := {text}) is None else not {temporary})"

    def _is_null(self, node: ex.IsNull) -> str:
        text = self.value(node.operand)
        if node.row:
            name = self.bind(runtime.row_is_not_null if node.negated else runtime.row_is_null, "f")
            return f"{name}({text})"
        return f"({text} is {'not ' if node.negated else ''}None)"

    def _boolean_test(self, node: ex.BooleanTest) -> str:
        return f"({self.value(node.operand)} is {'not ' if node.negated else ''}{node.value!r})"

    def _is_distinct(self, node: ex.IsDistinct) -> str:
        left, right = (self._atom(argument) for argument in node.equality.arguments)
        # Both sides are evaluated first; then equal NULLs, one NULL, or the operator decides.
        (left_set, left_name), (right_set, right_name) = left, right
        equal = self.apply(node.equality, [left_name, right_name])
        word = "not " if not node.negated else ""
        both_null = "False" if not node.negated else "True"
        one_null = "True" if not node.negated else "False"
        return (
            f"(({both_null} if {right_set} is None else {one_null}) if {left_set} is None "
            f"else {one_null} if {right_set} is None else {word}{equal})"
        )

    def _atom(self, node: ex.Expression) -> tuple[str, str]:
        """Return (source that evaluates and remembers, source that reads again)."""
        text = self.value(node)
        if is_atom(text):
            return text, text
        temporary = self.temporary()
        return f"({temporary} := {text})", temporary

    # -- conditionals ----------------------------------------------------------------------------------------------

    def _case(self, node: ex.Case) -> str:
        operand = None
        if node.operand is not None:
            operand = self.temporary()
            start = f"({operand} := {self.value(node.operand)})"
            self._case_operands.append(operand)
        try:
            parts = [f"{self.value(result)} if {self.test(condition)} else" for condition, result in node.branches]
        finally:
            if operand is not None:
                self._case_operands.pop()
        default = "None" if node.default is None else self.value(node.default)
        text = f"({' '.join(parts)} {default})"
        return text if operand is None else f"({start}, {text})[1]"

    def _coalesce(self, node: ex.Coalesce) -> str:
        parts: list[str] = []
        for argument in node.arguments[:-1]:
            evaluated, name = self._atom(argument)
            if not argument.nullable:
                return f"({' '.join([*parts, evaluated])})"
            parts.append(f"{name} if {evaluated} is not None else")
        return f"({' '.join(parts)} {self.value(node.arguments[-1])})"

    def _min_max(self, node: ex.MinMax) -> str:
        values = "".join(f"{self.value(argument)}, " for argument in node.arguments)
        function = self.bind(runtime.greatest if node.greatest else runtime.least, "f")
        key = None
        if not node.ordering.identity and node.ordering.sort_key is not None:
            key = resolve_implementation(node.ordering.sort_key)
        return f"{function}(({values}), {self.bind(key, 'f')})"

    def _null_if(self, node: ex.NullIf) -> str:
        evaluated, name = self._atom(node.value)
        right_set, right = self._atom(node.equality.arguments[1])
        equal = self.apply(node.equality, [self._through(node.equality.arguments[0], node.value, name), right])
        return f"(None if {evaluated} is None or ({right_set} is not None and {equal}) else {name})"

    def _through(self, outer: ex.Expression, inner: ex.Expression, name: str) -> str:
        """Return ``outer`` with its operand ``inner`` read from a name (equality may convert its operand first)."""
        if outer == inner:
            return name
        if isinstance(outer, ex.Convert) and outer.operand == inner:
            convert = self._converter(outer)
            return name if convert is None else convert(name)
        return self.value(outer)

    # -- lists and arrays ------------------------------------------------------------------------------------------

    def _in_list(self, node: ex.InList) -> str:
        if node.hashable:
            text = self._hashed_list(node)
            if text is not None:
                return text
        connective: ex.Expression = ex.Or(arguments=node.equalities) if len(node.equalities) > 1 else node.equalities[0]
        return self.value(ex.Not(operand=connective) if node.negated else connective)

    def _hashed_list(self, node: ex.InList) -> str | None:
        """Membership in a set that is built once a statement; NULL in the list makes a miss unknown."""
        equality = node.equalities[0]
        if not isinstance(equality, ex.Call):
            return None
        ordering = self.registries.types.ordering(equality.argument_types[0])
        if ordering is None:
            return None
        left = equality.arguments[0]
        items = [e.arguments[1] for e in node.equalities if isinstance(e, ex.Call)]
        if len(items) != len(node.equalities):
            return None
        has_null = any(isinstance(item, ex.Constant) and item.value is None and item.slot is None for item in items)
        name = self.source.fresh("l")
        keys = [self.hashed(item, ordering) for item in items]
        nullable = has_null or any(item.nullable for item in items)
        if all(isinstance(item, ex.Constant) and item.slot is None for item in items):
            self.head.append(f"{name} = {self.bind(self._constant_set(items, ordering), 'l')}")
        else:
            self.head.append(f"{name} = {{{', '.join(keys)}}}")
        hit, miss = ("False", "True") if node.negated else ("True", "False")
        key = self.hashed(left, ordering)
        if not left.nullable and not nullable:
            return f"({key} {'not ' if node.negated else ''}in {name})"
        temporary = self.temporary()
        unknown = f"None if None in {name} else {miss}" if nullable else miss
        return f"(None if ({temporary} := {key}) is None else {hit} if {temporary} in {name} else {unknown})"

    @staticmethod
    def _constant_set(items: list[ex.Expression], ordering: OperatorClass) -> frozenset[Any]:
        values = [item.value for item in items if isinstance(item, ex.Constant)]
        if ordering.identity or ordering.hash_key is None:
            return frozenset(values)
        key = resolve_implementation(ordering.hash_key)
        return frozenset(None if value is None else key(value) for value in values)

    def _any_all(self, node: ex.AnyAll) -> str:
        element = self.source.fresh("v")
        array_set, array = self._atom(node.array)
        with self.elements(lambda index: element):
            comparison = self.define("c", [node.comparison], lambda f: f.line(f"return {self.value(node.comparison)}"))
        function = self.bind(runtime.all_elements if node.all else runtime.any_element, "f")
        # Walrus targets of an enclosing lambda would be lost, so the comparison is a function of its own.
        return f"(None if {array_set} is None else {function}(lambda {element}: {comparison}, {array}))"

    def _array(self, node: ex.ArrayConstructor) -> str:
        texts = [self.value(element) for element in node.elements]
        if not node.nested and self._holds_rows(node):
            # In an array a plain tuple is a further dimension.
            wrap = self.bind(as_element, "f")
            texts = [f"{wrap}({text})" for text in texts]
        values = "".join(f"{text}, " for text in texts)
        if node.nested:
            return f"{self.bind(runtime.nested_array, 'f')}(({values}))"
        return f"({values})"

    def _holds_rows(self, node: ex.ArrayConstructor) -> bool:
        element = self.registries.types.by_name(node.type).element
        return element is not None and (
            element == "record" or self.registries.types.by_name(element).kind == "composite"
        )

    def _row(self, node: ex.RowConstructor) -> str:
        fields = f"({''.join(f'{self.value(item)}, ' for item in node.fields)})"
        shape = ex.row_shape(node)
        if shape is None or node.type != "record":
            return fields
        return f"{self.bind(record_class(shape, self.registries.types), 'f')}({fields})"

    def _row_comparison(self, node: ex.RowComparison) -> str:
        if node.operator in ("=", "<>"):
            conjunction: ex.Expression = ex.And(arguments=node.equal) if len(node.equal) > 1 else node.equal[0]
            return self.value(conjunction if node.operator == "=" else ex.Not(operand=conjunction))
        # Decided by the first pair that is not equal; a NULL before that makes it unknown.
        last = "True" if node.operator in ("<=", ">=") else "False"
        text = last
        for equal, less in reversed(list(zip(node.equal, node.less, strict=True))):
            outcome = self.temporary()
            text = (
                f"(({text}) if ({outcome} := {self.value(equal)}) is True "
                f"else None if {outcome} is None else {self.value(less)})"
            )
        return text

    def _subscript(self, node: ex.Subscript) -> str:
        function: Callable[..., Any] = runtime.slice_array if node.slice else runtime.subscript_array
        if node.operand.type == "jsonb":
            function = runtime.subscript_jsonb
        bounds = ", ".join(
            f"({'...' if low is None else self.value(low)}, {'...' if high is None else self.value(high)})"
            for low, high in node.subscripts
        )
        return f"{self.bind(function, 'f')}({self.value(node.operand)}, ({bounds},))"

    def _field(self, node: ex.FieldSelection) -> str:
        evaluated, name = self._atom(node.operand)
        return f"(None if {evaluated} is None else {name}[{node.index}])"

    def _grouping(self, node: ex.Grouping) -> str:
        mask = self.bindings[node.source](-3)
        bits = " | ".join(
            f"(0 if {group} in {mask} else {1 << (len(node.groups) - 1 - position)})"
            for position, group in enumerate(node.groups)
        )
        return f"({bits or '0'})"

    def _subquery(self, node: ex.Subquery) -> str:
        return self.subquery(node, "value")

    def _subquery_test(self, node: ex.Subquery) -> str:
        return self.subquery(node, "test")


def outer_columns(node: Any) -> Iterator[ex.Column]:
    """Yield the columns an expression reads from outside itself (subqueries say theirs)."""
    if isinstance(node, ex.Column):
        yield node
    elif isinstance(node, ex.Subquery):
        yield from node.outer
        for left in node.left:
            yield from outer_columns(left)
        if node.comparison is not None:
            own = set(node.plan.sources)
            yield from (column for column in outer_columns(node.comparison) if column.source not in own)
    elif isinstance(node, tuple):
        for item in node:
            yield from outer_columns(item)
    elif isinstance(node, ex.Grouping):
        yield ex.Column(type="int4", source=node.source, index=-3)
    elif attrs.has(type(node)) and type(node).__module__ == ex.__name__:
        for name in _child_fields(type(node)):
            yield from outer_columns(getattr(node, name))


def _element_indexes(node: Any) -> Iterator[int]:
    """Yield the indexes of the Elements that belong to the nearest enclosing comparison."""
    if isinstance(node, ex.Element):
        yield node.index
    elif isinstance(node, ex.AnyAll):
        yield from _element_indexes(node.array)
    elif isinstance(node, ex.Subquery):
        for left in node.left:
            yield from _element_indexes(left)
    elif isinstance(node, tuple):
        for item in node:
            yield from _element_indexes(item)
    elif attrs.has(type(node)) and type(node).__module__ == ex.__name__:
        for name in _child_fields(type(node)):
            yield from _element_indexes(getattr(node, name))


_SCALAR_FIELDS = frozenset({"type", "typmod", "nullable", "collation", "position", "function", "aggregate", "cast"})


def _child_fields(cls: type) -> tuple[str, ...]:
    return tuple(attribute.name for attribute in attrs.fields(cls) if attribute.name not in _SCALAR_FIELDS)


def is_atom(text: str) -> bool:
    """Whether reading the source twice is as cheap and safe as reading it once: names, literals, one subscript."""
    if text.isidentifier():
        return True
    if text.endswith("]"):
        name, _, index = text[:-1].partition("[")
        return name.isidentifier() and index.isdigit()
    return text.isdigit() or (text.startswith("(-") and text[2:-1].isdigit())


def _parenthesized(text: str) -> str:
    if is_atom(text) or (text.startswith("(") and text.endswith(")") and _balanced(text[1:-1])):
        return text
    return f"({text})"


def _balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0


_VALUES: dict[type, Callable[..., str]] = {
    ex.Constant: Expressions._constant,
    ex.Parameter: Expressions._parameter,
    ex.Column: Expressions.column,
    ex.CaseOperand: Expressions._case_operand,
    ex.Element: Expressions._element,
    ex.Call: Expressions._call,
    ex.Convert: Expressions._convert,
    ex.CoerceTypmod: Expressions._coerce_typmod,
    ex.And: Expressions._and,
    ex.Or: Expressions._or,
    ex.Not: Expressions._not,
    ex.IsNull: Expressions._is_null,
    ex.BooleanTest: Expressions._boolean_test,
    ex.IsDistinct: Expressions._is_distinct,
    ex.Case: Expressions._case,
    ex.Coalesce: Expressions._coalesce,
    ex.MinMax: Expressions._min_max,
    ex.NullIf: Expressions._null_if,
    ex.InList: Expressions._in_list,
    ex.AnyAll: Expressions._any_all,
    ex.ArrayConstructor: Expressions._array,
    ex.RowConstructor: Expressions._row,
    ex.RowComparison: Expressions._row_comparison,
    ex.Subscript: Expressions._subscript,
    ex.FieldSelection: Expressions._field,
    ex.Grouping: Expressions._grouping,
    ex.Subquery: Expressions._subquery,
}

_TESTS: dict[type, Callable[..., str]] = {
    ex.Call: Expressions._call_test,
    ex.And: lambda self, node: " and ".join(self.test(argument) for argument in node.arguments),
    ex.Or: lambda self, node: " or ".join(self.test(argument) for argument in node.arguments),
    ex.Not: lambda self, node: self.fails(node.operand),
    ex.Subquery: Expressions._subquery_test,
}

_FAILS: dict[type, Callable[..., str]] = {
    ex.Call: Expressions._call_fails,
    ex.And: lambda self, node: " or ".join(self.fails(argument) for argument in node.arguments),
    ex.Or: lambda self, node: " and ".join(self.fails(argument) for argument in node.arguments),
    ex.Not: lambda self, node: self.test(node.operand),
}
