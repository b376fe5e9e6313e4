"""The examples of time travel that users are promised, as they are written, on the days that they speak of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import heliosdb
from heliosdb import Config, EmbeddedDatabase
from heliosdb.config import load_config
from heliosdb.errors import InvalidParameterValue, UndefinedTable

Clock = Callable[[str], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Set the time at which commits are made from now on."""
    now = [0]
    monkeypatch.setattr("heliosdb.store.commits.time_ns", lambda: now[0])

    def set_clock(text: str) -> None:
        now[0] = int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9

    set_clock("2023-12-01 00:00:00")
    return set_clock


@pytest.fixture
def db(clock: Clock) -> Iterator[EmbeddedDatabase]:
    with EmbeddedDatabase(":memory:", config=Config(retention_days=5000)) as database:
        database.execute("SET TimeZone = 'UTC'")
        yield database


def rows(db: EmbeddedDatabase, text: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.query(text, parameters)]


@pytest.fixture
def shop(db: EmbeddedDatabase, clock: Clock) -> EmbeddedDatabase:
    """A shop from July to the end of November 2025."""
    clock("2025-07-01 08:00:00")
    db.execute(
        "CREATE TABLE orders (order_id int PRIMARY KEY, customer_id int, status text, total numeric, "
        "total_price numeric, created_at timestamp)"
    )
    db.execute("CREATE TABLE products (product_id int PRIMARY KEY, price numeric, stock int)")
    db.execute("CREATE TABLE product_catalog (product_id text PRIMARY KEY, price numeric)")
    db.execute("CREATE TABLE customers (customer_id int PRIMARY KEY, name text)")
    db.execute("INSERT INTO products VALUES (42, 10, 100)")
    db.execute("INSERT INTO product_catalog VALUES ('WIDGET-123', 5)")
    db.execute("INSERT INTO customers VALUES (998, 'Al'), (999, 'Bo')")
    db.execute("INSERT INTO orders VALUES (1, 998, 'new', 7, 7, '2025-08-01')")
    clock("2025-11-14 12:00:00")
    db.execute("UPDATE products SET stock = 90, price = 11")
    db.execute("INSERT INTO orders VALUES (5678, 999, 'new', 20, 20, '2025-11-14 12:00:00')")
    clock("2025-11-15 20:00:00")
    db.execute("UPDATE products SET stock = 80, price = 12; UPDATE product_catalog SET price = 6")
    clock("2025-11-20 12:00:00")
    db.execute("UPDATE orders SET status = 'sent', total = 21 WHERE order_id = 5678; UPDATE products SET price = 13")
    clock("2025-11-20 23:30:00")
    db.execute("DELETE FROM customers WHERE customer_id = 999")
    clock("2025-11-25 00:00:00")
    return db


EXAMPLES: list[tuple[str, list[tuple[Any, ...]]]] = [
    (
        """SELECT order_id, status FROM orders
        AS OF TIMESTAMP '2025-11-20 00:00:00'""",
        [(1, "new"), (5678, "new")],
    ),
    (
        """SELECT COUNT(*) FROM orders
        AS OF TIMESTAMP '2025-11-14 00:00:00';""",
        [(1,)],
    ),
    (
        """SELECT current.product_id, current.price as current_price, historical.price as yesterday_price,
            current.price - historical.price as price_change
        FROM products current
        JOIN products AS OF TIMESTAMP '2025-11-20 00:00:00' historical
            ON current.product_id = historical.product_id
        WHERE current.price != historical.price;""",
        [(42, 13, 12, 1)],
    ),
    (
        """SELECT * FROM product_catalog
        AS OF TIMESTAMP '2025-11-15 14:23:00'
        WHERE product_id = 'WIDGET-123';""",
        [("WIDGET-123", 5)],
    ),
    (
        """SELECT price FROM products
        AS OF TIMESTAMP (SELECT created_at FROM orders WHERE order_id = 5678)
        WHERE product_id = 42;""",
        [(11,)],
    ),
    (
        """SELECT * FROM customers
        AS OF TIMESTAMP '2025-11-20 23:00:00' -- Before deletion
        WHERE customer_id NOT IN (SELECT customer_id FROM customers);""",
        [(999, "Bo")],
    ),
    (
        """SELECT before.order_id, before.status as old_status, after.status as new_status,
            before.total as old_total, after.total as new_total
        FROM orders AS OF TIMESTAMP '2025-11-20 00:00:00' before
        FULL OUTER JOIN orders AS OF TIMESTAMP '2025-11-21 00:00:00' after USING (order_id)
        WHERE before.status != after.status OR before.total != after.total;""",
        [(5678, "new", "sent", 20, 21)],
    ),
    (
        """SELECT '2025-11-14' as date, SUM(stock) FROM products AS OF TIMESTAMP '2025-11-14 23:59:59'
        UNION ALL
        SELECT '2025-11-15', SUM(stock) FROM products AS OF TIMESTAMP '2025-11-15 23:59:59'
        UNION ALL
        SELECT '2025-11-16', SUM(stock) FROM products AS OF TIMESTAMP '2025-11-16 23:59:59'""",
        [("2025-11-14", 90), ("2025-11-15", 80), ("2025-11-16", 80)],
    ),
    (
        """SELECT customer_id, SUM(total_price) as quarterly_revenue
        FROM orders
        AS OF TIMESTAMP '2025-09-30 23:59:59'
        WHERE created_at BETWEEN '2025-07-01' AND '2025-09-30'
        GROUP BY customer_id;""",
        [(998, 7)],
    ),
]


