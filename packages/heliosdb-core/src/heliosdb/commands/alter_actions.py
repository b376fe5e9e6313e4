"""The actions of ALTER TABLE, one function each: they change the definition and note what the rows need."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import evolve

from heliosdb.catalog.definitions import ColumnDefinition, Constraint, Relation
from heliosdb.codegen.index_keys import operator_class_of
from heliosdb.commands.binding import (
    bind_assignment,
    bind_expression,
    coerced,
    compile_row,
    is_volatile,
    parse_expression,
    spelled_type,
)
from heliosdb.commands.clauses import bind_clauses
from heliosdb.commands.column_numbers import passed_over, take_number
from heliosdb.commands.columns import (
    add_sequence,
    column_type,
    draft_column,
    finish_expressions,
    owned_sequence,
    with_default,
)
from heliosdb.commands.constraints import add_check, add_foreign_key, add_key, add_key_using_index
from heliosdb.commands.create_table import MAX_COLUMNS, checked_options, without_options
from heliosdb.commands.dependencies import Dropper, Object
from heliosdb.commands.forms import check_form, check_generated
from heliosdb.commands.names import role_of, visible_name
from heliosdb.commands.ownership import give_sequences, made_over
from heliosdb.commands.privileges import require_new_owner
from heliosdb.commands.reindex import renew_indexes
from heliosdb.commands.sequence_options import new_options, options_of
from heliosdb.commands.table_change import TableChange
from heliosdb.commands.trees import column_names
from heliosdb.commands.views import forget_column, hide_added_column
from heliosdb.errors import (
    CannotCoerce,
    DatatypeMismatch,
    DuplicateColumn,
    FeatureNotSupported,
    InvalidParameterValue,
    InvalidTableDefinition,
    ObjectNotInPrerequisiteState,
    SqlSyntaxError,
    TooManyColumns,
    UndefinedColumn,
    UndefinedObject,
)
from heliosdb.plan.expressions import Column
from heliosdb.sql import statements as tree
from heliosdb.sql.deparse import expression_text

if TYPE_CHECKING:
    from heliosdb.plan.expressions import Expression

__all__ = ["ACTIONS"]

Row = tuple[Any, ...]

STORAGE = frozenset({"plain", "external", "extended", "main"})


# -- columns -------------------------------------------------------------------------------------------------------


def add_column(change: TableChange, action: tree.AddColumn) -> None:
    """ADD COLUMN: rows get the default, the sequence's next value, or the generated one."""
    change.require_table()
    session, edit, relation = change.session, change.edit, change.relation
    written = action.column
    if relation.column(written.name) is not None:
        if action.if_not_exists:
            session.notice(
                f'column "{written.name}" of relation "{relation.name}" already exists, skipping', sqlstate="42701"
            )
            return
        raise DuplicateColumn(f'column "{written.name}" of relation "{relation.name}" already exists')
    if len(relation.columns) >= MAX_COLUMNS:
        raise TooManyColumns(f"tables can have at most {MAX_COLUMNS} columns")
    number = take_number(session, relation)
    columns = passed_over(relation, number)
    draft = draft_column(session, written, number=number, table=relation.name)
    add_sequence(
        session,
        edit,
        draft,
        schema=relation.schema,
        table=relation.name,
        table_oid=relation.oid,
        persistence=relation.persistence,
    )
    column = finish_expressions(session, draft, (*columns, draft.column), relation.name)
    column = bind_clauses(session, evolve(column, altered=True), written.extensions)
    hide_added_column(session, edit, relation, column.name)
    change.relation = evolve(relation, columns=(*columns, column))
    check_generated(session, change.relation)
    if column.not_null:
        change.not_null.add(number)
    change.computed[number - 1] = _initial(change, column, draft.sequence, draft.default)
    for constraint in draft.constraints:
        add_constraint(change, tree.AddConstraint(constraint), (column.name,))


def _initial(
    change: TableChange, column: ColumnDefinition, sequence: Relation | None, default: tree.Expression | None
) -> Callable[[Row], Any]:
    session = change.session
    if sequence is not None and sequence.sequence is not None:
        options = sequence.sequence
        counters = session.database.sequences
        return lambda row: counters.next(sequence.name, options)
    if default is None or column.default is None:
        return lambda row: None
    bound = bind_assignment(session, default, column)
    compute = compile_row(session, [bound])
    if is_volatile(bound):
        return lambda row: compute(())[0]
    (value,) = compute(())
    return lambda row: value


