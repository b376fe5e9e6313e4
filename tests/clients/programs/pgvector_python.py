"""pgvector's adapter for psycopg: types that register by name, arrays of NumPy both ways. Takes host, port, user, database."""

from __future__ import annotations

import sys

import numpy as np
import psycopg
from pgvector import HalfVector, SparseVector
from pgvector.psycopg import register_vector

HOST, PORT, USER, DATABASE = sys.argv[1:]
with psycopg.connect(host=HOST, port=PORT, user=USER, dbname=DATABASE, autocommit=True) as connection:
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    register_vector(connection)
    connection.execute("DROP TABLE IF EXISTS pv")
    connection.execute("CREATE TABLE pv (id int PRIMARY KEY, v vector(3), h halfvec(3), s sparsevec(5), b bit(3))")
    for binary in (False, True):
        cursor = connection.cursor(binary=binary)
        cursor.execute("DELETE FROM pv")
        values = (np.array([1.5, 2, 3], dtype=np.float32), HalfVector([1, 2, 3]), SparseVector({0: 1, 3: 2.5}, 5))
        cursor.execute("INSERT INTO pv VALUES (1, %s, %s, %s, B'101')", values)
        cursor.execute("INSERT INTO pv (id, v) VALUES (2, %s)", (np.array([9, 9, 9], dtype=np.float32),))
        v, h, s = cursor.execute("SELECT v, h, s FROM pv WHERE id = 1").fetchone()
        print(binary, type(v).__name__, v if isinstance(v, np.ndarray) else v.to_list(), h.to_list(), s.to_list())
        near = cursor.execute(
            "SELECT id, v <-> %s AS far FROM pv ORDER BY far LIMIT 5", (np.array([1, 2, 3]),)
        ).fetchall()
        print([(number, round(float(far), 4)) for number, far in near])
    connection.execute("CREATE INDEX ON pv USING hnsw (v vector_l2_ops)")
    print(connection.execute("SELECT id FROM pv ORDER BY v <-> %s LIMIT 1", (np.array([8, 8, 8]),)).fetchone())
    with connection.cursor().copy("COPY pv (id, v) FROM STDIN WITH (FORMAT BINARY)") as copy:
        copy.set_types(["int4", "vector"])
        for number in range(3, 6):
            copy.write_row((number, np.array([number, 0, 0], dtype=np.float32)))
    print(connection.execute("SELECT count(*), avg(v) FROM pv").fetchone()[0])
    connection.execute("DROP TABLE pv")
