"""The catalog belongs to its transaction, its timeline and its time, and is shared where it is the same."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from attrs import evolve

from heliosdb.catalog.changes import CatalogEdit, write_bootstrap
from heliosdb.catalog.definitions import ColumnDefinition, Constraint, ForeignKey, Index, IndexKey, Relation, Schema
from heliosdb.catalog.storage import FIRST_OID, SYSTEM_INDEXES
from heliosdb.catalog.view import CatalogCache, CatalogSnapshot
from heliosdb.errors import DuplicateSchema, DuplicateTable
from heliosdb.transaction import Transaction, TransactionalStore

COLUMN = ColumnDefinition(number=1, name="a", type="int4")


class Catalogs:
    """A store with a catalog, without sessions."""

    def __init__(self) -> None:
        self.store = TransactionalStore()
        self.cache = CatalogCache()
        self.numbers = count(FIRST_OID)
        for spec in SYSTEM_INDEXES:
            self.store.define_index(None, spec.relation_oid, spec)
        transaction = self.begin()
        write_bootstrap(transaction)
        transaction.commit()

    def begin(self, timeline: str | None = None, snapshot: int | None = None) -> Transaction:
        transaction = self.store.begin(timeline=timeline, snapshot=snapshot)
        transaction.begin_statement()
        return transaction

    def see(self, transaction: Transaction) -> CatalogSnapshot:
        return self.cache.of(transaction)

    def put(self, transaction: Transaction, *definitions: Relation | Schema) -> None:
        edit = CatalogEdit(self.see(transaction))
        for definition in definitions:
            edit.put(definition)
        edit.write(transaction, lambda: next(self.numbers))
        transaction.advance_command()

    def drop(self, transaction: Transaction, *oids: int) -> None:
        edit = CatalogEdit(self.see(transaction))
        for oid in oids:
            edit.drop(oid)
        edit.write(transaction, lambda: next(self.numbers))
        transaction.advance_command()

    def table(self, name: str, **changes: object) -> Relation:
        table = Relation(oid=next(self.numbers), schema="public", name=name, columns=(COLUMN,))
        return evolve(table, **changes)  # type: ignore[arg-type]


@pytest.fixture
def catalogs() -> Iterator[Catalogs]:
    return Catalogs()


def names(catalog: CatalogSnapshot) -> list[str]:
    return [relation.name for relation in catalog.relations()]


def test_a_database_begins_with_its_schemas_and_role(catalogs: Catalogs) -> None:
    catalog = catalogs.see(catalogs.begin())
    assert set(catalog.schemas()) == {"pg_catalog", "public", "information_schema"}
    assert {name for name in catalog.roles if not name.startswith("pg_")} == {"helios"}
    assert not [found for found in catalog.objects() if found.name.startswith("pg_read")]
    public = catalog.schema("public")
    assert public is not None
    assert public.oid == 2200


def test_two_transactions_that_see_the_same_share_one_value(catalogs: Catalogs) -> None:
    first, second = catalogs.begin(), catalogs.begin()
    assert catalogs.see(first) is catalogs.see(second)


def test_a_change_of_rows_does_not_make_a_new_catalog(catalogs: Catalogs) -> None:
    before = catalogs.see(catalogs.begin())
    transaction = catalogs.begin()
    transaction.insert(50000, (1,))
    transaction.commit()
    assert catalogs.see(catalogs.begin()) is before


def test_uncommitted_changes_are_seen_by_their_transaction_alone(catalogs: Catalogs) -> None:
    mine, other = catalogs.begin(), catalogs.begin()
    catalogs.put(mine, catalogs.table("t"))
    assert names(catalogs.see(mine)) == ["t"]
    assert names(catalogs.see(other)) == []
    mine.commit()
    assert names(catalogs.see(other)) == []
    assert names(catalogs.see(catalogs.begin())) == ["t"]


def test_a_rollback_to_a_mark_takes_back_what_came_after(catalogs: Catalogs) -> None:
    transaction = catalogs.begin()
    catalogs.put(transaction, catalogs.table("kept"))
    mark = transaction.mark()
    catalogs.put(transaction, catalogs.table("undone"))
    assert names(catalogs.see(transaction)) == ["kept", "undone"]
    transaction.rollback_to(mark)
    transaction.begin_statement()
    assert names(catalogs.see(transaction)) == ["kept"]
    catalogs.put(transaction, catalogs.table("instead"))
    assert names(catalogs.see(transaction)) == ["kept", "instead"]


def test_the_past_has_the_schema_of_its_time(catalogs: Catalogs) -> None:
    table = catalogs.table("t")
    transaction = catalogs.begin()
    catalogs.put(transaction, table)
    scn = transaction.commit().scn
    catalogs.store.pin("test", scn)
    transaction = catalogs.begin()
    catalogs.put(transaction, evolve(table, columns=(COLUMN, ColumnDefinition(number=2, name="b", type="text"))))
    transaction.commit()
    old = catalogs.see(catalogs.begin(snapshot=scn)).relation_by_oid(table.oid)
    new = catalogs.see(catalogs.begin()).relation_by_oid(table.oid)
    assert old is not None
    assert new is not None
    assert [column.name for column in old.columns] == ["a"]
    assert [column.name for column in new.columns] == ["a", "b"]
    assert old.version != new.version


def test_a_branch_has_a_catalog_of_its_own(catalogs: Catalogs) -> None:
    transaction = catalogs.begin()
    catalogs.put(transaction, catalogs.table("common"))
    transaction.commit()
    catalogs.store.create_timeline("branch")
    on_main, on_branch = catalogs.begin(), catalogs.begin("branch")
    catalogs.put(on_main, catalogs.table("only_main"))
    catalogs.put(on_branch, catalogs.table("only_branch"))
    on_main.commit()
    on_branch.commit()
    assert names(catalogs.see(catalogs.begin())) == ["common", "only_main"]
    assert names(catalogs.see(catalogs.begin("branch"))) == ["common", "only_branch"]


def test_one_name_on_two_branches_gets_different_oids_and_versions(catalogs: Catalogs) -> None:
    catalogs.store.create_timeline("branch")
    found = []
    for timeline in (None, "branch"):
        transaction = catalogs.begin(timeline)
        catalogs.put(transaction, catalogs.table("t"))
        found.append(catalogs.see(transaction).lookup_relation("public", "t"))
        transaction.commit()
    first, second = found
    assert first is not None
    assert second is not None
    assert first.oid != second.oid
    assert first.version != second.version


def test_every_change_gives_a_version_that_was_never_used(catalogs: Catalogs) -> None:
    table = catalogs.table("t")
    seen = set()
    for _ in range(3):
        transaction = catalogs.begin()
        catalogs.put(transaction, table)
        version = catalogs.see(transaction).version_of(table.oid)
        assert version not in seen
        seen.add(version)
        transaction.rollback()


def test_a_taken_name_is_refused_whatever_the_snapshot_shows(catalogs: Catalogs) -> None:
    late = catalogs.begin()
    early = catalogs.begin()
    catalogs.put(early, catalogs.table("t"))
    early.commit()
    assert names(catalogs.see(late)) == []
    with pytest.raises(DuplicateTable, match='relation "t" already exists'):
        catalogs.put(late, catalogs.table("t"))


def test_relations_and_indexes_share_their_names(catalogs: Catalogs) -> None:
    index = Index(oid=40000, schema="public", name="i", relation=1, keys=(IndexKey(column=1),))
    transaction = catalogs.begin()
    catalogs.put(transaction, catalogs.table("t", indexes=(index,)))
    assert catalogs.see(transaction).is_name_taken("public", "i")
    with pytest.raises(DuplicateTable):
        catalogs.put(transaction, catalogs.table("i"))


def test_a_name_is_free_after_a_drop_and_after_a_rename(catalogs: Catalogs) -> None:
    first = catalogs.table("t")
    transaction = catalogs.begin()
    catalogs.put(transaction, first)
    catalogs.drop(transaction, first.oid)
    second = catalogs.table("t")
    catalogs.put(transaction, second)
    catalogs.put(transaction, evolve(second, name="u"))
    third = catalogs.table("t")
    catalogs.put(transaction, third)
    found = catalogs.see(transaction).lookup_relation("public", "t")
    assert found is not None
    assert found.oid == third.oid
    assert sorted(names(catalogs.see(transaction))) == ["t", "u"]


def test_two_relations_can_swap_names_in_one_edit(catalogs: Catalogs) -> None:
    one, two = catalogs.table("one"), catalogs.table("two")
    transaction = catalogs.begin()
    catalogs.put(transaction, one, two)
    catalogs.put(transaction, evolve(one, name="two"), evolve(two, name="one"))
    found = catalogs.see(transaction).lookup_relation("public", "one")
    assert found is not None
    assert found.oid == two.oid


def test_schemas_have_names_of_their_own(catalogs: Catalogs) -> None:
    transaction = catalogs.begin()
    catalogs.put(transaction, Schema(oid=20000, name="s"), catalogs.table("s"))
    with pytest.raises(DuplicateSchema):
        catalogs.put(transaction, Schema(oid=20001, name="s"))


def test_the_search_path_decides_unqualified_names(catalogs: Catalogs) -> None:
    transaction = catalogs.begin()
    catalogs.put(transaction, Schema(oid=20000, name="s"), catalogs.table("t", schema="s"), catalogs.table("t"))
    catalog = catalogs.see(transaction)
    in_public = catalog.lookup_relation(None, "t", ("public", "s"))
    in_s = catalog.lookup_relation(None, "t", ("s", "public"))
    assert in_public is not None
    assert in_s is not None
    assert (in_public.schema, in_s.schema) == ("public", "s")
    assert catalog.lookup_relation(None, "t", ("pg_catalog",)) is None
    assert catalog.lookup_relation("nowhere", "t", ("public",)) is None


def test_who_refers_to_a_relation_is_found_from_its_side(catalogs: Catalogs) -> None:
    parent = catalogs.table("parent")
    reference = Constraint(
        oid=30000, name="fk", kind="foreign key", columns=(1,), foreign=ForeignKey(relation=parent.oid, columns=(1,))
    )
    transaction = catalogs.begin()
    catalogs.put(transaction, parent, catalogs.table("child", constraints=(reference,)))
    ((child, found),) = catalogs.see(transaction).relations_referencing(parent.oid)
    assert (child.name, found.name) == ("child", "fk")


def test_an_edit_answers_as_if_it_had_been_written(catalogs: Catalogs) -> None:
    transaction = catalogs.begin()
    old, gone = catalogs.table("old"), catalogs.table("gone")
    catalogs.put(transaction, old, gone)
    edit = CatalogEdit(catalogs.see(transaction))
    edit.put(evolve(old, name="new"))
    edit.drop(gone.oid)
    edit.put(catalogs.table("fresh"))
    assert not edit.is_name_taken("public", "old")
    assert not edit.is_name_taken("public", "gone")
    assert edit.is_name_taken("public", "new")
    assert sorted(relation.name for relation in edit.relations()) == ["fresh", "new"]
    assert edit.relation(gone.oid) is None


def test_decoded_rows_are_kept_and_reused(catalogs: Catalogs) -> None:
    transaction = catalogs.begin()
    catalogs.put(transaction, catalogs.table("t"))
    transaction.commit()
    before = catalogs.see(catalogs.begin()).lookup_relation("public", "t")
    transaction = catalogs.begin()
    catalogs.put(transaction, catalogs.table("u"))
    transaction.commit()
    assert catalogs.see(catalogs.begin()).lookup_relation("public", "t") is before
