r"""Meta-commands that describe what the catalog holds: \d and its kin, and \l.

Everything is asked of the system views with SQL, as psql does, so the shell shows what any client would see. A pattern
is psql's: ``*`` and ``?`` stand for any letters, a dot separates the schema, double quotes keep letters as they are.
``S`` behind the command includes the system's objects, ``+`` shows more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from heliosdb.cli.describe_relation import describe_relation
from heliosdb.cli.meta import MetaCommand
from heliosdb.cli.table import Table
from heliosdb.errors import SyntaxErrorOrAccessRuleViolation, UndefinedTable

if TYPE_CHECKING:
    from heliosdb.cli.arguments import Arguments
    from heliosdb.cli.shell import Shell

__all__ = ["COMMANDS", "pattern_expressions"]

SECTION = "Describe"
KINDS: Final = {"t": "rp", "i": "i", "v": "v", "s": "S", "m": "m", "E": "f"}
KIND_NAMES: Final = (
    "CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'"
    " WHEN 'm' THEN 'materialized view' WHEN 'i' THEN 'index' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table'"
    " ELSE c.relkind::text END"
)
_piece: Final = re.compile(r'"((?:[^"]|"")*)"?|.', re.DOTALL)
"""Of a pattern: what stands in double quotes, or a character."""
_special: Final = re.compile(r"[|*+?()\[\]{}.^$\\]")
NOT_SYSTEM: Final = "n.nspname NOT IN ('pg_catalog', 'information_schema')"


def pattern_expressions(pattern: str) -> tuple[str | None, str]:
    """Return regular expressions for the schema (None: any visible one) and the name that a pattern means."""
    parts = [""]
    for piece in _piece.finditer(pattern):
        character, quoted = piece[0], piece[1]
        if quoted is not None:
            parts[-1] += _special.sub(r"\\\g<0>", quoted.replace('""', '"'))
        elif character == ".":
            parts.append("")
        elif character == "*":
            parts[-1] += ".*"
        elif character == "?":
            parts[-1] += "."
        else:
            parts[-1] += "\\$" if character == "$" else character.lower()
    if len(parts) > 2:
        raise SyntaxErrorOrAccessRuleViolation(f"improper qualified name (too many dotted names): {pattern}")
    schema = f"^({parts[0]})$" if len(parts) == 2 else None
    return schema, f"^({parts[-1]})$"


def matching(pattern: str | None, name: str, visible: str, *, system: bool) -> tuple[str, list[str]]:
    """Return a condition on ``n.nspname`` and the name's column, and its parameters."""
    if pattern is None:
        conditions = [visible] if system else [visible, NOT_SYSTEM]
        return " AND ".join(conditions), []
    schema, expression = pattern_expressions(pattern)
    if schema is None:
        return f"{name} ~ $1 AND {visible}", [expression]
    return f"{name} ~ $1 AND n.nspname ~ $2", [expression, schema]


def describe(shell: Shell, arguments: Arguments) -> None:
    r"""\d[S+] [pattern]"""
    pattern = arguments.take()
    system = "S" in arguments.name
    if pattern is None:
        list_relations(shell, None, "v" if system else "rpvmSf", system_only=system)
        return
    pattern = pattern.rstrip(";")
    condition, parameters = matching(pattern, "c.relname", "pg_catalog.pg_table_is_visible(c.oid)", system=True)
    found = shell.query(
        "SELECT c.oid, n.nspname, c.relname, c.relkind FROM pg_catalog.pg_class c"
        f" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE {condition} ORDER BY 2, 3",
        parameters,
    )
    if not found:
        raise UndefinedTable(f'Did not find any relation named "{pattern}".')
    for number, (oid, schema, name, kind) in enumerate(found):
        if number:
            shell.print()
        describe_relation(shell, str(oid), str(schema), str(name), str(kind), verbose="+" in arguments.name)


def list_kinds(shell: Shell, arguments: Arguments) -> None:
    r"""\dt, \di, \dv, \dm, \ds [pattern], and several letters together"""
    name = arguments.name[1:]
    kinds = "".join(KINDS.get(letter, "") for letter in name)
    pattern = arguments.take()
    list_relations(shell, pattern, kinds, system="S" in name, verbose="+" in name)


