"""What is kept of passwords: the exchange of RFC 7677, PostgreSQL's texts, and that nothing shows a password."""

from __future__ import annotations

import unicodedata
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliosdb.passwords import is_password, make_verifier, md5_verifier, parse_scram, prepared, scram_verifier

PENCIL = (
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
    "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
)
"""The verifier of "pencil" with RFC 7677's salt and number of iterations."""


def test_the_verifier_is_that_of_the_rfcs_example() -> None:
    assert scram_verifier("pencil", salt=b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")) == PENCIL
    parts = parse_scram(PENCIL)
    assert parts is not None
    assert (parts.iterations, len(parts.salt), len(parts.stored_key), len(parts.server_key)) == (4096, 16, 32, 32)
    assert "b'" not in repr(parts)


@pytest.mark.parametrize("encryption", ["scram-sha-256", "md5"])
def test_a_password_is_told_from_others(encryption: str) -> None:
    kept = make_verifier("geheim", "ann", encryption)
    assert "geheim" not in kept
    assert is_password("geheim", "ann", kept)
    assert not is_password("Geheim", "ann", kept)
    assert not is_password("", "ann", kept)
    assert not is_password("pässwört", "ann", kept)


def test_md5_has_the_roles_name_in_it_as_postgresql_has() -> None:
    assert md5_verifier("secret", "r_bob") == "md512b4b3ad0412465e20ab3cc0013e3f03"
    assert md5_verifier("secret", "r_bob") != md5_verifier("secret", "r_ann")


@pytest.mark.parametrize("given_text", [PENCIL, "md5" + "0a" * 16])
def test_a_verifier_is_kept_as_it_is(given_text: str) -> None:
    assert make_verifier(given_text, "ann", "scram-sha-256") == given_text


@pytest.mark.parametrize(
    "text",
    [
        "", "pencil", "md5", PENCIL[:-1], PENCIL + "=", PENCIL.replace("4096", "0"), PENCIL.replace("4096", "x"),
        PENCIL.replace("W22Z", "W2=Z"), PENCIL.replace("SHA-256", "SHA-512"),
    ],
)  # fmt: skip
def test_what_is_no_verifier_is_a_password(text: str) -> None:
    assert parse_scram(text) is None
    assert make_verifier(text, "ann", "scram-sha-256") != text


@pytest.mark.parametrize(
    ("password", "meant"),
    [
        ("I\u00adX", "IX"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("e\u0301", "\u00e9"),
        ("\u0007\u00e9", "\u0007\u00e9"),  # refused: as it is
        ("\u0627\u0031", "\u0627\u0031"),  # refused by the rule on directions
    ],
)
def test_passwords_are_prepared_as_rfc_4013_says(password: str, meant: str) -> None:
    assert prepared(password) == meant


@given(st.text(min_size=1, max_size=20))
def test_preparing_twice_changes_nothing_more(password: str) -> None:
    once = prepared(password)
    assert prepared(once) == once or unicodedata.normalize("NFKC", once) != once