def drop_column(change: TableChange, action: tree.DropColumn) -> None:
    """DROP COLUMN: the slot stays, everything on the column goes."""
    change.require_table()
    relation = change.relation
    column = relation.column(action.name)
    if column is None:
        if action.if_exists:
            change.session.notice(f'column "{action.name}" of relation "{relation.name}" does not exist, skipping')
            return
        raise UndefinedColumn(f'column "{action.name}" of relation "{relation.name}" does not exist')
    forget_column(change.session, change.edit, relation, column)
    Dropper(change.session, change.edit).drop([Object("column", relation.oid, column.number)], cascade=action.cascade)


def alter_type(change: TableChange, action: tree.AlterColumnType) -> None:
    """ALTER COLUMN TYPE: rows are converted, indexes on the column are built anew."""
    change.require_table()
    session = change.session
    relation = change.relation
    if action.using is not None:
        # What USING says is looked at before the column is.
        bind_expression(session, action.using, relation.columns, relation.name)
    column = change.column(action.name)
    if column.generated is not None and action.using is not None:
        raise InvalidTableDefinition("cannot specify USING when altering type of generated column")
    type_name, typmod = column_type(session, column.name, action.type)
    _refuse_dependents(change, column)
    collation = column.collation if action.collation is None else action.collation.name
    new = evolve(column, type=type_name, typmod=typmod, collation=collation, altered=True)
    check_form(session, new)
    if column.identity is not None:
        _alter_identity_sequence(change, column, (tree.Option("as", action.type),))
    conversion = _conversion(change, column, new, action.using)
    if column.default is not None:
        default = parse_expression(session, column.default)
        try:
            is_text = isinstance(default, tree.Literal) and default.kind == "string"
            written = bind_assignment(session, default, column) if is_text else bind_expression(session, default)
            coerced(session, written, type_name, typmod)
        except (DatatypeMismatch, CannotCoerce):
            raise DatatypeMismatch(
                f'default for column "{column.name}" cannot be cast automatically to type '
                f"{spelled_type(session, type_name)}"
            ) from None
        if isinstance(default, tree.Literal) and default.kind == "string":
            # The constant was read as the old type, and must not be read as the new one now.
            old_type = tree.TypeName(("pg_catalog", column.type))
            new = evolve(new, default=expression_text(tree.TypeCast(default, old_type)))
    indexes = {index.oid for index in change.indexes_on(column.number)}
    change.put_column(new)
    if not (isinstance(conversion, Column) and conversion.index == column.number - 1):
        compute = compile_row(session, [conversion])
        change.computed[column.number - 1] = lambda row: compute(row)[0]
    renew_indexes(session, change.edit, change.relation, indexes)
    _check_keys(change, new)
    change.rebind()
    involved = [c for c in change.relation.constraints if c.expression is not None and column.number in c.columns]
    change.checks.extend(constraint for constraint in involved if constraint.validated)
    change.retyped.add(column.number)


def _conversion(
    change: TableChange, column: ColumnDefinition, new: ColumnDefinition, using: tree.Expression | None
) -> Expression:
    session, relation = change.session, change.old
    display = spelled_type(session, new.type)
    if column.generated is not None:
        expression = parse_expression(session, column.generated)
        try:
            return bind_assignment(session, expression, new, relation.columns, "default", relation.name)
        except DatatypeMismatch:
            raise DatatypeMismatch(f'column "{column.name}" cannot be cast automatically to type {display}') from None
    written = using if using is not None else tree.ColumnRef((column.name,))
    bound = bind_expression(session, written, relation.columns, relation.name)
    try:
        return coerced(session, bound, new.type, new.typmod)
    except (DatatypeMismatch, CannotCoerce):
        if using is not None:
            raise DatatypeMismatch(
                f'result of USING clause for column "{column.name}" cannot be cast automatically to type {display}',
                hint="You might need to add an explicit cast.",
            ) from None
        target = spelled_type(session, new.type, new.typmod)
        raise DatatypeMismatch(
            f'column "{column.name}" cannot be cast automatically to type {display}',
            hint=f'You might need to specify "USING {expression_text(written)}::{target}".',
        ) from None