@pytest.mark.parametrize(("text", "expected"), EXAMPLES)
def test_questions_about_the_past(shop: EmbeddedDatabase, text: str, expected: list[tuple[Any, ...]]) -> None:
    assert rows(shop, text) == expected


def test_a_deleted_customer_is_restored(shop: EmbeddedDatabase) -> None:
    shop.execute(
        """INSERT INTO customers
        SELECT * FROM customers AS OF TIMESTAMP '2025-11-20 23:00:00'
        WHERE customer_id = 999;"""
    )
    assert rows(shop, "SELECT * FROM customers ORDER BY 1") == [(998, "Al"), (999, "Bo")]


def test_an_index_is_used_for_the_past(shop: EmbeddedDatabase, clock: Clock) -> None:
    shop.execute("INSERT INTO orders SELECT g, 1, 'new', 1, 1, '2020-01-01' FROM generate_series(10000, 14000) g")
    shop.execute("CREATE INDEX idx_orders_date ON orders(created_at);")
    text = """SELECT * FROM orders
        AS OF TIMESTAMP '2025-11-20 00:00:00'
        WHERE created_at > '2025-11-01'; -- Uses index"""
    assert [row[0] for row in rows(shop, text)] == [5678]
    assert "idx_orders_date" in shop.query(f"EXPLAIN {text}")[0][0]


def test_transactions_and_numbers_of_commits(shop: EmbeddedDatabase) -> None:
    with shop.begin_transaction() as transaction:
        number = transaction.query("SELECT pg_current_xact_id();")[0][0]
        transaction.execute("DELETE FROM orders")
        transaction.commit()
    shop.execute("INSERT INTO orders (order_id) VALUES (3)")
    assert rows(shop, f"SELECT * FROM orders AS OF TRANSACTION {number}") == []
    with pytest.raises(InvalidParameterValue, match="no commit of transaction 12345 is known"):
        shop.query("SELECT * FROM orders AS OF TRANSACTION 12345;")
    with pytest.raises(InvalidParameterValue, match="SCN 987654321 is in the future"):
        shop.query("SELECT * FROM orders AS OF SCN 987654321;")
    with pytest.raises(UndefinedTable):
        shop.query("SELECT * FROM orders AS OF TIMESTAMP '2025-01-01 00:00:00'")


@pytest.fixture
def users(db: EmbeddedDatabase, clock: Clock) -> EmbeddedDatabase:
    """Users in 2024."""
    clock("2024-01-05 00:00:00")
    db.execute("CREATE TABLE users (id int PRIMARY KEY, name text, email text, role text, modified_by text)")
    db.execute("INSERT INTO users VALUES (123, 'Ada', 'a@x', 'user', 'root'), (124, 'Bob', 'b@x', 'user', 'root')")
    clock("2024-01-20 00:00:00")
    db.execute("UPDATE users SET role = 'admin', modified_by = 'eve' WHERE id = 123")
    clock("2024-05-01 00:00:00")
    db.execute("UPDATE users SET email = 'ada@x' WHERE id = 123")
    clock("2024-06-10 00:00:00")
    db.execute("DELETE FROM users")
    return db


def test_when_a_record_changed(users: EmbeddedDatabase) -> None:
    text = """
        SELECT * FROM users WHERE id = 123
        FOR SYSTEM_TIME BETWEEN TIMESTAMP '2024-01-01 00:00:00'
        AND TIMESTAMP '2024-01-31 23:59:59'
    """
    assert [row[3] for row in rows(users, text)] == ["user", "admin"]
    text = "SELECT * FROM users WHERE id = 123 AS OF TIMESTAMP '2024-01-06T00:00:00.123456'"
    assert rows(users, text) == [(123, "Ada", "a@x", "user", "root")]


