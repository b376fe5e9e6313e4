"""Columns whose rows hold another form of the value than SQL sees (``ColumnDefinition.form``).

    value ── to_stored ──►  row, index, statistics, temporary file  ── from_stored ──►  value
             where it is assigned                                      where it is named

The binder puts the two functions into expressions, as ordinary calls: whatever names a column gets ``from_stored`` of
it (``reading``), whatever assigns one gets ``to_stored`` of the value (``writing``). A row is in its stored form from
the moment it is made, and no operator below an expression knows that there are forms. The optimizer turns a comparison
of values into one of stored data where the form is deterministic (``sql/optimizer/forms.py``).

The calls are STABLE at best, since what a form is read with may be the session's: so index expressions, predicates and
generated columns, which outlive the session, are refused the values by the ordinary rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb.errors import FeatureNotSupported
from heliosdb.plan.expressions import Call, Column, Constant, Expression
from heliosdb.types.array import map_elements
from heliosdb.types.definitions import Implementation, ScalarFunction, Volatility, resolve_implementation
from heliosdb.value import field, frozen

if TYPE_CHECKING:
    from heliosdb.catalog.definitions import ColumnDefinition, ColumnForm
    from heliosdb.catalog.registries import Registries

__all__ = [
    "FormFunction",
    "read_form",
    "read_leniently",
    "reading",
    "searching",
    "searching_each",
    "spelled",
    "stored_column",
    "stored_reader",
    "stored_writer",
    "writing",
]


@frozen(kw_only=True, eq=False, repr=False)
class FormFunction(ScalarFunction):
    """One function of a column's form; ``direction`` is the field of ``StoredForm`` that it comes from.

    ``lenient``: a value that is not to be seen may be read as NULL.
    """

    implementation: Implementation = field(eq=False)
    form: ColumnForm
    direction: str
    column: str
    lenient: bool = False


def _function(
    registries: Registries,
    form: ColumnForm,
    direction: str,
    argument: str,
    returns: str,
    column: str,
    *,
    lenient: bool = False,
) -> FormFunction:
    registered = registries.stored_forms.get(form.name)
    if registered is None:
        raise FeatureNotSupported(
            f'column "{column}" is stored {form.text}, which no plugin of this database reads',
            hint=None if form.package is None else f"Open the database with the package {form.package}.",
        )
    factory = resolve_implementation(getattr(registered, direction) or registered.to_stored)
    takes_leave = direction == "from_stored" or (direction == "to_search" and registered.to_search is not None)
    volatile = direction == "to_stored" and not form.deterministic
    return FormFunction(
        name=f"{form.name}_{direction}",
        arguments=(argument,),
        returns=returns,
        implementation=factory(form, column, lenient) if takes_leave else factory(form, column),
        strict=direction != "to_stored",
        volatility=Volatility.VOLATILE if volatile else Volatility.STABLE,
        needs_session=True,
        form=form,
        direction=direction,
        column=column,
        lenient=lenient,
    )


def read_leniently(registries: Registries, call: Call) -> Call:
    """Return what reads a value with leave to give NULL in place of one that is not to be seen."""
    function = call.function
    assert isinstance(function, FormFunction)
    kind, form = call.argument_types[0], function.form
    made = _function(registries, form, "from_stored", kind, function.returns, function.column, lenient=True)
    return evolve(call, function=made)


def reading(registries: Registries, column: ColumnDefinition, place: Column) -> Expression:
    """Return the value of a column whose form stands at ``place``, a column of a row of the table."""
    form = column.form
    if form is None:
        return place
    stored = evolve(place, type=form.type, typmod=-1, collation=None)
    return Call(
        type=place.type,
        typmod=place.typmod,
        collation=place.collation,
        position=place.position,
        function=_function(registries, form, "from_stored", form.type, place.type, column.name),
        arguments=(stored,),
        argument_types=(form.type,),
    )


def writing(registries: Registries, column: ColumnDefinition, value: Expression) -> Expression:
    """Return what a row holds of a value, which has the column's type already."""
    form = column.form
    if form is None:
        return value
    if isinstance(value, Constant) and value.slot is None and value.value is None:
        return Constant(type=form.type, value=None)
    return Call(
        type=form.type,
        nullable=value.nullable,
        position=value.position,
        function=_function(registries, form, "to_stored", column.type, form.type, column.name),
        arguments=(value,),
        argument_types=(column.type,),
    )


def searching(registries: Registries, form: ColumnForm, column: str, value: Expression, *, lenient: bool) -> Expression:
    """Return what a value is compared as with data of a deterministic form."""
    return Call(
        type=form.type,
        position=value.position,
        function=_function(registries, form, "to_search", value.type, form.type, column, lenient=lenient),
        arguments=(value,),
        argument_types=(value.type,),
    )


def searching_each(
    registries: Registries, form: ColumnForm, column: str, array: Expression, *, lenient: bool
) -> Expression:
    """Return an array of what an array's elements are compared as."""
    function = _function(registries, form, "to_search", array.type, f"_{form.type}", column, lenient=lenient)
    search = function.implementation
    assert callable(search)

    def each(values: Any, session: Any) -> Any:
        return map_elements(lambda value: search(value, session), values)

    return Call(
        type=f"_{form.type}",
        position=array.position,
        function=evolve(function, implementation=each, returns=f"_{form.type}"),
        arguments=(array,),
        argument_types=(array.type,),
    )


def read_form(node: object) -> tuple[Column, ColumnForm] | None:
    """Return the column and its form where an expression is a column's value made of its form."""
    if not isinstance(node, Call) or not isinstance(node.function, FormFunction):
        return None
    (place,) = node.arguments
    if node.function.direction != "from_stored" or not isinstance(place, Column):
        return None
    return place, node.function.form


def stored_column(node: Expression) -> Column | None:
    """Return the column that an expression is, or whose value it is; None for any other expression."""
    found = read_form(node)
    if found is not None:
        return found[0]
    return node if isinstance(node, Column) else None


def stored_reader(registries: Registries, column: ColumnDefinition) -> Any:
    """Return ``(data, session) -> value`` of a column; NULL is NULL."""
    if column.form is None:
        return lambda datum, session: datum
    read = _function(registries, column.form, "from_stored", column.form.type, column.type, column.name).implementation
    assert callable(read)
    return lambda datum, session: None if datum is None else read(datum, session)


def stored_writer(registries: Registries, column: ColumnDefinition) -> Any:
    """Return ``(value, session) -> data`` of a column; NULL is NULL."""
    if column.form is None:
        return lambda datum, session: datum
    write = _function(registries, column.form, "to_stored", column.type, column.form.type, column.name).implementation
    assert callable(write)
    return write


def spelled(registries: Registries, column: ColumnDefinition, datum: Any, session: Any) -> str:
    """Return a datum of a row as details of errors print it; what has a form is not shown."""
    if datum is None:
        return "null"
    if column.form is not None:
        return f"<{column.form.name}>"
    text: str = registries.types.output(column.type)(datum, session)
    return text