def _refuse_dependents(change: TableChange, column: ColumnDefinition) -> None:
    session, relation = change.session, change.relation
    for other in change.edit.relations():
        if (relation.oid, column.number) in other.dependencies:
            raise FeatureNotSupported(
                "cannot alter type of a column used by a view or rule",
                detail=f'rule _RETURN on view {visible_name(session, other)} depends on column "{column.name}"',
            )
    for generated in relation.columns:
        if generated.generated is not None and not generated.dropped and generated.number != column.number:
            if column.name in column_names(parse_expression(session, generated.generated)):
                raise FeatureNotSupported(
                    "cannot alter type of a column used by a generated column",
                    detail=f'Column "{column.name}" is used by generated column "{generated.name}".',
                )


def _check_keys(change: TableChange, column: ColumnDefinition) -> None:
    for index in change.relation.indexes:
        for key in index.keys:
            if key.column == column.number:
                operator_class_of(column.stored_type, key, index.method, change.session.registries)


def set_default(change: TableChange, action: tree.SetDefault) -> None:
    """SET DEFAULT and DROP DEFAULT."""
    column = change.column(action.name)
    name = change.old.name
    if column.identity is not None:
        hint = None if action.expression is not None else "Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead."
        raise SqlSyntaxError(f'column "{column.name}" of relation "{name}" is an identity column', hint=hint)
    if column.generated is not None:
        hint = (
            None if action.expression is not None else "Use ALTER TABLE ... ALTER COLUMN ... DROP EXPRESSION instead."
        )
        raise SqlSyntaxError(f'column "{column.name}" of relation "{name}" is a generated column', hint=hint)
    if action.expression is None:
        change.put_column(evolve(column, default=None))
    else:
        change.put_column(with_default(change.session, column, action.expression))


def column_action(change: TableChange, action: tree.ColumnAction) -> None:
    """The other forms of ALTER COLUMN."""
    if action.kind == "set storage" and (action.value or "").lower() not in STORAGE:
        raise InvalidParameterValue(f'invalid storage type "{action.value}"')
    handler = COLUMN_ACTIONS.get(action.kind)
    if handler is None or action.name is None:
        raise FeatureNotSupported(
            f"ALTER TABLE ... ALTER COLUMN ... {action.kind.upper()} is not supported",
            position=action.position or None,
        )
    change.require_table()
    handler(change, change.column(action.name), action)


def _set_not_null(change: TableChange, column: ColumnDefinition, action: tree.ColumnAction) -> None:
    if not column.not_null:
        change.put_column(evolve(column, not_null=True, was_nullable=True))
        change.not_null.add(column.number)


def _drop_not_null(change: TableChange, column: ColumnDefinition, action: tree.ColumnAction) -> None:
    if column.identity is not None:
        raise SqlSyntaxError(f'column "{column.name}" of relation "{change.old.name}" is an identity column')
    for constraint in change.relation.constraints:
        if constraint.kind == "primary key" and column.number in constraint.columns:
            raise InvalidTableDefinition(f'column "{column.name}" is in a primary key')
    change.put_column(evolve(column, not_null=False))


def _drop_expression(change: TableChange, column: ColumnDefinition, action: tree.ColumnAction) -> None:
    if column.generated is None:
        words = f'column "{column.name}" of relation "{change.old.name}" is not a stored generated column'
        if not action.if_exists:
            raise ObjectNotInPrerequisiteState(words)
        change.session.notice(f"{words}, skipping")
        return
    change.put_column(evolve(column, generated=None))


def _add_identity(change: TableChange, column: ColumnDefinition, action: tree.ColumnAction) -> None:
    words = f'column "{column.name}" of relation "{change.old.name}"'
    new_options(change.session, action.options, type_name=column.type, identity=True)
    if not column.not_null:
        raise ObjectNotInPrerequisiteState(f"{words} must be declared NOT NULL before identity can be added")
    if column.identity is not None:
        raise ObjectNotInPrerequisiteState(f"{words} is already an identity column")
    if column.default is not None:
        raise ObjectNotInPrerequisiteState(f"{words} already has a default value")
    relation = change.relation
    owned_sequence(
        change.session,
        change.edit,
        action.options,
        relation.schema,
        relation.name,
        relation.oid,
        column,
        True,
        relation.persistence,
    )
    change.put_column(evolve(column, identity=action.value))