def test_an_audit_report_of_a_user(users: EmbeddedDatabase) -> None:
    connection = heliosdb.connect(users)
    cursor = connection.cursor()
    cursor.execute(
        """
        SELECT system_time, id, name, email, role, modified_by
        FROM users WHERE id = %s
        FOR SYSTEM_TIME BETWEEN %s AND %s
        ORDER BY system_time
        """,
        (123, "2024-01-01", "2024-12-31"),
    )
    changes = cursor.fetchall()
    assert [(str(change[0])[:10], *change[3:]) for change in changes] == [
        ("2024-01-05", "a@x", "user", "root"),
        ("2024-01-20", "a@x", "admin", "eve"),
        ("2024-05-01", "ada@x", "admin", "eve"),
    ]
    connection.close()


def test_a_table_is_rolled_back_to_a_time(users: EmbeddedDatabase) -> None:
    connection = heliosdb.connect(users)
    cursor = connection.cursor()
    cursor.execute("SELECT * FROM users AS OF TIMESTAMP '2024-06-01 10:00:00'")
    historical = cursor.fetchall()
    cursor.execute("DELETE FROM users")
    cursor.executemany("INSERT INTO users VALUES (%s, %s, %s, %s, %s)", historical)
    connection.commit()
    connection.close()
    assert rows(users, "SELECT id, email FROM users ORDER BY id") == [(123, "ada@x"), (124, "b@x")]


def test_a_query_as_of_a_timestamp_from_python(users: EmbeddedDatabase) -> None:
    found = users.query_as_of_timestamp(
        "SELECT name FROM users WHERE id = $1", [123], datetime(2024, 1, 5, tzinfo=UTC) + timedelta(hours=1)
    )
    assert [tuple(row) for row in found] == [("Ada",)]


def test_versioning_of_one_table(db: EmbeddedDatabase) -> None:
    db.execute("CREATE TABLE financial_transactions (id int, amount numeric)")
    db.execute("ALTER TABLE financial_transactions ADD SYSTEM VERSIONING")
    oid = db.query("SELECT 'financial_transactions'::regclass::oid")[0][0]
    assert db.database.history.retentions()[oid].period is None


def test_the_versions_of_a_name(db: EmbeddedDatabase, clock: Clock) -> None:
    clock("2024-01-01 09:00:00")
    db.execute("CREATE TABLE users (id int, name text); INSERT INTO users VALUES (1, 'A')")
    for time, name in (("2024-01-01 10:30:00", "Al"), ("2024-06-01 15:00:00", "Alice")):
        clock(time)
        db.execute("UPDATE users SET name = $1 WHERE id = 1", [name])
    cursor = heliosdb.connect(db).cursor()
    cursor.execute(
        """
        SELECT * FROM users AS OF TIMESTAMP '2024-01-01 10:00:00'
    """
    )
    assert cursor.fetchall() == [(1, "A")]
    assert rows(db, "SELECT name FROM users") == [("Alice",)]


def test_an_hour_ago_and_a_date(users: EmbeddedDatabase, clock: Clock) -> None:
    cursor = heliosdb.connect(users).cursor()
    clock("2024-05-01 00:30:00")
    one_hour_ago = datetime(2024, 5, 1, 0, 30, 0, 654321) - timedelta(hours=1)
    cursor.execute(
        f"""
        SELECT * FROM users
        WHERE id = 123
        AS OF TIMESTAMP '{one_hour_ago.isoformat()}'
    """
    )
    assert cursor.fetchone() == (123, "Ada", "a@x", "admin", "eve")
    users.execute("CREATE TABLE products (name text)")
    clock("2024-07-01 00:00:00")
    cursor.execute("SELECT * FROM products AS OF TIMESTAMP '2024-06-30 00:00:00'")
    assert f"Products then: {len(cursor.fetchall())}" == "Products then: 0"


def test_the_names_of_days_that_are_kept(tmp_path: Path) -> None:
    days = 86_400_000_000
    config = Config(
        path=str(tmp_path / "a.helio"),
        retention_days=90,  # Keep 90 days
        compact_interval_hours=24,  # Compact daily
    )
    with EmbeddedDatabase.with_config(None, config) as opened:
        assert opened.database.history.retentions()[0].period == 90 * days
    file = tmp_path / "heliosdb.toml"
    file.write_text(
        """[temporal]
time_travel_enabled = true      # Time-travel queries
snapshot_retention_days = 30    # Keep snapshots for N days
"""
    )
    with EmbeddedDatabase(":memory:", config=load_config(str(file), environment={})) as opened:
        assert opened.database.history.retentions()[0].period == 30 * days
    with EmbeddedDatabase.new_in_memory() as opened:  # by default, all versions are kept
        assert opened.database.history.retentions()[0].period is None


def test_a_query_as_of_a_timestamp_that_is_text(users: EmbeddedDatabase) -> None:
    found = users.query_as_of_timestamp("SELECT count(*) FROM users", [], "2024-06-01 00:00:00")
    assert [tuple(row) for row in found] == [(2,)]
