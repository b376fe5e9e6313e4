"""Source text that may be read twice, and parentheses where they are needed."""

from __future__ import annotations

__all__ = ["NEVER", "is_atom", "is_not_null", "is_null", "parenthesized"]

NEVER = "False"
"""The condition that a constant NULL is not NULL."""


def is_atom(text: str) -> bool:
    """Whether reading the source twice is as cheap and safe as reading it once: names, literals, one subscript."""
    if text.isidentifier():
        return True
    if text.endswith("]"):
        name, _, index = text[:-1].partition("[")
        return name.isidentifier() and index.isdigit()
    return _is_number(text)


def parenthesized(text: str) -> str:
    if is_atom(text) or (text.startswith("(") and text.endswith(")") and _balanced(text[1:-1])):
        return text
    return f"({text})"


def _balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0


def is_null(text: str) -> str:
    """Return source of the test; Python warns of one that asks a literal."""
    return "True" if text == "None" else "False" if _is_number(text) else f"{text} is None"


def is_not_null(text: str) -> str:
    """Return source of the opposite test."""
    return NEVER if text == "None" else "True" if _is_number(text) else f"{text} is not None"


def _is_number(text: str) -> bool:
    return text.isdigit() or (text.startswith("(-") and text[2:-1].isdigit())