def list_relations(
    shell: Shell,
    pattern: str | None,
    kinds: str,
    *,
    system: bool = False,
    system_only: bool = False,
    verbose: bool = False,
) -> None:
    """Print the relations of these kinds."""
    condition, parameters = matching(pattern, "c.relname", "pg_catalog.pg_table_is_visible(c.oid)", system=system)
    if system_only:
        condition = "n.nspname IN ('pg_catalog', 'information_schema')"
        kinds = "rv"
    wanted = ", ".join(f"'{kind}'" for kind in kinds)
    columns = [("Schema", "n.nspname"), ("Name", "c.relname"), ("Type", KIND_NAMES)]
    columns.append(("Owner", "pg_catalog.pg_get_userbyid(c.relowner)"))
    if "i" in kinds:
        columns.append(("Table", "c2.relname"))
    if verbose:
        columns.append(("Description", "pg_catalog.obj_description(c.oid, 'pg_class')"))
    _print_query(
        shell,
        "List of relations",
        columns,
        "pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        + (
            " LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid"
            " LEFT JOIN pg_catalog.pg_class c2 ON c2.oid = i.indrelid"
            if "i" in kinds
            else ""
        )
        + f" WHERE c.relkind IN ({wanted}) AND {condition} ORDER BY 1, 2",
        parameters,
        pattern,
    )


def list_functions(shell: Shell, arguments: Arguments) -> None:
    r"""\df [pattern]"""
    pattern = arguments.take()
    condition, parameters = matching(
        pattern, "p.proname", "pg_catalog.pg_function_is_visible(p.oid)", system="S" in arguments.name
    )
    columns = [
        ("Schema", "n.nspname"),
        ("Name", "p.proname"),
        ("Result data type", "pg_catalog.pg_get_function_result(p.oid)"),
        ("Argument data types", "pg_catalog.pg_get_function_arguments(p.oid)"),
        ("Type", "CASE p.prokind WHEN 'a' THEN 'agg' WHEN 'w' THEN 'window' WHEN 'p' THEN 'proc' ELSE 'func' END"),
    ]
    source = "pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace"
    _print_query(
        shell, "List of functions", columns, f"{source} WHERE {condition} ORDER BY 1, 2, 4", parameters, pattern
    )


def list_schemas(shell: Shell, arguments: Arguments) -> None:
    r"""\dn [pattern]"""
    pattern = arguments.take()
    condition, parameters = "true" if "S" in arguments.name else NOT_SYSTEM, []
    if pattern is not None:
        condition, parameters = "n.nspname ~ $1", [pattern_expressions(pattern)[1]]
    columns = [("Name", "n.nspname"), ("Owner", "pg_catalog.pg_get_userbyid(n.nspowner)")]
    source = f"pg_catalog.pg_namespace n WHERE {condition} ORDER BY 1"
    _print_query(shell, "List of schemas", columns, source, parameters, pattern)


def list_roles(shell: Shell, arguments: Arguments) -> None:
    r"""\du[S] [pattern]"""
    pattern = arguments.take()
    condition, parameters = "true" if "S" in arguments.name else "r.rolname !~ '^pg_'", []
    if pattern is not None:
        condition, parameters = "r.rolname ~ $1", [pattern_expressions(pattern)[1]]
    columns = [
        ("Role name", "r.rolname"),
        (
            "Attributes",
            "array_to_string(ARRAY[CASE WHEN r.rolsuper THEN 'Superuser' END, CASE WHEN NOT r.rolinherit THEN"
            " 'No inheritance' END, CASE WHEN r.rolcreaterole THEN 'Create role' END, CASE WHEN r.rolcreatedb THEN"
            " 'Create DB' END, CASE WHEN NOT r.rolcanlogin THEN 'Cannot login' END, CASE WHEN r.rolreplication THEN"
            " 'Replication' END, CASE WHEN r.rolbypassrls THEN 'Bypass RLS' END], ', ')",
        ),
        (
            "Member of",
            "ARRAY(SELECT b.rolname::text FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles b ON"
            " b.oid = m.roleid WHERE m.member = r.oid ORDER BY 1)",
        ),
    ]
    _print_query(
        shell, "List of roles", columns, f"pg_catalog.pg_roles r WHERE {condition} ORDER BY 1", parameters, pattern
    )


