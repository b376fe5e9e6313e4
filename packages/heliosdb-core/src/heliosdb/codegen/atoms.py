"""Source text that may be read twice, and parentheses where they are needed."""

from __future__ import annotations

__all__ = ["is_atom", "parenthesized"]


def is_atom(text: str) -> bool:
    """Whether reading the source twice is as cheap and safe as reading it once: names, literals, one subscript."""
    if text.isidentifier():
        return True
    if text.endswith("]"):
        name, _, index = text[:-1].partition("[")
        return name.isidentifier() and index.isdigit()
    return text.isdigit() or (text.startswith("(-") and text[2:-1].isdigit())


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