def _identity_sequence(change: TableChange, column: ColumnDefinition) -> Relation | None:
    for relation in change.edit.relations():
        options = relation.sequence
        if options is not None and options.identity and options.owned_by == (change.old.oid, column.number):
            return relation
    return None


def _alter_identity_sequence(change: TableChange, column: ColumnDefinition, options: tuple[tree.Option, ...]) -> None:
    sequence = _identity_sequence(change, column)
    if sequence is not None and sequence.sequence is not None and options:
        parameters = options_of(change.session, options, sequence.sequence, identity=True)
        change.edit.put(evolve(sequence, sequence=parameters))


def _alter_identity(change: TableChange, column: ColumnDefinition, action: tree.ColumnAction) -> None:
    if column.identity is None:
        raise ObjectNotInPrerequisiteState(
            f'column "{column.name}" of relation "{change.old.name}" is not an identity column'
        )
    generated = next((option.text for option in action.options if option.name == "generated"), None)
    if generated is not None:
        change.put_column(evolve(column, identity=generated))
    rest = tuple(option for option in action.options if option.name != "generated")
    _alter_identity_sequence(change, column, rest)


def _drop_identity(change: TableChange, column: ColumnDefinition, action: tree.ColumnAction) -> None:
    if column.identity is None:
        words = f'column "{column.name}" of relation "{change.old.name}" is not an identity column'
        if not action.if_exists:
            raise ObjectNotInPrerequisiteState(words)
        change.session.notice(f"{words}, skipping")
        return
    sequence = _identity_sequence(change, column)
    if sequence is not None:
        change.edit.drop(sequence.oid)
    change.put_column(evolve(column, identity=None))


def _set_options(change: TableChange, column: ColumnDefinition, action: tree.ColumnAction) -> None:
    given = checked_options(change.session.registries.column_options, action.options)
    change.put_column(evolve(column, options=tuple((dict(column.options) | dict(given)).items())))


def _reset_options(change: TableChange, column: ColumnDefinition, action: tree.ColumnAction) -> None:
    change.put_column(evolve(column, options=without_options(column.options, action.options)))


COLUMN_ACTIONS: dict[str, Callable[[TableChange, ColumnDefinition, tree.ColumnAction], None]] = {
    "set not null": _set_not_null,
    "drop not null": _drop_not_null,
    "drop expression": _drop_expression,
    "add identity": _add_identity,
    "alter identity": _alter_identity,
    "drop identity": _drop_identity,
    "set options": _set_options,
    "reset options": _reset_options,
}


# -- constraints ---------------------------------------------------------------------------------------------------


def add_constraint(change: TableChange, action: tree.AddConstraint, columns: tuple[str, ...] | None = None) -> None:
    """ADD CONSTRAINT; ``columns`` where it was written at a column."""
    change.require_table()
    written = action.constraint
    session, edit, relation = change.session, change.edit, change.relation
    names = tuple(getattr(written, "columns", ())) if columns is None else columns
    if isinstance(written, tree.CheckConstraint):
        change.relation = add_check(session, edit, relation, written)
        if not written.not_valid:
            change.checks.append(change.relation.constraints[-1])
    elif isinstance(written, tree.ForeignKeyConstraint):
        change.relation = add_foreign_key(session, edit, relation, written, names)
        if not written.not_valid:
            change.references.add((relation.oid, change.relation.constraints[-1].oid))
    elif isinstance(written, tree.PrimaryKeyConstraint | tree.UniqueConstraint):
        if isinstance(written, tree.PrimaryKeyConstraint) and columns is None:
            for name in names:
                change.column(name)
        if written.index is not None:
            change.relation = add_key_using_index(session, edit, relation, written)
        else:
            change.relation = add_key(session, edit, relation, written, names)
        for old, new in zip(relation.columns, change.relation.columns):
            if new.not_null and not old.not_null:
                change.not_null.add(new.number)
                change.put_column(evolve(new, was_nullable=True))
    else:
        raise FeatureNotSupported("exclusion constraints are not supported", position=written.position or None)


