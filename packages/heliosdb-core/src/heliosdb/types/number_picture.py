"""The pictures of ``to_char`` and ``to_number`` for numbers (section 9.8, table 9.30), cut into items and summed up.

A picture is a sequence of keywords (``9 0 . , D G S MI PL SG PR V EEEE RN TH FM L``) and other characters, which
stand for themselves. ``Picture`` also holds what the items say together: how many digits before and after the point,
where leading zeros start, which sign style. Combinations that contradict each other are syntax errors, as in
PostgreSQL.
"""

from __future__ import annotations

from functools import lru_cache

from attrs import define

from heliosdb.errors import SqlSyntaxError

__all__ = ["Item", "Picture", "parse_picture"]

CACHED_PICTURES = 128

# Longer keywords first where one starts another; the letters work in either case.
_KEYWORDS = (
    "EEEE",
    "FM",
    "MI",
    "PL",
    "PR",
    "RN",
    "SG",
    "SP",
    "TH",
    ",",
    ".",
    "0",
    "9",
    "B",
    "C",
    "D",
    "G",
    "L",
    "S",
    "V",
)


@define
class Item:
    """One keyword (in upper case; ``lower`` where it was written so) or one literal character (``keyword`` empty)."""

    keyword: str
    literal: str = ""
    lower: bool = False


@define
class Picture:
    """What a picture's items say together; the writer changes a copy of it."""

    items: tuple[Item, ...] = ()
    before: int = 0
    after: int = 0
    shift: int = 0
    """Digits after V: the number is multiplied by a power of ten."""
    zero_start: int = 0
    zero_end: int = 0
    sign_before: int = 0
    """Digits before the sign keyword S."""
    sign_place: str = ""
    """Where S anchors the sign: "", "before", "after"."""
    zeros: bool = False
    blank: bool = False
    point: bool = False
    fill: bool = False
    """FM: no padding."""
    anchored: bool = False
    minus: bool = False
    plus: bool = False
    brackets: bool = False
    roman: bool = False
    shifted: bool = False
    scientific: bool = False

    def add(self, keyword: str) -> None:
        """Take one more keyword into account; 42601 where it contradicts those before."""
        if self.scientific and keyword != "EEEE":
            raise SqlSyntaxError('"EEEE" must be the last pattern used')
        if keyword in ("9", "0"):
            self._digit(keyword)
        elif keyword == "B":
            self.blank = self.blank or (not self.before and not self.after and not self.zeros)
        elif keyword in ("D", "."):
            if self.point:
                raise SqlSyntaxError("multiple decimal points")
            if self.shifted:
                raise SqlSyntaxError('cannot use "V" and decimal point together')
            self.point = True
        elif keyword == "FM":
            self.fill = True
        elif keyword in ("S", "MI", "PL", "SG", "PR"):
            self._sign(keyword)
        elif keyword == "RN":
            self.roman = True
        elif keyword == "V":
            if self.point:
                raise SqlSyntaxError('cannot use "V" and decimal point together')
            self.shifted = True
        elif keyword == "EEEE":
            if self.scientific:
                raise SqlSyntaxError('cannot use "EEEE" twice')
            others = (
                self.blank,
                self.fill,
                self.anchored,
                self.brackets,
                self.minus,
                self.plus,
                self.roman,
                self.shifted,
            )
            if any(others):
                raise SqlSyntaxError(
                    '"EEEE" is incompatible with other formats',
                    detail='"EEEE" may only be used together with digit and decimal point patterns.',
                )
            self.scientific = True

    def _digit(self, keyword: str) -> None:
        if self.brackets:
            raise SqlSyntaxError(f'"{keyword}" must be ahead of "PR"')
        if keyword == "9" and self.shifted:
            self.shift += 1
            return
        if keyword == "0" and not self.zeros and not self.point:
            self.zeros = True
            self.zero_start = self.before + 1
        if self.point:
            self.after += 1
        else:
            self.before += 1
        if keyword == "0":
            self.zero_end = self.before + self.after

    def _sign(self, keyword: str) -> None:
        if keyword == "S":
            if self.anchored:
                raise SqlSyntaxError('cannot use "S" twice')
            if self.plus or self.minus or self.brackets:
                raise SqlSyntaxError('cannot use "S" and "PL"/"MI"/"SG"/"PR" together')
            self.anchored = True
            self.sign_place = "after" if self.point else "before"
            if not self.point:
                self.sign_before = self.before
        elif keyword == "PR":
            if self.anchored or self.plus or self.minus:
                raise SqlSyntaxError('cannot use "PR" and "S"/"PL"/"MI"/"SG" together')
            self.brackets = True
        else:
            if self.anchored:
                raise SqlSyntaxError(f'cannot use "S" and "{keyword}" together')
            self.minus = self.minus or keyword in ("MI", "SG")
            self.plus = self.plus or keyword in ("PL", "SG")


@lru_cache(maxsize=CACHED_PICTURES)
def parse_picture(text: str) -> Picture:
    """Cut a picture into items; double quotes make what they hold literal. Copy the result before changing it."""
    picture = Picture()
    items: list[Item] = []
    upper = text.upper() if text.isascii() else "".join(c.upper() if c.isascii() else c for c in text)
    position, quoted = 0, False
    while position < len(text):
        character = text[position]
        if quoted or character in '"\\':
            position += 1
            if character == '"':
                quoted = not quoted
                continue
            if character == "\\" and position < len(text) and (quoted or text[position] == '"'):
                character = text[position]
                position += 1
            items.append(Item("", character))
            continue
        keyword = next((k for k in _KEYWORDS if upper.startswith(k, position)), "")
        if not keyword:
            items.append(Item("", character))
            position += 1
            continue
        picture.add(keyword)
        items.append(Item(keyword, lower=text.startswith(keyword.lower(), position)))
        position += len(keyword)
    picture.items = tuple(items)
    return picture
