"""The functions of ``bytea`` (section 9.5): cutting, bytes and bits, digests, and the conversions to and from text.

Bytes are numbered from 0, bits too, each byte's least significant bit first; the cutting functions count from 1 as
for text.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator

from heliosdb.errors import (
    ArraySubscriptError,
    CharacterNotInRepertoire,
    InvalidParameterValue,
    InvalidTextRepresentation,
    UntranslatableCharacter,
)
from heliosdb.types.bytea import hexadecimal, unescape_text
from heliosdb.types.definitions import ScalarFunction, Volatility
from heliosdb.types.string_functions import overlay, strpos, substring

__all__ = ["FUNCTIONS"]

BASE64_LINE = 76

CODECS = {
    "utf8": "utf-8",
    "unicode": "utf-8",
    "latin1": "latin-1",
    "iso88591": "latin-1",
    "latin2": "iso8859-2",
    "latin3": "iso8859-3",
    "latin4": "iso8859-4",
    "latin5": "iso8859-9",
    "latin9": "iso8859-15",
    "iso88595": "iso8859-5",
    "iso88596": "iso8859-6",
    "iso88597": "iso8859-7",
    "iso88598": "iso8859-8",
    "win1250": "cp1250",
    "win1251": "cp1251",
    "win1252": "cp1252",
    "win1253": "cp1253",
    "win1254": "cp1254",
    "win1258": "cp1258",
    "abc": "cp1258",
    "tcvn": "cp1258",
    "win866": "cp866",
    "koi8r": "koi8-r",
    "koi8u": "koi8-u",
    "eucjp": "euc-jp",
    "euckr": "euc-kr",
    "sjis": "shift-jis",
    "big5": "big5",
    "gbk": "gbk",
    "gb18030": "gb18030",
}
"""PostgreSQL's encoding names, without case and punctuation, and Python's."""

_OFFICIAL_NAMES = {
    "unicode": "UTF8",
    "iso88591": "LATIN1",
    "iso88595": "ISO_8859_5",
    "iso88596": "ISO_8859_6",
    "iso88597": "ISO_8859_7",
    "iso88598": "ISO_8859_8",
    "abc": "WIN1258",
    "tcvn": "WIN1258",
    "koi8r": "KOI8R",
    "eucjp": "EUC_JP",
    "euckr": "EUC_KR",
}


def encode(data: bytes, form: str) -> str:
    """Write bytes as text in ``hex``, ``base64`` or ``escape``."""
    name = form.lower()
    if name == "hex":
        return data.hex()
    if name == "base64":
        text = binascii.b2a_base64(data, newline=False).decode("ascii")
        return "\n".join(text[i : i + BASE64_LINE] for i in range(0, len(text), BASE64_LINE))
    if name == "escape":
        return "".join(
            "\\\\" if byte == 0x5C else f"\\{byte:03o}" if byte == 0 or byte > 0x7F else chr(byte) for byte in data
        )
    raise InvalidParameterValue(f'unrecognized encoding: "{form}"')


def decode(text: str, form: str) -> bytes:
    """Read bytes from text in ``hex``, ``base64`` or ``escape``."""
    name = form.lower()
    if name == "hex":
        return hexadecimal(text)
    if name == "base64":
        return _base64(text)
    if name == "escape":
        data = unescape_text(text)
        if data is None:
            raise InvalidTextRepresentation("invalid input syntax for type bytea")
        return data
    raise InvalidParameterValue(f'unrecognized encoding: "{form}"')


def _base64(text: str) -> bytes:
    """Decode base64 as PostgreSQL does: blanks anywhere, padding required."""
    wrong = re.search(r"[^A-Za-z0-9+/= \t\n\r]", text)
    if wrong is not None:
        raise InvalidParameterValue(f'invalid symbol "{wrong.group()}" found while decoding base64 sequence')
    digits = re.sub(r"[ \t\n\r]", "", text)
    first = digits.find("=")
    if first >= 0:
        # The first one ends the data, whatever its group, and the groups after it, hold besides.
        if first % 4 < 2:
            raise InvalidParameterValue('unexpected "=" while decoding base64 sequence')
        kept = first % 4 - 1
    if len(digits) % 4:
        raise InvalidParameterValue(
            "invalid base64 end sequence",
            hint="Input data is missing padding, is truncated, or is otherwise corrupted.",
        )
    if first < 0:
        return binascii.a2b_base64(digits)
    data = binascii.a2b_base64(digits.replace("=", "A"))
    whole = first // 4 * 3
    return data[:whole] + b"".join(data[at : at + kept] for at in range(whole, len(data), 3))


def _byte_at(data: bytes, index: int) -> None:
    if not 0 <= index < len(data):
        raise ArraySubscriptError(f"index {index} out of valid range, 0..{len(data) - 1}")


def get_byte(data: bytes, index: int) -> int:
    """Return a byte as a number."""
    _byte_at(data, index)
    return data[index]


def set_byte(data: bytes, index: int, value: int) -> bytes:
    """Return the bytes with one replaced."""
    _byte_at(data, index)
    return data[:index] + bytes((value & 0xFF,)) + data[index + 1 :]


def _bit_at(data: bytes, index: int) -> None:
    if not 0 <= index < 8 * len(data):
        raise ArraySubscriptError(f"index {index} out of valid range, 0..{8 * len(data) - 1}")


def get_bit(data: bytes, index: int) -> int:
    """Return a bit."""
    _bit_at(data, index)
    return data[index // 8] >> (index % 8) & 1


def set_bit(data: bytes, index: int, value: int) -> bytes:
    """Return the bytes with one bit replaced."""
    _bit_at(data, index)
    if value not in (0, 1):
        raise InvalidParameterValue("new bit must be 0 or 1")
    byte = data[index // 8] & ~(1 << index % 8) | value << index % 8
    return data[: index // 8] + bytes((byte,)) + data[index // 8 + 1 :]


def bit_count(data: bytes) -> int:
    """Return the number of bits that are set."""
    return int.from_bytes(data, "big").bit_count()


def _trim(method: Callable[[bytes, bytes], bytes]) -> Callable[[bytes, bytes], bytes]:
    def trim(data: bytes, characters: bytes) -> bytes:
        return method(data, characters) if characters else data

    return trim


def bit_length(data: bytes) -> int:
    """Return eight times the number of bytes."""
    return 8 * len(data)


def md5_bytes(data: bytes) -> str:
    """Return the MD5 digest in hexadecimal."""
    from hashlib import md5

    return md5(data, usedforsecurity=False).hexdigest()


def _digest(name: str) -> Callable[[bytes], bytes]:
    def digest(data: bytes) -> bytes:
        # Imported here: few statements need it, and it loads the system's cryptography.
        from hashlib import new

        return new(name, data).digest()

    return digest


def _codec(name: str, role: str = "") -> str:
    codec = CODECS.get(re.sub(r"[^a-z0-9]", "", name.lower()))
    if codec is None:
        raise InvalidParameterValue(f'invalid {role} encoding name "{name}"'.replace("  ", " "))
    return codec


def _official(name: str) -> str:
    """Return an encoding's own name for a message."""
    return _OFFICIAL_NAMES.get(re.sub(r"[^a-z0-9]", "", name.lower()), name.upper())


