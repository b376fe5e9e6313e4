"""Import strings of registrations: what happens when one names nothing."""

from __future__ import annotations

import pytest

from heliosdb.errors import HostSystemError
from heliosdb.types.definitions import resolve_implementation


@pytest.mark.parametrize("name", ["no_such_module:thing", "json:no_such_thing", "json"])
def test_a_name_of_nothing_is_an_error_that_names_it(name: str) -> None:
    with pytest.raises(HostSystemError, match=f'could not import "{name}": ') as failure:
        resolve_implementation(name)
    assert failure.value.sqlstate == "58000"
