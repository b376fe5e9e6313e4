"""``to_char`` of numbers and ``to_number``: writing and reading digits under a picture (``number_picture``).

Writing goes in two steps: the number becomes a string of digits rounded to the picture's places (or of ``#`` where it
does not fit), then a cursor walks over picture and digits together. What looks odd here (a sign that floats in front
of the first digit, the blank for the zero of 0.5, digits cut by FM) follows ``formatting.c`` of PostgreSQL 15 case by
case. The locale is "C".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from decimal import Decimal

from heliosdb.errors import FeatureNotSupported, InvalidTextRepresentation, NumericValueOutOfRange
from heliosdb.types.float import overflow
from heliosdb.types.integer import INT4, INT8
from heliosdb.types.number_picture import Item, Picture, parse_picture
from heliosdb.types.numeric import coerce_numeric, numeric_input, numeric_mul
from heliosdb.types.numeric_functions import numeric_power, round_numeric

__all__ = [
    "float4_to_char",
    "float8_to_char",
    "int4_to_char",
    "int8_to_char",
    "numeric_to_char",
    "to_number",
]

ROMAN_WIDTH = 15
_ROMAN = (
    (1000, "M"),
    (900, "CM"),
    (500, "D"),
    (400, "CD"),
    (100, "C"),
    (90, "XC"),
    (50, "L"),
    (40, "XL"),
    (10, "X"),
    (9, "IX"),
    (5, "V"),
    (4, "IV"),
    (1, "I"),
)
_TEN = Decimal(10)


def roman_numeral(number: int) -> str:
    """Return a number from 1 to 3999 in Roman numerals, else a row of ``#``."""
    if not 0 < number < 4000:
        return "#" * ROMAN_WIDTH
    text = ""
    for value, letters in _ROMAN:
        count, number = divmod(number, value)
        text += letters * count
    return text


def ordinal_suffix(digits: str) -> str:
    """Return st, nd, rd or th for a number's digits; 22P02 where they are none."""
    if digits[-1:] not in "0123456789":
        raise InvalidTextRepresentation(f'"{digits}" is not a number')
    if len(digits) > 1 and digits[-2] == "1":
        return "th"
    return {"1": "st", "2": "nd", "3": "rd"}.get(digits[-1:], "th")


