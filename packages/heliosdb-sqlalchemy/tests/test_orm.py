"""The ORM, SQL and reflection of SQLAlchemy in the process."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql as pg


class Base(orm.DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column(sa.String(50), unique=True)
    token: orm.Mapped[uuid.UUID | None]
    born: orm.Mapped[datetime.date | None]
    data = sa.Column(pg.JSONB)
    tags = sa.Column(pg.ARRAY(sa.Text))
    added = sa.Column(sa.DateTime(timezone=True), server_default=sa.func.now())
    books: orm.Mapped[list[Book]] = orm.relationship(
        back_populates="author", cascade="all, delete-orphan", order_by="Book.id"
    )


class Book(Base):
    __tablename__ = "book"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    title: orm.Mapped[str]
    price: orm.Mapped[Decimal] = orm.mapped_column(sa.Numeric(8, 2), sa.CheckConstraint("price >= 0"))
    author_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("author.id", ondelete="CASCADE"), index=True)
    author: orm.Mapped[Author] = orm.relationship(back_populates="books")


@pytest.fixture
def engine() -> Iterator[sa.Engine]:
    engine = sa.create_engine("heliosdb://")
    Base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        ann = Author(
            name="Ann",
            token=uuid.UUID(int=7),
            born=datetime.date(1815, 12, 10),
            data={"places": ["Oslo", "Rome"]},
            tags=["poet", "editor"],
            books=[Book(title=f"Volume {number}", price=Decimal(number) / 4) for number in range(5)],
        )
        session.add_all([ann, Author(name="Bob")])
        session.commit()
    yield engine
    engine.dispose()


def test_objects_are_stored_and_found_again(engine: sa.Engine) -> None:
    with orm.Session(engine) as session:
        (ann,) = session.scalars(sa.select(Author).where(Author.tags.contains(["poet"]))).all()
        assert (ann.name, ann.token, ann.born) == ("Ann", uuid.UUID(int=7), datetime.date(1815, 12, 10))
        assert ann.data == {"places": ["Oslo", "Rome"]}
        assert [(book.title, book.price) for book in ann.books[:2]] == [
            ("Volume 0", Decimal("0.00")),
            ("Volume 1", Decimal("0.25")),
        ]
        assert ann.added.tzinfo is not None
        place = sa.select(Author.data["places"][1].astext).order_by(Author.name)
        assert session.scalars(place).all() == ["Rome", None]


def test_it_groups_joins_and_ranks(engine: sa.Engine) -> None:
    counted = (
        sa.select(Author.name, sa.func.count(Book.id), sa.func.sum(Book.price))
        .outerjoin(Book)
        .group_by(Author.name)
        .order_by(Author.name)
    )
    rank = sa.func.rank().over(partition_by=Book.author_id, order_by=Book.price.desc())
    ranked = sa.select(Book.title, rank.label("place")).order_by("place").limit(2)
    recent = sa.select(Book.id).where(Book.price > 0.5).cte("recent")
    with orm.Session(engine) as session:
        assert session.execute(counted).all() == [("Ann", 5, Decimal("2.50")), ("Bob", 0, None)]
        assert session.execute(ranked).all() == [("Volume 4", 1), ("Volume 3", 2)]
        assert session.scalar(sa.select(sa.func.count()).select_from(recent)) == 2
        everything = sa.select(Author).options(orm.joinedload(Author.books)).order_by(Author.id)
        assert [len(author.books) for author in session.scalars(everything).unique()] == [5, 0]


def test_upserts_errors_and_cascades(engine: sa.Engine) -> None:
    statement = pg.insert(Author).values(name="Bob", data={"n": 1})
    statement = statement.on_conflict_do_update(index_elements=["name"], set_={"data": statement.excluded.data})
    with orm.Session(engine) as session:
        assert session.scalars(statement.returning(Author.id)).all() == [2]
        session.commit()
        session.add(Author(name="Bob"))
        with pytest.raises(sa.exc.IntegrityError, match="author_name_key") as caught:
            session.commit()
        assert caught.value.orig is not None
        assert getattr(caught.value.orig, "sqlstate", None) == "23505"
        session.rollback()
        with session.begin_nested():
            session.add(Book(title="Lost", price=Decimal(1), author_id=2))
        assert session.scalar(sa.select(sa.func.count()).select_from(Book)) == 6
        session.delete(session.get(Author, 1))
        session.commit()
        assert session.scalars(sa.select(Book.title)).all() == ["Lost"]


def test_tables_are_reflected(engine: sa.Engine) -> None:
    inspector = sa.inspect(engine)
    assert sorted(inspector.get_table_names()) == ["author", "book"]
    columns = {column["name"]: str(column["type"]) for column in inspector.get_columns("book")}
    assert columns == {"id": "INTEGER", "title": "VARCHAR", "price": "NUMERIC(8, 2)", "author_id": "INTEGER"}
    (key,) = inspector.get_foreign_keys("book")
    assert (key["constrained_columns"], key["referred_table"], key["options"]) == (
        ["author_id"],
        "author",
        {"ondelete": "CASCADE"},
    )
    assert [(index["name"], index["column_names"]) for index in inspector.get_indexes("book")] == [
        ("ix_book_author_id", ["author_id"])
    ]
    assert inspector.get_pk_constraint("author")["constrained_columns"] == ["id"]
    assert [unique["column_names"] for unique in inspector.get_unique_constraints("author")] == [["name"]]
    metadata = sa.MetaData()
    metadata.reflect(engine)
    copy = sa.create_engine("heliosdb:///:memory:")
    metadata.create_all(copy)
    assert sorted(sa.inspect(copy).get_table_names()) == ["author", "book"]
    metadata.drop_all(copy)
    assert sa.inspect(copy).get_table_names() == []
    copy.dispose()
