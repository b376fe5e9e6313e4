"""Commit records: SCN, time and transaction lead to each other."""

from __future__ import annotations

from heliosdb.store.commits import MOST_AUTHORS, Author, Commits


def test_a_commit_is_found_by_scn_time_and_transaction() -> None:
    commits = Commits()
    alice = commits.author_number(Author(role="alice"))
    bob = commits.author_number(Author(role="bob", timeline="branch"))
    assert commits.author_number(Author(role="alice")) == alice
    times = [commits.record(10, alice), commits.record(11, bob), commits.record(13, alice)]
    assert times == sorted(set(times))
    assert [commit.scn for commit in commits] == [1, 2, 3]
    second = commits.get(2)
    assert second is not None
    assert (second.scn, second.time, second.transaction_id, second.author.role) == (2, times[1], 11, "bob")
    assert commits.get(4) is None
    assert commits.get(0) is None
    assert commits.scn_of_transaction(13) == 3
    assert commits.scn_of_transaction(12) is None
    assert commits.scn_at(times[0] - 1) == 0
    assert commits.scn_at(times[1]) == 2
    assert commits.scn_at(times[2] + 10**9) == 3


def test_time_never_steps_back() -> None:
    commits = Commits()
    commits.last_time = 2**60
    number = commits.author_number(Author())
    assert commits.record(3, number) == 2**60 + 1
    assert commits.record(4, number) == 2**60 + 2
    assert commits.clock() == 2**60 + 2


def test_statements_are_kept_of_so_many_authors() -> None:
    commits = Commits()
    for number in range(MOST_AUTHORS):
        commits.author_number(Author(statement=str(number)))
    late = commits.author(commits.author_number(Author(role="alice", statement="late")))
    assert late == Author(role="alice")
    assert commits.author(commits.author_number(Author(statement="7"))).statement == "7"
