"""COPY in binary, to be asked as ``copy_cases`` are: values of every type both ways, and files that are wrong."""

from __future__ import annotations

from struct import pack

__all__ = ["BINARY_CASES"]

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
HEADER = SIGNATURE + bytes(8)
END = b"\xff\xff"


def row(*values: bytes | None) -> bytes:
    """Return a row of a file."""
    fields = [pack("!i", -1) if value is None else pack("!i", len(value)) + value for value in values]
    return pack("!h", len(values)) + b"".join(fields)


def int4(number: int) -> bytes:
    """Return an integer as its type sends it."""
    return pack("!i", number)


FIRST, SECOND = row(int4(1), b"x"), row(int4(2), b"y")

WIDE = row(
    pack("!h", -3),
    int4(1 << 30),
    pack("!q", -(1 << 62)),
    pack("!d", 1.5),
    b"\1",
    b"\0\xff",
    pack("!5i", 1, 0, 23, 2, 1) + pack("!2i", 4, 7) + pack("!i", 4) + int4(8),
    pack("!q", 86_400_000_000),
    b'\1{"a": [1, null]}',
    b"ab",
)

CT = "COPY ct (a, b) FROM STDIN (FORMAT binary)"
INJ = "COPY inj FROM STDIN (FORMAT binary)"
LITERALS = [
    "'-32768'::int2, 2147483647, (-9223372036854775808)::int8, 7::oid, 'x'::\"char\"",
    "0.1::float4, 'NaN'::float8, '-Infinity'::float8, true, false",
    "'é'::text, 'ab'::varchar(5), 'ab'::char(4), 'n'::name, '\\x00ff'::bytea",
    "12345.678900::numeric, 'NaN'::numeric, '-0.00001'::numeric, 1e30::numeric, 0::numeric(5,2)",
    "'2020-02-29'::date, '0044-03-15 BC'::date, 'infinity'::date, '23:59:59.999999'::time, '12:00+05:30'::timetz",
    "'2020-02-29 12:34:56.789'::timestamp, '1999-12-31 23:00+00'::timestamptz, '1 mon -2 days 03:00:00.5'::interval",
    "'{\"b\": 1}'::json, '{\"b\": [true, null, 1.50]}'::jsonb, '5d0f3c26-0b1e-4d5f-8a3e-0123456789ab'::uuid",
    "'101'::bit(3), '10'::varbit, '$.a[*]'::jsonpath",
    "'{1,NULL,3}'::int4[], '{{a,b},{c,NULL}}'::text[], '{}'::int8[], '[2:3]={1.5,2}'::numeric[]",
    "'pg_class'::regclass, 'int4'::regtype, ROW(1, 'x'::text, NULL::int2)",
]

BINARY_CASES: list[tuple[str, str | bytes]] = [
    (CT, HEADER + FIRST + SECOND + END),
    (CT, HEADER + END),
    (CT, HEADER),
    (CT, HEADER + FIRST),
    (CT, HEADER + FIRST + b"\xff"),
    (CT, SIGNATURE + pack("!Ii", 0x8000, 5) + b"extra" + FIRST + END),
    ("COPY BINARY ct (a, b) FROM STDIN", HEADER + FIRST + END),
    ("COPY ct (a, b) FROM STDIN BINARY", HEADER + FIRST + END),
    (CT + " WHERE a > 1", HEADER + FIRST + SECOND + END),
    ("COPY wide FROM STDIN (FORMAT binary)", HEADER + WIDE + row(*[None] * 10) + END),
    ("COPY ch FROM STDIN (FORMAT binary)", HEADER + row(None, int4(-1), pack("!4h", 1, 0, 0, 2) + pack("!h", 3)) + END),
    # what a row must satisfy
    (CT, HEADER + FIRST + FIRST + END),
    (CT, HEADER + FIRST + row(int4(5), None) + END),
    ("COPY ct (a, b, c) FROM STDIN (FORMAT binary)", HEADER + row(int4(1), b"x", int4(-1)) + END),
    (INJ, HEADER + row(int4(1), b"abcd") + END),
    (INJ, HEADER + row(int4(1), b"abc   ") + END),
    ("COPY ch FROM STDIN (FORMAT binary)", HEADER + row(None, None, pack("!4h", 1, 0, 0, 0) + pack("!h", 100)) + END),
    # files that are wrong
    (CT, b"1\tx\n"),
    (CT, b"1\tx\n2\ty\n3\tz\n4\tu\n5\tv\n"),
    (CT, SIGNATURE[:-1]),
    (CT, SIGNATURE),
    (CT, SIGNATURE + bytes(4)),
    (CT, SIGNATURE + bytes(7)),
    (CT, SIGNATURE + pack("!Ii", 0, -1)),
    (CT, SIGNATURE + pack("!Ii", 0, 4) + b"xy"),
    (CT, SIGNATURE + pack("!Ii", 1 << 16, 0) + END),
    (CT, SIGNATURE + pack("!Ii", 1 << 17, 0) + END),
    (CT, HEADER + FIRST + END + b"x"),
    (CT, HEADER + FIRST + END + SECOND),
    (CT, HEADER + FIRST + row(int4(2)) + END),
    (CT, HEADER + FIRST + row(int4(2), b"y", b"z") + END),
    (CT, HEADER + pack("!h", 0) + END),
    (CT, HEADER + pack("!h", -2) + END),
    (CT, HEADER + FIRST + SECOND[:3]),
    (CT, HEADER + FIRST + SECOND[:8]),
    (CT, HEADER + FIRST + SECOND[:-1]),
    (CT, HEADER + pack("!hi", 2, -2)),
    (CT, HEADER + row(b"abcde", b"x") + END),
    (CT, HEADER + FIRST + row(int4(2), b"\xff") + END),
    (CT, HEADER + FIRST + row(int4(2), b"a\0b") + END),
    ("COPY wide (b) FROM STDIN (FORMAT binary)", HEADER + row(b"\2") + row(b"\0") + END),
    ("COPY wide (j) FROM STDIN (FORMAT binary)", HEADER + row(b"\1{") + END),
    ("COPY wide (ar) FROM STDIN (FORMAT binary)", HEADER + row(pack("!3i", 1, 0, 25)) + END),
    # options
    ("COPY ct TO STDOUT (FORMAT binary, QUOTE '''')", b""),
    ("COPY ct TO STDOUT (FORMAT binary, FORCE_QUOTE *)", b""),
    ("COPY ct TO STDOUT (FORMAT binary, HEADER)", b""),
    # TO
    ("COPY ct TO STDOUT (FORMAT binary)", b""),
    ("COPY BINARY ct TO STDOUT", b""),
    ("COPY (SELECT g, NULL, g::text FROM generate_series(1, 3) g) TO STDOUT (FORMAT binary)", b""),
    ("COPY (SELECT 1 WHERE false) TO STDOUT (FORMAT binary)", b""),
    ("COPY (SELECT FROM generate_series(1, 2)) TO STDOUT (FORMAT binary)", b""),
    ("COPY (SELECT 1 / (g - 2) FROM generate_series(1, 3) g) TO STDOUT (FORMAT binary)", b""),
    *((f"COPY (SELECT {values}) TO STDOUT (FORMAT binary)", b"") for values in LITERALS),
]
