"""Every operator, cast and function of the reference's catalog over edge values: ``python -m tests.fuzz.grid [NAME]``.

The reference's catalog says what there is; a call that HeliosDB does not have is listed, not compared. Each call is
evaluated for combinations of edge values, an error's SQLSTATE being an answer like any other.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator

from tests.differential.doors import EmbeddedDoor
from tests.differential.recording import Answer
from tests.differential.reference import REFERENCE_VARIABLE, ReferenceDoor

__all__ = ["calls"]

EDGES: dict[str, list[str]] = {
    "bool": ["true", "false"],
    "int2": ["0", "1", "-1", "7", "-32768", "32767"],
    "int4": ["0", "1", "-1", "3", "-7", "2147483647", "-2147483648"],
    "int8": ["0", "1", "-1", "10", "9223372036854775807", "-9223372036854775808"],
    "numeric": ["0", "0.00", "1", "-1.5", "0.5", "1234.5678", "1e20", "-1e-10", "NaN", "Infinity", "-Infinity", "100"],
    "float4": ["0", "-0", "1.5", "-2.5", "1e10", "3.4e38", "1e-40", "NaN", "Infinity", "-Infinity", "0.1"],
    "float8": ["0", "-0", "1.5", "-2.5", "0.1", "1e15", "1e16", "1e308", "1e-310", "NaN", "Infinity", "-Infinity"],
    "text": ["", "a", "abc", "ABC", " a b ", "ä€", "12", "-1.5", "a%b_c\\d", "2024-02-29", "{1,2}", "é"],
    "varchar": ["", "abc", "a "],
    "bpchar": ["", "abc", "a  "],
    "name": ["abc", "a b"],
    "char": ["a", ""],
    "date": ["2024-02-29", "2000-01-01", "1999-12-31", "0044-03-15 BC", "infinity", "-infinity", "5874897-12-31"],
    "time": ["00:00", "23:59:59.999999", "12:34:56.5", "24:00"],
    "timetz": ["00:00+00", "23:59:59.999999-08", "12:34:56+05:30"],
    "timestamp": ["2024-02-29 12:34:56.789", "2000-01-01", "1999-12-31 23:59:59.999999", "infinity", "-infinity",
                  "0001-01-01", "4713-01-01 BC", "294276-12-31 23:59:59"],
    "timestamptz": ["2024-02-29 12:34:56.789+00", "2000-01-01 00:00+02", "infinity", "-infinity", "1883-01-01 00:00Z"],
    "interval": ["0", "1 day", "1 mon -1 day", "-02:30:00.5", "1 year 2 mons 3 days 04:05:06.789", "24:00:00",
                 "178000000 years", "-30 days", "00:00:00.000001"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
    "bytea": ["\\x", "\\x00", "\\x616263", "\\xff80"],
    "json": ["null", "1", "\"a\"", "{\"a\": {\"b\": [1, null]}}", "[1, \"x\", null]", "{}", " {\"a\":1, \"a\":2} "],
    "jsonb": ["null", "1", "1.50", "\"a\"", "true", "{\"a\": {\"b\": [1, null]}, \"c\": \"x\"}", "[1, \"x\", [2]]",
              "{}", "[]"],
    "_int4": ["{}", "{1,2,3}", "{NULL,1}", "{{1,2},{3,4}}", "[2:3]={5,6}"],
    "_text": ["{}", "{a,b}", "{NULL,\"\"}", "{a,b}", "{{a,b},{c,d}}"],
    "bit": ["0", "1"],
    "varbit": ["", "1", "1010", "11110000"],
    "oid": ["0", "1", "4294967295"],
    "jsonpath": ["$", "$.a", "$[*]", "$.a.b[0]", "lax $.x"],
}  # fmt: skip
ANY = {
    "anyelement": ["int4", "text", "numeric"],
    "anynonarray": ["int4", "text"],
    "anyarray": ["_int4", "_text"],
    "anycompatible": ["int4", "text"],
    "anycompatiblearray": ["_int4", "_text"],
    "anycompatiblenonarray": ["int4", "text"],
    "any": ["int4", "text", "bool", "timestamp"],
}
LEFT_OUT = (
    "pg_|current_|session_|txid_|inet_|lo_|has_|set_config|nextval|setval|random|clock_|statement_|transaction_|now|"
    "timeofday|gen_random|query_to|table_to|cursor_to|schema_to|database_to|brin|gin|gist|spg|hash|bt|ts_|"
    "array_sel|eqsel|neqsel|scalar|like_|regex.*sel|ic.*sel|nlike|matching|contsel|areasel|position.*sel|binary_upgrade|"
    "to_reg|row_security|amvalidate|index_am|heap_tableam|.*_support$|.*sortsupport|.*_transfn|.*_accum|.*_combine|"
    ".*_serialize|.*_deserialize|.*_invfn|.*_finalfn|.*_agg_|int2int4_sum|unknown|.*send$|.*recv$|.*(in|out)$|"
    "btequalimage|in_range|generate_series|dsimple|thesaurus|prs|mxid|row|record|obj_|col_|shobj|xml|tsq|tsv|to_ts|"
    "suppress|domain|format_type|int[248]_avg|int8inc|interval_avg|numeric_avg|uuid_generate|version|"
    "plainto|phraseto|websearch|numnode|querytree|array_typ|.*typanalyze|.*typmodin|.*typmodout|RI_|event|"
    "parse_ident|.*hash.*|oidvector.*|int2vector.*|.*larger$|.*smaller$|getdatabase|satisf"
)
MOST = 60
"""Combinations of values for one call."""


def _values(kind: str) -> list[str]:
    name = {"char": '"char"', "_int4": "int4[]", "_text": "text[]"}.get(kind, kind)
    made = [f"'{value}'::{name}" for value in (v.replace("'", "''") for v in EDGES[kind])]
    return [*made, f"NULL::{name}"]


def _concrete(kinds: list[str]) -> Iterator[list[str]]:
    """Yield argument types without polymorphic ones; element and array agree."""
    polymorphic = [kind for kind in kinds if kind in ANY]
    if not polymorphic:
        yield kinds
        return
    for number in range(max(len(ANY[kind]) for kind in polymorphic)):
        element = ["int4", "text", "numeric"][number % 3] if "any" not in polymorphic else None
        out = []
        for kind in kinds:
            if kind in ANY:
                options = ANY[kind]
                wanted = f"_{element}" if kind.endswith("array") and "non" not in kind else element
                kind = wanted if wanted in options and wanted is not None else options[number % len(options)]
            out.append(kind)
        yield out


def calls(reference: ReferenceDoor, pattern: str) -> Iterator[tuple[str, list[str]]]:
    """Yield (template with {}, argument types) of each operator, cast and function."""
    known = set(EDGES) | set(ANY)
    conversation = reference.open()

    def rows(query: str) -> list[tuple[str | None, ...]]:
        answer = conversation.send(query)
        assert answer.failure is None, answer.failure
        return list(answer.results[0].rows)

    for name, left, right in rows(
        "SELECT oprname, l.typname, r.typname FROM pg_operator LEFT JOIN pg_type l ON l.oid = oprleft "
        f"JOIN pg_type r ON r.oid = oprright WHERE oprname ~ '{pattern}' ORDER BY 1, 2, 3"
    ):
        if right in known and (left is None or left in known) and right != "any":
            assert name
            assert right
            kinds = [right] if left is None else [left, right]
            yield (f"{name} {{}}" if left is None else f"{{}} {name} {{}}"), kinds
    for source, target in rows(
        "SELECT s.typname, t.typname FROM pg_cast JOIN pg_type s ON s.oid = castsource JOIN pg_type t ON t.oid = "
        f"casttarget WHERE t.typname ~ '{pattern}' OR s.typname ~ '{pattern}' ORDER BY 1, 2"
    ):
        if source in known and target in known:
            assert source
            yield f"{{}}::{target if target != 'char' else chr(34) + 'char' + chr(34)}", [source]
    for kind in EDGES:
        if kind not in ("text", "char"):
            yield f"{{}}::text::{kind if kind[0] != '_' else kind[1:] + '[]'}", [kind]
            yield f"{{}}::{kind if kind[0] != '_' else kind[1:] + '[]'}", ["text"]
    for name, arguments in rows(
        "SELECT proname, (SELECT string_agg(typname, ' ' ORDER BY n) FROM unnest(proargtypes) WITH ORDINALITY AS a "
        "(o, n) JOIN pg_type t ON t.oid = o) FROM pg_proc p WHERE pronamespace = 'pg_catalog'::regnamespace AND "
        f"prokind = 'f' AND NOT proretset AND provolatile <> 'v' AND pronargs > 0 AND proname ~ '{pattern}' "
        f"AND proname !~ '^({LEFT_OUT})' ORDER BY 1, 2"
    ):
        kinds = (arguments or "").split()
        if kinds and all(kind in known for kind in kinds):
            yield f"{name}({', '.join('{}' for _ in kinds)})", kinds
    conversation.close()


def _shown(answer: Answer) -> str:
    if answer.failure is not None:
        return f"{answer.failure.sqlstate} {answer.failure.message}"
    (column,) = answer.results[0].columns or ()
    (row,) = answer.results[0].rows
    return f"{'NULL' if row[0] is None else row[0]} {column[1].replace('bpchar', 'character')}"


def _same(left: str, right: str) -> bool:
    if left == right:
        return True
    if left[5:6] == " " == right[5:6] and left[:5] == right[:5] and left[:5].isalnum() and left[0].isdigit():
        return True  # the same SQLSTATE
    try:
        one, other = float(left.split()[0]), float(right.split()[0])
    except ValueError:
        return False
    return left.endswith("double precision") and abs(one - other) <= 1e-14 * abs(one)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.grid", description=__doc__)
    parser.add_argument("pattern", nargs="?", default="", help="a regular expression for names")
    parser.add_argument("--server", default=os.environ.get(REFERENCE_VARIABLE), help="connection string")
    parser.add_argument("--most", type=int, default=MOST, help="combinations of values for one call")
    parser.add_argument("--shown", type=int, default=4, help="differences shown for one call")
    arguments = parser.parse_args()
    rng = random.Random(1)
    door, tested = ReferenceDoor(arguments.server, f"fuzz_grid_{os.getpid()}"), EmbeddedDoor()
    total: Counter[str] = Counter()
    missing: list[str] = []
    try:
        reference, here = door.open(), tested.open()
        for template, declared in calls(door, arguments.pattern):
            for kinds in _concrete(declared):
                differ = 0
                values = list(itertools.product(*(_values(kind) for kind in kinds)))
                if len(values) > arguments.most:
                    values = rng.sample(values, arguments.most)
                for combination in values:
                    text = f"SELECT {template.format(*combination)}"
                    right = here.send(text)
                    if right.failure is not None and right.failure.sqlstate in ("42883", "42704", "0A000", "42601"):
                        left = reference.send(text)
                        if left.failure is None or left.failure.sqlstate != right.failure.sqlstate:
                            missing.append(f"{template.format(*kinds)}: {right.failure.message}")
                            break
                        continue
                    total["compared"] += 1
                    left = reference.send(text)
                    if not _same(_shown(left), _shown(right)):
                        total["differ"] += 1
                        differ += 1
                        if differ <= arguments.shown:
                            print(f"{text}\n    {_shown(left)}\n    {_shown(right)}", flush=True)
                if differ > arguments.shown:
                    print(f"    ... {differ} of {len(values)}")
    finally:
        tested.close()
        door.close()
    print("missing:", *dict.fromkeys(missing), sep="\n    ")
    print(", ".join(f"{count} {what}" for what, count in total.items()))
    return 1 if total["differ"] else 0


if __name__ == "__main__":
    sys.exit(main())
