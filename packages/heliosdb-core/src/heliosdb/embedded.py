from __future__ import annotations
from heliosdb.database import Database
class EmbeddedDatabase:
    def __init__(self, path=None, **k): self._db=Database(path)
    @classmethod
    def new_in_memory(cls): return cls(None)
    def session(self): return self._db.session()
    def query(self, sql, params=()):
        if not hasattr(self,'s'): self.s=self._db.session()
        return self.s.execute(sql, params)[-1].rows
    execute=query
    def close(self): self._db.close()