def _decoded(data: bytes, name: str) -> str:
    codec = _codec(name, "source")
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as error:
        wrong = " ".join(f"0x{byte:02x}" for byte in data[error.start : error.end])
        raise CharacterNotInRepertoire(f'invalid byte sequence for encoding "{_official(name)}": {wrong}') from None
    if "\0" in text:
        raise CharacterNotInRepertoire(f'invalid byte sequence for encoding "{_official(name)}": 0x00')
    return text


def _encoded(text: str, name: str) -> bytes:
    try:
        return text.encode(_codec(name, "destination"))
    except UnicodeEncodeError as error:
        wrong = " ".join(f"0x{byte:02x}" for byte in text[error.start].encode("utf-8"))
        raise UntranslatableCharacter(
            f'character with byte sequence {wrong} in encoding "UTF8" has no equivalent in encoding "{_official(name)}"'
        ) from None


def convert(data: bytes, source: str, destination: str) -> bytes:
    """Translate bytes from one character encoding to another."""
    _codec(source, "source")
    _codec(destination, "destination")
    return _encoded(_decoded(data, source), destination)


def length_in(data: bytes, name: str) -> int:
    """Return the number of characters of bytes in a character encoding."""
    _codec(name)
    return len(_decoded(data, name))


def _functions() -> Iterator[ScalarFunction]:
    data, int4, int8 = "bytea", "int4", "int8"
    for name in ("length", "octet_length"):
        yield ScalarFunction(name, (data,), int4, len)
    yield ScalarFunction("bit_length", (data,), int4, bit_length)
    for name in ("substr", "substring"):
        yield ScalarFunction(name, (data, int4), data, substring)
        yield ScalarFunction(name, (data, int4, int4), data, substring)
    yield ScalarFunction("overlay", (data, data, int4), data, overlay)
    yield ScalarFunction("overlay", (data, data, int4, int4), data, overlay)
    yield ScalarFunction("position", (data, data), int4, strpos)
    yield ScalarFunction("btrim", (data, data), data, _trim(bytes.strip))
    yield ScalarFunction("ltrim", (data, data), data, _trim(bytes.lstrip))
    yield ScalarFunction("rtrim", (data, data), data, _trim(bytes.rstrip))
    yield ScalarFunction("get_byte", (data, int4), int4, get_byte)
    yield ScalarFunction("set_byte", (data, int4, int4), data, set_byte)
    yield ScalarFunction("get_bit", (data, int8), int4, get_bit)
    yield ScalarFunction("set_bit", (data, int8, int4), data, set_bit)
    yield ScalarFunction("bit_count", (data,), int8, bit_count)
    yield ScalarFunction("md5", (data,), "text", md5_bytes)
    yield ScalarFunction("sha224", (data,), data, _digest("sha224"))
    yield ScalarFunction("sha256", (data,), data, _digest("sha256"))
    yield ScalarFunction("sha384", (data,), data, _digest("sha384"))
    yield ScalarFunction("sha512", (data,), data, _digest("sha512"))
    yield ScalarFunction("encode", (data, "text"), "text", encode)
    yield ScalarFunction("decode", ("text", "text"), data, decode)
    stable = Volatility.STABLE
    yield ScalarFunction("convert_from", (data, "name"), "text", _decoded, volatility=stable)
    yield ScalarFunction("convert_to", ("text", "name"), data, _encoded, volatility=stable)
    yield ScalarFunction("convert", (data, "name", "name"), data, convert, volatility=stable)
    yield ScalarFunction("length", (data, "name"), int4, length_in, volatility=stable)


FUNCTIONS: tuple[ScalarFunction, ...] = tuple(_functions())
