"""Random calls of single functions over random texts: patterns, formats, dates, numbers, documents and paths.

Each family is a function that returns the text of one query. An error's SQLSTATE counts as much as a value: nothing is
evaluated in an order of its own here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

from tests.differential.doors import Conversation
from tests.differential.recording import Answer

from .compare import signature

__all__ = ["FAMILIES", "differing"]


def quoted(text: str) -> str:
    """Return a text as a literal."""
    return "'" + text.replace("'", "''") + "'"


def _text(rng: random.Random, alphabet: str = "abcAB1 _-\n", most: int = 8) -> str:
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(0, most)))


# -- patterns ----------------------------------------------------------------------------------------------------------


def _pattern(rng: random.Random, depth: int, groups: list[int]) -> str:
    atom = rng.random()
    if depth > 0 and atom < 0.2:
        groups[0] += 1
        inner = f"({_pattern(rng, depth - 1, groups)})"
    elif depth > 0 and atom < 0.27:
        inner = f"(?:{_pattern(rng, depth - 1, groups)})"
    elif depth > 0 and atom < 0.31:
        return rng.choice(["(?=", "(?!", "(?<=", "(?<!"]) + _plain(rng) + ")"
    elif atom < 0.35 and groups[0]:
        inner = f"\\{rng.randint(1, groups[0])}"
    else:
        inner = _plain(rng)
    if rng.random() < 0.35:
        inner += rng.choice(["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,1}?", "{1,}", "{,2}", "{0}", "**"])
    roll = rng.random()
    if depth > 0 and roll < 0.45:
        return inner + _pattern(rng, depth - 1, groups)
    if depth > 0 and roll < 0.57:
        return f"{inner}|{_pattern(rng, depth - 1, groups)}"
    return inner


def _plain(rng: random.Random) -> str:
    return rng.choice(
        ["a", "b", "c", "A", "1", " ", ".", "[ab]", "[^a]", "[a-c1]", "\\d", "\\w", "\\s", "\\D", "\\W", "\\S",
        "^", "$",
         "\\m", "\\M", "\\y", "\\Y", "\\A", "\\Z", "[[:alpha:]]", "[[:digit:]_]", "[]a]", "[a-]", "\\.", "ab", "",
         "[[:<:]]", "[[:>:]]", "\\n", "[^[:space:]]", "x"]
    )  # fmt: skip


def regular_expressions(rng: random.Random) -> str:
    """Return a query about a regular expression."""
    pattern = quoted(_pattern(rng, 3, [0]))
    text = quoted(_text(rng, "aabbcA1 _\n", 10))
    flags = quoted(rng.choice(["", "", "g", "i", "n", "s", "x", "gi", "w", "p", "q", "c", "m"]))
    match rng.randrange(8):
        case 0:
            return f"SELECT {text} {rng.choice(['~', '!~', '~*', '!~*'])} {pattern}"
        case 1:
            return f"SELECT substring({text} FROM {pattern})"
        case 2:
            return f"SELECT regexp_match({text}, {pattern}, {flags})"
        case 3:
            replacement = quoted(rng.choice(["X", "\\1", "[\\&]", "\\2\\1", "\\\\", "", "\\"]))
            return f"SELECT regexp_replace({text}, {pattern}, {replacement}, {flags})"
        case 4:
            return f"SELECT array(SELECT regexp_matches({text}, {pattern}, 'g'))::text"
        case 5:
            return f"SELECT regexp_split_to_array({text}, {pattern})"
        case 6:
            return f"SELECT regexp_count({text}, {pattern}), regexp_instr({text}, {pattern}, 1, {rng.randint(1, 3)})"
    start, nth = rng.randint(1, 4), rng.randint(1, 3)
    return f"SELECT regexp_substr({text}, {pattern}, {start}, {nth}), regexp_like({text}, {pattern})"


def likes(rng: random.Random) -> str:
    """Return a query about LIKE or SIMILAR TO."""
    text = quoted(_text(rng, "aab%_\\B", 8))
    if rng.random() < 0.6:
        pattern = quoted(_text(rng, "aab%%__\\B", 7))
        escape = rng.choice(["", "", "", " ESCAPE 'a'", " ESCAPE ''", " ESCAPE '%'"])
        return f"SELECT {text} {rng.choice(['LIKE', 'NOT LIKE', 'ILIKE'])} {pattern}{escape}"
    parts = [rng.choice(["a", "b", "%", "_", "(a|b)", "[ab]", "a*", "b+", "a?", "(ab){2}", "%b", "\\%", "|", "[^a]"])
             for _ in range(rng.randint(0, 5))]  # fmt: skip
    return f"SELECT {text} SIMILAR TO {quoted(''.join(parts))}"


# -- numbers -----------------------------------------------------------------------------------------------------------


def _number(rng: random.Random, most: int = 20) -> str:
    digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(1, most)))
    if rng.random() < 0.6:
        position = rng.randint(0, len(digits))
        digits = f"{digits[:position] or '0'}.{digits[position:]}"
    if rng.random() < 0.1:
        digits += f"e{rng.randint(-20, 20)}"
    return rng.choice(["", "", "-"]) + digits


def numerics(rng: random.Random) -> str:
    """Return a query about numeric arithmetic."""
    one, other = f"'{_number(rng)}'::numeric", f"'{_number(rng)}'::numeric"
    small = f"'{_number(rng, 3)}'::numeric"
    return "SELECT " + rng.choice(
        [
            f"{one} {rng.choice('+-*/%')} {other}",
            f"{one} / nullif({small}, 0)",
            f"div({one}, {other})",
            f"mod({one}, {small})",
            f"round({one}, {rng.randint(-5, 12)}), trunc({one}, {rng.randint(-5, 12)})",
            f"sqrt(abs({one}))",
            f"exp({small} / 10)",
            f"ln(abs({one}))",
            f"log(abs({one})), log(2, abs({one}))",
            f"power(abs({small}), {rng.choice(['2', '0.5', '-1', '3.7', '10', '-2.25', '0'])})",
            f"power({small}, {rng.randint(-4, 6)})",
            f"{one}::float8, {one}::real",
            f"{one}::numeric({rng.randint(1, 30)},{rng.randint(-2, 10)})",
            f"{one}::int, {other}::bigint",
            f"ceil({one}), floor({one}), sign({one}), scale({one}), min_scale({one}), trim_scale({one})",
            f"gcd({one}, {other}), lcm({small}, {small})",
            f"width_bucket({one}, 0, {small}, 7)",
            f"factorial({rng.randint(-1, 30)})",
            f"({one} = {other}), ({one} < {other}), greatest({one}, {other})",
            f"{one}::text, {_number(rng)}",
            f"avg(x), sum(x), stddev(x), variance(x) FROM (VALUES ({one}), ({other}), ({small})) v (x)",
        ]
    )


def floats(rng: random.Random) -> str:
    """Return a query about floating point."""
    kind = rng.choice(["float8", "float8", "real"])
    one, other = f"'{_number(rng, 18)}'::{kind}", f"'{_number(rng, 5)}'::{kind}"
    return "SELECT " + rng.choice(
        [
            f"{one}, {other}",
            f"{one} {rng.choice('+-*/')} {other}",
            f"{one}::numeric, {one}::text",
            f"{one}::int, {one}::bigint, {other}::smallint",
            f"round({one}), trunc({one}), ceil({one}), floor({one}), sign({one})",
            f"{one} * 1e{rng.randint(-300, 300)}",
            f"power(abs({other}), {rng.choice(['2', '0.5', '-1', '3'])}), cbrt({one}), sqrt(abs({one}))",
            f"{one}::real::float8, {one}::float8::real",
            f"({one})::numeric(20, 4)",
        ]
    )


def number_formats(rng: random.Random) -> str:
    """Return a query about to_char and to_number of numbers."""
    parts = ["9", "9", "9", "0", "0", ".", ",", "D", "G", "S", "MI", "PR", "PL", "SG", "FM", "L", "V", "EEEE",
    "TH", "th",
             "RN", "rn", "B", "x", '"a"', " ", "99", "000"]  # fmt: skip
    template = quoted("".join(rng.choice(parts) for _ in range(rng.randint(1, 7))))
    number = _number(rng, 8)
    match rng.randrange(4):
        case 0:
            return f"SELECT to_char('{number}'::numeric, {template})"
        case 1:
            return f"SELECT to_char({rng.randint(-5000, 100000)}, {template})"
        case 2:
            return f"SELECT to_char('{number}'::float8, {template})"
    return f"SELECT to_number({quoted(rng.choice(['', ' ', '-', '$']) + number.replace('e', ''))}, {template})"


# -- dates -------------------------------------------------------------------------------------------------------------


def _timestamp(rng: random.Random) -> str:
    year = rng.choice([rng.randint(1, 9999), rng.randint(1990, 2030), 1970, 2000])
    text = f"{year:04}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02} {rng.randint(0, 23):02}:{rng.randint(0, 59):02}"
    text += f":{rng.choice(['00', '59.999999', '30.5', '07.123'])}"
    return text + rng.choice(["", "", "", " BC"])


def _interval(rng: random.Random) -> str:
    units = ["year", "month", "day", "hour", "minute", "second", "week", "decade", "millisecond"]
    parts = [f"{rng.choice(['', '-'])}{rng.choice(['0', '1', '2.5', '13', '100', '0.1'])} {rng.choice(units)}"
             for _ in range(rng.randint(1, 4))]  # fmt: skip
    return " ".join(parts) + rng.choice(["", "", " ago"])


QUALIFIERS = ["year", "month", "day to hour", "second(2)", "day", "hour to second"]
BROKEN = ["{", "}", "{{}", "{1,}", "{,}", "{a b}", "{ a , b }", "{1}{2}", "{{1},{2,3}}", "[1:1]={1,2}"]
FIELDS = ["year", "month", "day", "hour", "minute", "second", "week", "quarter", "decade", "century", "millennium",
          "milliseconds", "microseconds", "dow", "isodow", "doy", "isoyear", "epoch", "julian", "timezone"]  # fmt: skip
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "+03", "EST5EDT", "Australia/Lord_Howe", "PST"]


def dates(rng: random.Random) -> str:
    """Return a query about dates, times and intervals."""
    stamp, other, interval = _timestamp(rng), _timestamp(rng), _interval(rng)
    field = rng.choice(FIELDS)
    kind = rng.choice(["timestamp", "timestamptz", "date"])
    return "SELECT " + rng.choice(
        [
            f"timestamp '{stamp}' {rng.choice('+-')} interval '{interval}'",
            f"timestamptz '{stamp}' {rng.choice('+-')} interval '{interval}'",
            f"date '{stamp}' {rng.choice('+-')} interval '{interval}'",
            f"timestamp '{stamp}' - timestamp '{other}'",
            f"age(timestamp '{stamp}', timestamp '{other}'), age(date '{stamp}')  - age(date '{stamp}')",
            f"extract({field} FROM {kind} '{stamp}'), date_part('{field}', {kind} '{stamp}')",
            f"extract({field} FROM interval '{interval}')",
            f"date_trunc('{field}', {rng.choice(['timestamp', 'timestamptz'])} '{stamp}')",
            f"date_trunc('{field}', interval '{interval}')",
            f"interval '{interval}', interval '{interval}' * {rng.choice(['2', '0.3', '-1.5', '1e3'])}",
            f"interval '{interval}' / {rng.choice(['2', '0.3', '-7'])}, -interval '{interval}'",
            f"justify_interval(interval '{interval}'), justify_hours(interval '{interval}')",
            f"timestamp '{stamp}' AT TIME ZONE '{rng.choice(ZONES)}'",
            f"timestamptz '{stamp}' AT TIME ZONE '{rng.choice(ZONES)}'",
            f"date_bin('{rng.choice(['15 min', '1 day', '7 days', '1 hour 3 sec'])}', timestamp '{stamp}', '{other}')",
            f"interval '{interval}' < interval '{_interval(rng)}', interval '{interval}' = interval '{_interval(rng)}'",
            f"interval '{interval}' {rng.choice(QUALIFIERS)}",
            f"time '{stamp[11:16]}' + interval '{interval}', (timestamp '{stamp}')::time(1)",
            f"make_timestamp({rng.randint(-5, 2500)}, {rng.randint(0, 13)}, {rng.randint(1, 31)}, 5, 6, 7.5)",
            f"(timestamp '{stamp}', interval '{interval}') OVERLAPS (timestamp '{other}', interval '1 year')",
        ]
    )


DATE_PARTS = ["YYYY", "YYY", "YY", "Y", "Y,YYY", "IYYY", "IY", "MM", "MON", "Mon", "mon", "MONTH", "Month", "DD", "DDD",
              "D", "ID", "IDDD", "DAY", "Day", "dy", "HH", "HH12", "HH24", "MI", "SS", "MS", "US", "SSSS", "AM", "p.m.",
              "WW", "W", "IW", "CC", "J", "Q", "RM", "rm", "TZ", "tz", "OF", "BC", "a.d.", "FF3", "FF6", "TH",
              "th", "FM",
              "FX", "-", "/", ":", " ", ",", '"T"', ".", "TZH", "TZM", "SSSSS"]  # fmt: skip


def date_formats(rng: random.Random) -> str:
    """Return a query about to_char, to_date and to_timestamp."""
    template = quoted("".join(rng.choice(DATE_PARTS) for _ in range(rng.randint(1, 6))))
    stamp = _timestamp(rng)
    roll = rng.random()
    if roll < 0.4:
        return f"SELECT to_char({rng.choice(['timestamp', 'timestamptz'])} '{stamp}', {template})"
    if roll < 0.5:
        return f"SELECT to_char(interval '{_interval(rng)}', {template})"
    if roll < 0.75:
        return f"SELECT to_timestamp(to_char(timestamp '{stamp}', {template}), {template})"
    text = rng.choice(
        [stamp, stamp.replace("-", ""), stamp.replace("-", "/"), stamp[2:], stamp[:7], "12 Jan 2020", "5"]
    )
    return f"SELECT {rng.choice(['to_date', 'to_timestamp'])}({quoted(text)}, {template})"


def date_texts(rng: random.Random) -> str:
    """Return a query that reads a date, time or interval from a text of some form."""
    year, month, day = rng.choice(["2024", "1999", "24", "0044", "12345"]), rng.randint(0, 13), rng.randint(0, 32)
    name = rng.choice(["Jan", "february", "MAR", "Sept", "dec", "Foo"])
    forms = [f"{year}-{month}-{day}", f"{month}/{day}/{year}", f"{day} {name} {year}", f"{name} {day}, {year}",
             f"{year}{month:02}{day:02}", f"{day}-{name}-{year}", f"{year}.{month * 25}", f"J{month}451{day}", "epoch",
             "infinity", "now()", f"{year}-{month}", f"{name}-{day}-{year}", f"{year} {name} {day}", "today foo", "",
             f"{year}-{month}-{day}BC", f"{year}/{month}/{day}", f"{year}-W{month}-{day}"]  # fmt: skip
    clocks = ["", "", " 10:20", " 10:20:30.123456789", "T10:20:30Z", " 10:20 PM", " 25:00", " 24:00:00", " 10:60",
    " 102030",
              " 10:20:30 America/New_York", " 10:20+02", " 10:20:30-08:30", " 04:05:06.789 EST", " 1:2:3", " 23:59:60",
              " 10:20 am", " 13:00 am", " noon", " 10.5"]  # fmt: skip
    text = rng.choice(forms) + rng.choice(clocks)
    if rng.random() < 0.35:
        text = rng.choice(
            ["1 year", "P1Y2M3DT4H5M6.7S", "1-2", "3 4:05:06", "1 2", "-1-2 +3 -4:05:06", "PT",
            "P0001-02-03T04:05:06", "1.5",
             "1 mon ago", "@ 1 minute 2 secs", "1h 2m 3s", "5 weeks 3.5 days", "1:2", "::", "1 fortnight",
             "1 day 1 day", "P1W",
             "10:20:30.5", "-00:00:01", "1.25 years", "infinity", "1 month -1 day", "0.5 months", "1y2mon",
             "12e2 sec", "P-1Y",
             f"{rng.randint(-100, 100)} days {rng.randint(-30, 30)}:{rng.randint(0, 70)}"]
        )  # fmt: skip
        return f"SELECT {quoted(text)}::interval"
    return (
        f"SELECT {quoted(text)}::{rng.choice(['date', 'timestamp', 'timestamptz', 'time', 'timetz', 'timestamp(2)'])}"
    )


# -- documents ---------------------------------------------------------------------------------------------------------


def _document(rng: random.Random, depth: int = 3) -> str:
    roll = rng.random()
    if depth and roll < 0.3:
        return "[" + ", ".join(_document(rng, depth - 1) for _ in range(rng.randint(0, 3))) + "]"
    if depth and roll < 0.6:
        keys = rng.sample(["a", "b", "c", "", "a b"], rng.randint(0, 3))
        return "{" + ", ".join(f'"{key}": {_document(rng, depth - 1)}' for key in keys) + "}"
    return rng.choice(["1", "2.50", "-0", "1e3", '"a"', '"b"', '""', "true", "false", "null", '"\\u00e4"', '"1"', "10"])


def _path(rng: random.Random) -> str:
    steps = "".join(
        rng.choice([".a", ".b", "[0]", "[*]", "[1 to 2]", "[last]", ".*", ".**", ".size()", ".type()", ' ? (@.a > 1)',
                    ' ? (@ == "a")', ".double()", " ? (exists(@.b))", ".keyvalue()", ".floor()", ".abs()", " + 1",
                    " * 2",
                    ' ? (@ starts with "a")', ' ? (@ like_regex "^a")', " ? (@ > 1 && @ < 5)", ".c", '."a b"',
                    " ? ((@.a == 1) is unknown)", ".**{1}", ".ceiling()", " ? (!(@ == 1))"])
        for _ in range(rng.randint(0, 3))
    )  # fmt: skip
    return rng.choice(["", "", "strict ", "lax "]) + rng.choice(["$", "$", "$", "-$", "($.a + $.b)"]) + steps


def documents(rng: random.Random) -> str:
    """Return a query about jsonb."""
    one, other = f"jsonb {quoted(_document(rng))}", f"jsonb {quoted(_document(rng))}"
    key = quoted(rng.choice(["a", "b", "", "1"]))
    path = quoted(rng.choice(["{a}", "{a,b}", "{0}", "{a,0}", "{-1}", "{}", "{b,1,a}"]))
    wanted = quoted(_path(rng))
    return "SELECT " + rng.choice(
        [
            f"{one} -> {key}, {one} ->> {rng.choice(['0', '-1', '5', key])}, {one} #> {path}, {one} #>> {path}",
            f"{one} @> {other}, {one} <@ {other}, {one} ? {key}, {one} ?| array['a', '1'], {one} ?& array['a', 'b']",
            f"{one} || {other}",
            f"{one} - {key}",
            f"{one} - {rng.randint(-2, 2)}",
            f"{one} #- {path}",
            f"jsonb_set({one}, {path}, {other}, {rng.choice(['true', 'false'])})",
            f"jsonb_insert({one}, {path}, {other}, {rng.choice(['true', 'false'])})",
            f"{one} = {other}, {one} < {other}, {one} > {other}",
            f"jsonb_strip_nulls({one}), jsonb_pretty({one}), jsonb_typeof({one})",
            f"jsonb_path_query_array({one}, {wanted}), jsonb_path_exists({one}, {wanted})",
            f"jsonb_path_query_first({one}, {wanted}), {one} @? {wanted}, {one} @@ {wanted}",
            f"jsonb_path_query_array({one}, {wanted}, '{{}}', true)",
            f"{one}::text::json, json {quoted(_document(rng))} -> {key}, json {quoted(_document(rng))} #>> {path}",
            f"jsonb_array_length({one})",
            f"array(SELECT jsonb_array_elements_text({one}))",
            f"array(SELECT jsonb_object_keys({one}))",
            f"array(SELECT (key, value)::text FROM jsonb_each_text({one}))",
            f"({one})::int, ({one})::text",
            f"({one})::numeric",
            f"({one})::boolean",
            f"({one})[{key}], ({one})['a'][0]",
            f"{quoted(_document(rng)[: rng.randint(0, 12)])}::jsonb",
            f"{quoted(_document(rng)[: rng.randint(0, 12)])}::json",
            f"{wanted}::jsonpath",
            f"to_jsonb(array[{one}, {other}]), jsonb_build_object({key}, {one}, 'z', {other})",
        ]
    )


# -- texts and arrays --------------------------------------------------------------------------------------------------


def texts(rng: random.Random) -> str:
    """Return a query about text functions."""
    one, other = quoted(_text(rng, "abcäß€ A-1", 9)), quoted(_text(rng, "abä ", 3))
    n, m = rng.randint(-3, 8), rng.randint(-2, 5)
    template = quoted("".join(rng.choice(["%s", "%I", "%L", "%%", "%1$s", "%2$I", "%5s", "%-6s|", "%*s", "a", "%",
    "%x"])
                              for _ in range(rng.randint(1, 4))))  # fmt: skip
    return "SELECT " + rng.choice(
        [
            f"substr({one}, {n}, {abs(m)}), left({one}, {n}), right({one}, {n})",
            f"substring({one} FROM {n} FOR {m})",
            f"overlay({one} PLACING {other} FROM {n} FOR {m})",
            f"overlay({one} PLACING {other} FROM {n})",
            f"lpad({one}, {n}, {other}), rpad({one}, {n}, {other}), lpad({one}, {n})",
            f"trim({other} FROM {one}), ltrim({one}, {other}), rtrim({one}, {other}), btrim({one})",
            f"translate({one}, {other}, {quoted(_text(rng, 'xy', 2))}), replace({one}, {other}, 'X')",
            f"split_part({one}, {other}, {n})",
            f"string_to_array({one}, {other}), string_to_array({one}, {other}, 'a'), string_to_array({one}, NULL)",
            f"initcap({one}), upper({one}), lower({one}), reverse({one}), length({one}), octet_length({one})",
            f"strpos({one}, {other}), position({other} IN {one}), starts_with({one}, {other})",
            f"ascii({one}), md5({one}), quote_literal({one}), quote_ident({one}), quote_nullable({one})",
            f"format({template}, {one}, {other}, {n})",
            f"format({template}, {n}, {one})",
            f"repeat({other}, {n}), concat_ws({other}, {one}, NULL, {n}), concat({one}, NULL, {n}, true)",
            f"{one}::varchar({abs(n) + 1}), {one}::char({abs(n) + 1}), {one}::char(9) = {other}, {one}::name",
            f"encode({one}::bytea, {rng.choice(['hex', 'base64', 'escape']).__repr__()})",
            f"decode({quoted(_text(rng, 'abAB01=+', 8))}, {rng.choice(['hex', 'base64', 'escape']).__repr__()})",
            f"{one} < {other}, {one} = {other}, {one} || {other} > {other}, greatest({one}, {other})",
            f"chr({rng.choice([0, 65, 228, 8364, 55296, 1114111, 1114112, -1])})",
            f"to_hex({rng.randint(-300, 300)}), unistr('\\0041'), normalize({one}), {one} IS NORMALIZED",
            f"parse_ident({quoted(_text(rng, 'ab.A', 6))})",
            f"string_agg(x, {other}) FROM (VALUES ({one}), ({other})) v (x)",
        ]
    )


def arrays(rng: random.Random) -> str:
    """Return a query about arrays, their texts too."""

    def literal(depth: int = 2) -> str:
        if depth and rng.random() < 0.3:
            return "{" + ",".join(literal(depth - 1) for _ in range(rng.randint(0, 3))) + "}"
        items = ["1", "2", "3", "NULL", "-4", "1"] + (["", "a", '"b"'] if rng.random() < 0.1 else [])
        body = ",".join(rng.choice(items) for _ in range(rng.randint(0, 4)))
        return rng.choice(["", "", "", "[0:1]=", "[2:4]="]) * (depth == 2) + "{" + body + "}"

    one, other = f"'{literal()}'::int[]", f"'{literal(1)}'::int[]"
    n, m = rng.randint(-1, 4), rng.randint(-1, 4)
    return "SELECT " + rng.choice(
        [
            f"{one}, array_dims({one}), array_ndims({one}), array_length({one}, 1), cardinality({one})",
            f"({one})[{n}], ({one})[{n}:{m}], ({one})[:{m}], ({one})[{n}][{m}], ({one})[{n}:{m}][1:2]",
            f"{one} || {other}",
            f"{one} || {n}, {n} || {one}",
            f"array_cat({one}, {other}), array_append({other}, {n}), array_prepend({n}, {other})",
            f"{one} = {other}, {one} < {other}, {one} @> {other}, {one} && {other}",
            f"array_remove({other}, {n}), array_replace({other}, {n}, {m}), array_position({other}, {n})",
            f"array_to_string({one}, ',', '*'), {one}::text, {one}::text[]",
            f"array(SELECT unnest({one})), array_upper({one}, 1), array_lower({one}, 1)",
            f"array_fill({n}, array[{abs(m)}]), trim_array({other}, {n})",
            f"array[{one}, {other}]",
            f"{n} = ANY ({one}), {n} <> ALL ({one}), {n} < ANY ({other})",
            f"array_positions({other}, {n}), generate_subscripts({one}, 1)",
            f"{quoted(rng.choice(BROKEN))}::text[]",
        ]
    )


FAMILIES: dict[str, Callable[[random.Random], str]] = {
    "regular expressions": regular_expressions,
    "likes": likes,
    "numerics": numerics,
    "floats": floats,
    "number formats": number_formats,
    "dates": dates,
    "date formats": date_formats,
    "date texts": date_texts,
    "documents": documents,
    "texts": texts,
    "arrays": arrays,
}


def differing(reference: Conversation, tested: Conversation, family: str, seed: int, count: int) -> Iterator[str]:
    """Ask queries of a family; yield those that differ, each with both answers."""
    rng = random.Random(f"{family} {seed}")
    for _ in range(count):
        text = FAMILIES[family](rng)
        left, right = reference.send(text), tested.send(text)
        if not _same(left, right):
            yield f"{text};\n    {_shown(left)}\n    {_shown(right)}"


def _shown(answer: Answer) -> str:
    if answer.failure is not None:
        return f"{answer.failure.sqlstate} {answer.failure.message}"
    return " ; ".join(" | ".join("NULL" if v is None else repr(v) for v in row) for row in answer.results[0].rows)


def _same(left: Answer, right: Answer) -> bool:
    if signature(left) != signature(right):
        return False
    if left.failure is not None or right.failure is not None:
        return True
    one, other = left.results[0], right.results[0]
    if len(one.rows) != len(other.rows):
        return False
    kinds = [kind for _, kind in one.columns or ()]
    return all(
        _close(a, b, kind)
        for row, twin in zip(one.rows, other.rows, strict=True)
        for a, b, kind in zip(row, twin, kinds, strict=True)
    )


def _close(a: str | None, b: str | None, kind: str) -> bool:
    if a == b:
        return True
    if a is None or b is None or kind != "double precision":
        return False
    try:
        return abs(float(a) - float(b)) <= 4e-16 * abs(float(a))
    except ValueError:
        return False