class _Writer:
    """A walk over a picture and the digits of one number."""

    def __init__(self, picture: Picture, digits: str, spaces: int, sign: str) -> None:
        self.picture = picture
        self.digits = digits
        self.spaces = spaces
        self.sign = sign
        self.output: list[str] = []
        self.at = 0
        self.place = 0
        self.inside = False
        self.last_relevant = -1
        """Index of the last digit that FM keeps; -1 where all are kept."""

    def write(self) -> str:
        picture = self.picture
        self.zero_start = max(picture.zero_start - 1, 0)
        if picture.plus or picture.minus:
            self.sign_written = not (picture.plus and not picture.minus)
        else:
            if self.sign != "-" and picture.fill:
                picture.brackets = False
            self.sign_written = self.sign == "+" and picture.fill and not picture.anchored
            if picture.sign_place == "before" and picture.before == picture.sign_before:
                picture.sign_place = "after"
        self.count = picture.after + picture.before - 1
        if picture.fill and picture.point:
            self.find_last_relevant()
        if not self.sign_written and self.spaces == 0:
            self.count += 1
        for item in picture.items:
            self.item(item)
        # Past the last digit PostgreSQL writes C's end of text, and nothing after it shows.
        return "".join(self.output).partition("\0")[0]

    def find_last_relevant(self) -> None:
        """Find the last digit after the point that is not a zero, or that the picture asks for by 0."""
        point = self.digits.find(".")
        if point < 0:
            return
        last = len(self.digits.rstrip("0")) - 1
        self.last_relevant = max(last, point)
        if self.picture.zero_end > self.spaces:
            asked = min(len(self.digits) - 1, self.picture.zero_end - self.spaces)
            self.last_relevant = max(self.last_relevant, asked)

    def item(self, item: Item) -> None:
        picture, keyword = self.picture, item.keyword
        if not keyword:
            self.output.append(item.literal)
        elif keyword in ("9", "0", ".", "D"):
            self.number_place(keyword)
        elif keyword in (",", "G"):
            if self.inside:
                self.output.append(",")
            elif not picture.fill:
                self.output.append(" ")
        elif keyword == "L":
            self.output.append(" ")
        elif keyword == "RN":
            text = self.digits if picture.fill else self.digits.rjust(ROMAN_WIDTH)
            self.output.append(text.lower() if item.lower else text)
        elif keyword == "TH":
            if not picture.roman and not self.digits.startswith("#") and self.sign != "-" and not picture.point:
                suffix = ordinal_suffix(self.digits)
                self.output.append(suffix if item.lower else suffix.upper())
        elif keyword in ("MI", "PL"):
            mine = "-" if keyword == "MI" else "+"
            if self.sign == mine:
                self.output.append(mine)
            elif not picture.fill:
                self.output.append(" ")
        elif keyword == "SG":
            self.output.append(self.sign or "\0")

    def current(self) -> str:
        return self.digits[self.at : self.at + 1]

    def is_leading_zero(self) -> bool:
        """Whether the place is the zero of 0.5, which a 9 leaves blank."""
        picture = self.picture
        return not picture.zeros and self.at == 0 and self.digits.startswith("0") and picture.after != 0

    def ends_at_point(self) -> bool:
        return self.last_relevant >= 0 and self.digits[self.last_relevant] == "."

    def number_place(self, keyword: str) -> None:
        picture = self.picture
        if picture.roman:
            return
        self.inside = False
        due = self.place >= self.spaces or (picture.zeros and self.zero_start == self.place)
        if not self.sign_written and due and (not self.is_leading_zero() or self.ends_at_point()):
            self.leading_sign()
        if self.place < self.spaces and (self.zero_start > self.place or not picture.zeros):
            if not picture.fill:
                self.output.append(" ")
        elif picture.zeros and self.place < self.spaces:
            self.output.append("0")
            self.inside = True
        else:
            self.digit(keyword)
        end = self.count + (1 if self.spaces else 0) + (1 if picture.point else 0)
        if self.last_relevant >= 0 and self.last_relevant == self.at:
            end = self.place
        if self.place + 1 == end:
            self.trailing_sign()
        self.place += 1

    def leading_sign(self) -> None:
        picture = self.picture
        if picture.anchored:
            if picture.sign_place == "before":
                self.output.append(self.sign)
                self.sign_written = True
            return
        if picture.brackets:
            self.output.append(" " if self.sign == "+" else "<")
        elif self.sign == "+":
            self.output.append("" if picture.fill else " ")
        elif self.sign == "-":
            self.output.append("-")
        self.sign_written = True

    def trailing_sign(self) -> None:
        picture = self.picture
        if self.sign_written and picture.brackets:
            self.output.append(" " if self.sign == "+" else ">")
        elif picture.anchored and picture.sign_place == "after":
            self.output.append(self.sign)

    def digit(self, keyword: str) -> None:
        picture = self.picture
        if self.current() == ".":
            if not self.ends_at_point() or picture.fill:
                self.output.append(".")
        elif self.last_relevant >= 0 and self.at > self.last_relevant and keyword != "0":
            pass
        elif self.is_leading_zero():
            if not picture.fill:
                self.output.append(" ")
            elif self.ends_at_point():
                self.output.append("0")
        else:
            self.output.append(self.current() or "\0")
            self.inside = True
        if self.current():
            self.at += 1


def _finish(picture: Picture, digits: str) -> str:
    """Write digits with an optional sign and point under a picture that has been copied."""
    sign = "-" if digits.startswith("-") else "+"
    digits = digits.removeprefix("-")
    whole = digits.find(".") if "." in digits else len(digits)
    spaces = 0
    if whole < picture.before:
        spaces = picture.before - whole
    elif whole > picture.before:
        digits = "#" * picture.before + "." + "#" * picture.after
    return _Writer(picture, digits, spaces, sign).write()