def _add_constraint(change: TableChange, action: tree.AddConstraint) -> None:
    add_constraint(change, action)


def _constraint(change: TableChange, name: str) -> Constraint | None:
    return next((item for item in change.relation.constraints if item.name == name), None)


def drop_constraint(change: TableChange, action: tree.DropConstraint) -> None:
    """DROP CONSTRAINT, with its index."""
    relation = change.relation
    found = _constraint(change, action.name)
    if found is None:
        words = f'constraint "{action.name}" of relation "{relation.name}" does not exist'
        if not action.if_exists:
            raise UndefinedObject(words)
        change.session.notice(f"{words}, skipping")
        return
    Dropper(change.session, change.edit).drop([Object("constraint", relation.oid, found.oid)], cascade=action.cascade)


def alter_constraint(change: TableChange, action: tree.AlterConstraint) -> None:
    """ALTER CONSTRAINT: when a reference is checked."""
    found = _constraint(change, action.name)
    relation = change.relation
    if found is None:
        raise UndefinedObject(f'constraint "{action.name}" of relation "{relation.name}" does not exist')
    if found.foreign is None:
        raise InvalidTableDefinition(
            f'constraint "{action.name}" of relation "{relation.name}" is not a foreign key constraint'
        )
    new = evolve(found, deferrable=action.deferrable, initially_deferred=action.initially_deferred)
    change.relation = evolve(
        relation, constraints=tuple(new if item.oid == found.oid else item for item in relation.constraints)
    )


def validate_constraint(change: TableChange, action: tree.ValidateConstraint) -> None:
    """VALIDATE CONSTRAINT: look at the rows that were there when it was added NOT VALID."""
    found = _constraint(change, action.name)
    relation = change.relation
    if found is None:
        raise UndefinedObject(f'constraint "{action.name}" of relation "{relation.name}" does not exist')
    if found.kind not in ("check", "foreign key"):
        raise InvalidTableDefinition(
            f'constraint "{action.name}" of relation "{relation.name}" is not a foreign key or check constraint'
        )
    if found.validated:
        return
    new = evolve(found, validated=True)
    change.relation = evolve(
        relation, constraints=tuple(new if item.oid == found.oid else item for item in relation.constraints)
    )
    if found.foreign is not None:
        change.references.add((relation.oid, new.oid))
    else:
        change.checks.append(new)


# -- the table -----------------------------------------------------------------------------------------------------


def table_action(change: TableChange, action: tree.TableAction) -> None:
    """The other forms of ALTER TABLE."""
    relation = change.relation
    if action.kind == "owner" and action.role is not None:
        owner = role_of(change.session, action.role)
        require_new_owner(change.session, owner, relation.schema)
        change.relation = made_over(relation, owner.oid)
        give_sequences(change.edit, relation, owner.oid)
    elif action.kind == "set options":
        registered = change.session.registries.relation_options if relation.kind == "table" else {}
        given = checked_options(registered, action.options)
        change.relation = evolve(relation, options=tuple((dict(relation.options) | dict(given)).items()))
    elif action.kind == "reset options":
        change.relation = evolve(relation, options=without_options(relation.options, action.options))
    elif action.kind in ("set logged", "set unlogged"):
        change.require_table()
        if relation.persistence == "temporary":
            raise InvalidTableDefinition(
                f'cannot change logged status of table "{relation.name}" because it is temporary'
            )
        persistence = "permanent" if action.kind == "set logged" else "unlogged"
        change.relation = evolve(relation, persistence=persistence)
    else:
        raise FeatureNotSupported(f"ALTER TABLE ... {action.kind.upper()} is not supported")


ACTIONS: dict[str, Callable[[TableChange, Any], None]] = {
    "AddColumn": add_column,
    "AddConstraint": _add_constraint,
    "AlterColumnType": alter_type,
    "AlterConstraint": alter_constraint,
    "ColumnAction": column_action,
    "DropColumn": drop_column,
    "DropConstraint": drop_constraint,
    "SetDefault": set_default,
    "TableAction": table_action,
    "ValidateConstraint": validate_constraint,
}