def list_types(shell: Shell, arguments: Arguments) -> None:
    r"""\dT [pattern]"""
    pattern = arguments.take()
    condition, parameters = matching(
        pattern, "t.typname", "pg_catalog.pg_type_is_visible(t.oid)", system="S" in arguments.name
    )
    columns = [
        ("Schema", "n.nspname"),
        ("Name", "pg_catalog.format_type(t.oid, NULL)"),
        ("Description", "pg_catalog.obj_description(t.oid, 'pg_type')"),
    ]
    source = "pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace"
    only = "t.typrelid = 0 AND t.typcategory <> 'A'"
    _print_query(
        shell,
        "List of data types",
        columns,
        f"{source} WHERE {only} AND {condition} ORDER BY 1, 2",
        parameters,
        pattern,
    )


def list_extensions(shell: Shell, arguments: Arguments) -> None:
    r"""\dx [pattern]"""
    pattern = arguments.take()
    condition, parameters = "true", []
    if pattern is not None:
        condition, parameters = "e.extname ~ $1", [pattern_expressions(pattern)[1]]
    columns = [("Name", "e.extname"), ("Version", "e.extversion"), ("Schema", "n.nspname")]
    source = "pg_catalog.pg_extension e LEFT JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace"
    _print_query(
        shell, "List of installed extensions", columns, f"{source} WHERE {condition} ORDER BY 1", parameters, pattern
    )


def list_databases(shell: Shell, arguments: Arguments) -> None:
    r"""\l"""
    columns = [
        ("Name", "d.datname"),
        ("Owner", "pg_catalog.pg_get_userbyid(d.datdba)"),
        ("Encoding", "pg_catalog.pg_encoding_to_char(d.encoding)"),
        ("Collate", "d.datcollate"),
        ("Ctype", "d.datctype"),
    ]
    _print_query(shell, "List of databases", columns, "pg_catalog.pg_database d ORDER BY 1", [], None)


def _print_query(
    shell: Shell,
    title: str,
    columns: Sequence[tuple[str, str]],
    source: str,
    parameters: Sequence[str],
    pattern: str | None,
) -> None:
    selected = ", ".join(f"{expression} AS c{number}" for number, (_, expression) in enumerate(columns))
    rows = shell.query(f"SELECT {selected} FROM {source}", parameters)
    if not rows and pattern is not None:
        raise UndefinedTable(f'Did not find anything named "{pattern}".')
    shell.print_table(Table([name for name, _ in columns], ["text"] * len(columns), rows, title))


COMMANDS = (
    MetaCommand(("d",), describe, "\\d[+] [PATTERN]", "list tables, views and sequences, or describe one", SECTION),
    MetaCommand(("dS",), describe, "\\dS[+] [PATTERN]", "list system views, or describe one", SECTION),
    MetaCommand(("dt", "dti", "dtv", "dtvs"), list_kinds, "\\dt[S+] [PATTERN]", "list tables", SECTION),
    MetaCommand(("di",), list_kinds, "\\di[S+] [PATTERN]", "list indexes", SECTION),
    MetaCommand(("dv",), list_kinds, "\\dv[S+] [PATTERN]", "list views", SECTION),
    MetaCommand(("ds",), list_kinds, "\\ds[S+] [PATTERN]", "list sequences", SECTION),
    MetaCommand(("dm",), list_kinds, "\\dm[S+] [PATTERN]", "list materialized views", SECTION),
    MetaCommand(("df",), list_functions, "\\df[S] [PATTERN]", "list functions", SECTION),
    MetaCommand(("dn",), list_schemas, "\\dn[S] [PATTERN]", "list schemas", SECTION),
    MetaCommand(("du", "dg"), list_roles, "\\du[S] [PATTERN]", "list roles", SECTION),
    MetaCommand(("dT",), list_types, "\\dT[S] [PATTERN]", "list data types", SECTION),
    MetaCommand(("dx",), list_extensions, "\\dx [PATTERN]", "list extensions", SECTION),
    MetaCommand(("l", "list"), list_databases, "\\l", "list databases", SECTION),
)