def _write_roman(picture: Picture, number: int) -> str:
    written = Picture(items=picture.items, fill=picture.fill, roman=True)
    return _Writer(written, roman_numeral(number), 0, "").write()


def _unfit(picture: Picture) -> str:
    """Return what EEEE writes for NaN and infinities."""
    return " " + "#" * picture.before + "." + "#" * (picture.after + 4)


def _integer_to_char(fit: Callable[[int], int]) -> Callable[[int, str], str]:
    """Return the function of an integer type; ``fit`` says what becomes of a number that V shifts out of its range."""

    def integer_to_char(number: int, text: str) -> str:
        if not text:
            return ""
        picture = copy(parse_picture(text))
        if picture.roman:
            return _write_roman(picture, INT4.checked(number))
        if picture.scientific:
            return _scientific(Decimal(number), picture.after)
        if picture.shifted:
            number = fit(number * 10**picture.shift)
            picture.before += picture.shift
        digits = str(number)
        if picture.after:
            digits += "." + "0" * picture.after
        return _finish(picture, digits)

    return integer_to_char


int4_to_char = _integer_to_char(INT4.wrapped)
int8_to_char = _integer_to_char(INT8.checked)


def numeric_to_char(number: Decimal, text: str) -> str:
    """Write a numeric under a picture."""
    if not text:
        return ""
    picture = copy(parse_picture(text))
    if picture.roman:
        return _write_roman(picture, _roman_number(number))
    if picture.scientific:
        if not number.is_finite():
            return _unfit(picture)
        return _scientific(number, picture.after)
    if picture.shifted:
        number = numeric_mul(number, numeric_power(_TEN, Decimal(picture.shift)))
        picture.before += picture.shift
    return _finish(picture, format(round_numeric(number, picture.after), "f"))


def _roman_number(number: Decimal) -> int:
    if not number.is_finite():
        what = "NaN" if number != number else "infinity"
        raise FeatureNotSupported(f"cannot convert {what} to integer")
    rounded = round_numeric(number)
    if abs(rounded) > INT4.highest:
        raise NumericValueOutOfRange("integer out of range")
    return int(rounded)


def _scientific(number: Decimal, places: int) -> str:
    """Write like C's %e: at least two digits of exponent, a blank for the positive sign."""
    if not number:
        digits, exponent = "0" * (places + 1), 0
    else:
        exponent = number.adjusted()
        scaled = round_numeric(number.copy_abs().scaleb(-exponent), places)
        if scaled >= _TEN:
            exponent += 1
            scaled = round_numeric(number.copy_abs().scaleb(-exponent), places)
        digits = format(scaled, "f").replace(".", "")
    mantissa = digits[0] + ("." + digits[1:] if places else "")
    sign = "-" if number < 0 else " "
    return f"{sign}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _float_to_char(sure_digits: int) -> Callable[[float, str], str]:
    """Return the function of a float type whose digits are sure up to a number of them."""

    def float_to_char(number: float, text: str) -> str:
        if not text:
            return ""
        picture = copy(parse_picture(text))
        if picture.roman:
            return _write_roman(picture, round(number) if math.isfinite(number) else 0)
        if picture.scientific:
            if not math.isfinite(number):
                return _unfit(picture)
            written = f"{number:+.{picture.after}e}"
            return " " + written[1:] if written[0] == "+" else written
        if picture.shifted:
            shifted = number * 10.0**picture.shift
            if math.isinf(shifted) and not math.isinf(number):
                raise overflow()
            number = shifted
            picture.before += picture.shift
        whole = len(_c_format(abs(number), 0))
        if whole >= sure_digits:
            picture.after = 0
        elif whole + picture.after > sure_digits:
            picture.after = sure_digits - whole
        return _finish(picture, _c_format(number, picture.after))

    return float_to_char


float4_to_char = _float_to_char(6)
float8_to_char = _float_to_char(15)


