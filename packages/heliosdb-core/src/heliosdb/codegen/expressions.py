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

from heliosdb import errors
from heliosdb.codegen import lists, runtime
from heliosdb.codegen.atoms import NEVER, is_atom, is_not_null, is_null, parenthesized
from heliosdb.codegen.bindings import Binding, local_binding
from heliosdb.codegen.free_columns import OuterColumns, element_indexes, is_worth_keeping
from heliosdb.codegen.source import Function, Source
from heliosdb.plan import expressions as ex
from heliosdb.plan.forms import FormFunction
from heliosdb.types.comparison import PLAIN
from heliosdb.types.definitions import CallTypes, OperatorClass, ScalarFunction, resolve_implementation

if TYPE_CHECKING:
    from heliosdb.catalog.registries import Registries
    from heliosdb.codegen.block_values import BlockValues

MAX_DEPTH = 25


class Expressions:
    """Emits expressions of one statement. ``bindings`` says how to read each source at the current place."""

    def __init__(self, source: Source, registries: Registries) -> None:
        self.source = source
        self.registries = registries
        self.bindings: dict[int, Binding] = {}
        self.definitions: list[Function] = []
        self._outer = OuterColumns()
        """Functions that have to stand before the main function's body."""
        self.head: list[str] = []
        """Lines for the head of the main function."""
        self.uses_session = self.uses_clock = False
        """Whether the session is asked for anything, and for more than what a column's form is read with."""
        self.polls = False
        """Whether there is an execution ``x`` to be asked if the statement is to stop."""
        self.hoists = False
        """Whether what is the same for all rows, and not as good as free, is computed once an execution."""
        self.depth = 0
        self._case_operands: list[str] = []
        self._elements: list[Callable[[int], str]] = []
        self._parameters: dict[int, str] = {}
        self._slots: dict[int, str] = {}
        self.known_slots: tuple[Any, ...] | None = None
        """The datums of the literal slots, where the code serves one text only."""
        self.subquery: Callable[[ex.Subquery, str], str] = self._no_subquery
        self.block_values: BlockValues | None = None

    # -- the three forms -------------------------------------------------------------------------------------------

    def value(self, node: ex.Expression) -> str:
        """Return source for the datum."""
        emit = _VALUES.get(type(node))
        if emit is None:
            raise errors.InternalFailure(f"no code generation for {type(node).__name__}")
        if self.depth >= MAX_DEPTH and not isinstance(node, ex.Column | ex.Constant | ex.Parameter):
            return self._outline(node, "value")
        if self.hoists and isinstance(node, ex.Call | ex.Convert) and is_worth_keeping(node):
            return self._hoisted(node)
        of_block = self._of_block(node)
        self.depth += 1
        try:
            text = emit(self, node)
            return text if of_block is None else f"({of_block} if {of_block} is not ... else {text})"
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
            emit = table.get(type(node)) if self._of_block(node) is None else None
            return f"({emit(self, node)})" if emit is not None else f"({default()})"
        finally:
            self.depth -= 1

    def _of_block(self, node: ex.Expression) -> str | None:
        """Return the variable that has a call's value, where the current row's block was asked for it."""
        return self.block_values.value(node) if self.block_values is not None and type(node) is ex.Call else None

    def forget_constants(self) -> None:
        """Forget which parameters and slots the head fetches (after lines were taken out of it again)."""
        self._parameters.clear()
        self._slots.clear()

    def name_slot(self, slot: int) -> str:
        """Return the name of a literal slot that whoever writes the function sets."""
        name = self._slots[slot] = f"s_{slot}"
        return name

    # -- helpers for emitters --------------------------------------------------------------------------------------

    def temporary(self) -> str:
        """Return a fresh local name."""
        return self.source.fresh("t")

    def bind(self, value: Any, prefix: str = "k") -> str:
        """Return source text for an object."""
        return self.source.bind(value, prefix)

    def session(self, *, of_form: bool = False) -> str:
        """Return the name of the session, and have it set in the head; ``of_form``: for a column's stored form."""
        self.uses_session = True
        self.uses_clock = self.uses_clock or not of_form
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
        return f"(None if {is_null(text)} else {name}({text}))"

    def define(self, prefix: str, nodes: list[ex.Expression], body: Callable[[Function], None]) -> str:
        """Write a function of the columns that ``nodes`` read; return source of a call of it at the current place."""
        columns = list({place: c for node in nodes for place, c in self._outer.of(node).items()}.values())
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
            for index in sorted({i for node in nodes for i in element_indexes(node)}):
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

    def once(self, prefix: str, body: Callable[[Function], None]) -> str:
        """Write a function without arguments that runs once an execution; return source of its remembered result."""
        saved = self._case_operands, self._elements
        self._case_operands, self._elements = [], []
        try:
            call = self.define(prefix, [], body)
        finally:
            self._case_operands, self._elements = saved
        memo = self.source.fresh("y")
        self.head.append(f"{memo} = once(lambda: {call})")
        self.source.namespace["once"] = runtime.once
        return f"{memo}()"

    def _hoisted(self, node: ex.Expression) -> str:
        self.hoists = False
        try:
            return self.once("e", lambda function: function.line(f"return {self.value(node)}"))
        finally:
            self.hoists = True

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
                conditions.append(is_not_null(text))
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
            atoms = [*atoms, self.session(of_form=isinstance(function, FormFunction))]
        text = f"{self.bind(self.implementation(function, node), 'f')}({', '.join(atoms)})"
        # A call that may take long: who waits for the statement to stop waits for one such call at most.
        return text if function.bounded or not self.polls else f"(x.raise_cancelled() if x.cancelled else {text})"

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
        text = template.format(*[parenthesized(atom) for atom in prepared], **fields)
        if before:
            return f"({', '.join(before)}, {text})[-1]"
        return f"({text})"

    # -- leaves ----------------------------------------------------------------------------------------------------

    def _constant(self, node: ex.Constant) -> str:
        if node.slot is None:
            return self.bind(node.value)
        name = self._slots.get(node.slot)
        if name is None:
            if self.known_slots is not None:
                return self.bind(self.known_slots[node.slot])
            # No fresh name looks like this one.
            name = self._slots[node.slot] = f"s_{node.slot}"
            self.head.append(f"{name} = x.slots[{node.slot}]")
        return name

    def _parameter(self, node: ex.Parameter) -> str:
        name = self._parameters.get(node.number)
        if name is None:
            name = self._parameters[node.number] = f"p_{node.number}"
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
        if NEVER in conditions:
            return "None"
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
        if NEVER in conditions:
            return "False"
        return " and ".join([*conditions, f"{negation}{self.apply(node, atoms)}"])

    @staticmethod
    def _is_plain_equality(node: ex.Call) -> bool:
        """Whether the test is Python's ``==`` with a side that is not NULL: None equals no datum, so nothing need be
        checked.
        """
        return node.function.inline == PLAIN[0] and not all(argument.nullable for argument in node.arguments)

    def _convert(self, node: ex.Convert) -> str:
        check = self.registries.types.check(node.type) if node.type.startswith("#") else None
        if check is not None and not node.via_text:
            return f"{self.bind(check, 'f')}({self.value(node.operand)}, {self.session()})"
        operand = node.operand
        convert = self._converter(node)
        if convert is None:
            return self.value(operand)
        if not operand.nullable:
            return convert(self.value(operand))
        text = self.value(operand)
        if is_atom(text):
            return f"(None if {is_null(text)} else {convert(text)})"
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
        coerce = self.registries.types.coerce_typmod(node.type)
        if coerce is None or node.typmod < 0:
            return self.value(node.operand)
        name = self.bind(coerce, "f")
        text = self.value(node.operand)
        if not node.operand.nullable:
            return f"{name}({text}, {node.typmod}, {node.explicit})"
        if is_atom(text):
            return f"(None if {is_null(text)} else {name}({text}, {node.typmod}, {node.explicit}))"
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
            return f"(None if {is_null(text)} else not {text})"
        temporary = self.temporary()
        return f"(None if ({temporary} := {text}) is None else not {temporary})"

    def _is_null(self, node: ex.IsNull) -> str:
        text = self.value(node.operand)
        if node.row:
            name = self.bind(runtime.row_is_not_null if node.negated else runtime.row_is_null, "f")
            return f"{name}({text})"
        return f"({is_not_null(text) if node.negated else is_null(text)})"

    def _boolean_test(self, node: ex.BooleanTest) -> str:
        return f"({self.value(node.operand)} is {'not ' if node.negated else ''}{node.value!r})"

    def _is_distinct(self, node: ex.IsDistinct) -> str:
        left, right = (self.atom(argument) for argument in node.equality.arguments)
        # Both sides are evaluated first; then equal NULLs, one NULL, or the operator decides.
        (left_set, left_name), (right_set, right_name) = left, right
        equal = self.apply(node.equality, [left_name, right_name])
        word = "not " if not node.negated else ""
        both_null = "False" if not node.negated else "True"
        one_null = "True" if not node.negated else "False"
        return (
            f"(({both_null} if {is_null(right_set)} else {one_null}) if {is_null(left_set)} "
            f"else {one_null} if {is_null(right_set)} else {word}{equal})"
        )

    def atom(self, node: ex.Expression) -> tuple[str, str]:
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
            evaluated, name = self.atom(argument)
            if not argument.nullable:
                return f"({' '.join([*parts, evaluated])})"
            parts.append(f"{name} if {is_not_null(evaluated)} else")
        return f"({' '.join(parts)} {self.value(node.arguments[-1])})"

    def _min_max(self, node: ex.MinMax) -> str:
        values = "".join(f"{self.value(argument)}, " for argument in node.arguments)
        function = self.bind(runtime.greatest if node.greatest else runtime.least, "f")
        key = None
        if not node.ordering.identity and node.ordering.sort_key is not None:
            key = resolve_implementation(node.ordering.sort_key)
        return f"{function}(({values}), {self.bind(key, 'f')})"

    def _null_if(self, node: ex.NullIf) -> str:
        evaluated, name = self.atom(node.value)
        right_set, right = self.atom(node.equality.arguments[1])
        equal = self.apply(node.equality, [self._through(node.equality.arguments[0], node.value, name), right])
        return f"(None if {is_null(evaluated)} or ({is_not_null(right_set)} and {equal}) else {name})"

    def _through(self, outer: ex.Expression, inner: ex.Expression, name: str) -> str:
        """Return ``outer`` with its operand ``inner`` read from a name (equality may convert its operand first)."""
        if outer == inner:
            return name
        if isinstance(outer, ex.Convert) and outer.operand == inner:
            convert = self._converter(outer)
            return name if convert is None else convert(name)
        return self.value(outer)

    # -- subqueries -----------------------------------------------------------------------------------------------


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
    ex.InList: lists.in_list,
    ex.AnyAll: lists.any_all,
    ex.ArrayConstructor: lists.array_constructor,
    ex.RowConstructor: lists.row_constructor,
    ex.RowComparison: lists.row_comparison,
    ex.Subscript: lists.subscript,
    ex.FieldSelection: lists.field_selection,
    ex.Grouping: lists.grouping,
    ex.Subquery: lambda self, node: self.subquery(node, "value"),
}

_TESTS: dict[type, Callable[..., str]] = {
    ex.Call: Expressions._call_test,
    ex.And: lambda self, node: " and ".join(self.test(argument) for argument in node.arguments),
    ex.Or: lambda self, node: " or ".join(self.test(argument) for argument in node.arguments),
    ex.Not: lambda self, node: self.fails(node.operand),
    ex.Subquery: lambda self, node: self.subquery(node, "test"),
}

_FAILS: dict[type, Callable[..., str]] = {
    ex.Call: Expressions._call_fails,
    ex.And: lambda self, node: " or ".join(self.fails(argument) for argument in node.arguments),
    ex.Or: lambda self, node: " and ".join(self.fails(argument) for argument in node.arguments),
    ex.Not: lambda self, node: self.test(node.operand),
}
