"""Many rows by their ids: the same as one by one, whatever order they are in, and with own rows over them."""

from __future__ import annotations

from random import Random
from typing import Any

from heliosdb.transaction import TransactionalStore

TABLE = 100


def test_rows_by_id_come_in_the_order_asked_for() -> None:
    store = TransactionalStore()
    transaction = store.begin()
    transaction.insert_rows(TABLE, [(number,) for number in range(10_000)])
    transaction.commit()
    transaction = store.begin()
    transaction.begin_statement()
    for row_id in range(0, 9000, 3):
        transaction.delete(TABLE, row_id, (row_id,))
    transaction.begin_statement()
    view = transaction.view(TABLE)
    random = Random(3)
    asked: list[Any]
    for asked in (list(range(10_000)), random.sample(range(10_000), 3000), [5, None, 9999, 3, None], [], [None] * 300):
        expected = [None if n is None or (n < 9000 and n % 3 == 0) else (n,) for n in asked]
        assert view.peek_all(asked) == expected
        assert view.peek_all(asked[::-1]) == expected[::-1]