def _c_format(number: float, places: int) -> str:
    """Write as PostgreSQL's printf does with %f."""
    if math.isfinite(number):
        return f"{number:.{places}f}"
    return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"


class _Reader:
    """A walk over a picture and the text of a number."""

    def __init__(self, picture: Picture, text: str) -> None:
        self.picture = picture
        self.text = text
        self.at = 0
        self.sign = ""
        self.digits: list[str] = []
        self.before = self.after = 0
        self.point = False

    def read(self) -> str:
        """Return sign, digits and point as found."""
        for item in self.picture.items:
            if self.at >= len(self.text):
                break
            self.item(item)
        return self.sign + "".join(self.digits).removesuffix(".")

    def current(self) -> str:
        return self.text[self.at : self.at + 1]

    def skip(self, count: int) -> None:
        """Skip characters that cannot be a part of the number."""
        while count and self.current() and self.current() not in "0123456789.,+-":
            self.at += 1
            count -= 1

    def item(self, item: Item) -> None:
        keyword = item.keyword
        if not keyword:
            self.at += 1
        elif keyword in ("9", "0", ".", "D"):
            self.number_place(keyword)
            self.at += 1
        elif keyword in (",", "G"):
            # Digits read do not count as inside here, so that under FM a separator is never skipped.
            if not self.picture.fill and self.current() == ",":
                self.at += 1
        elif keyword == "L":
            self.skip(1)
        elif keyword == "TH":
            if not self.picture.point:
                self.skip(2)
        elif keyword in ("MI", "PL", "SG"):
            mine = {"MI": "-", "PL": "+", "SG": "+-"}[keyword]
            if self.current() in mine:
                self.sign = self.current()
                self.at += 1
            else:
                self.skip(1)

    def number_place(self, keyword: str) -> None:
        picture = self.picture
        if self.current() == " ":
            self.at += 1
        if self.at >= len(self.text):
            return
        if not self.sign and keyword in "09" and not self.before + self.after:
            self.leading_sign()
        if self.at >= len(self.text):
            return
        taken = False
        if self.current() in "0123456789":
            if self.point and self.after == picture.after:
                return
            self.digits.append(self.current())
            self.after += self.point
            self.before += not self.point
            taken = True
        elif picture.point and not self.point and self.current() == ".":
            self.digits.append(".")
            self.point = taken = True
        if not self.sign and self.before + self.after > 0:
            self.trailing_sign(taken)

    def leading_sign(self) -> None:
        picture = self.picture
        anchored = picture.anchored and picture.sign_place == "before"
        if self.current() == "-" or (not anchored and picture.brackets and self.current() == "<"):
            self.sign = "-"
            self.at += 1
        elif self.current() == "+":
            self.sign = "+"
            self.at += 1

    def trailing_sign(self, taken: bool) -> None:
        picture = self.picture
        if picture.anchored and taken:
            following = self.text[self.at + 1 : self.at + 2]
            if following and following in "+-":
                self.at += 1
                self.sign = following
        elif not taken and not picture.anchored and (picture.plus or picture.minus) and self.current() in "+-":
            self.sign = self.current()


def to_number(text: str, picture_text: str) -> Decimal | None:
    """Read a number under a picture; 22P02 where no digits are found."""
    if not picture_text:
        return None
    picture = copy(parse_picture(picture_text))
    for unsupported, name in ((picture.scientific, "EEEE"), (picture.roman, "RN")):
        if unsupported:
            raise FeatureNotSupported(f'"{name}" not supported for input')
    reader = _Reader(picture, text)
    digits = reader.read()
    precision = picture.before + picture.shift + reader.after
    # A blank stands for the sign that was not found; with it, a text without digits is no number.
    number = numeric_input(digits if reader.sign else " " + digits)
    number = coerce_numeric(number, ((precision << 16) | reader.after) + 4)
    if picture.shifted:
        number = numeric_mul(number, numeric_power(_TEN, Decimal(-picture.shift)))
    return number
