"""Catalogs of what does not exist here: text search, large objects, replication, prepared transactions.

Programs join them to what they really ask for, so they are there, with PostgreSQL 15's columns, and empty.
"""

from __future__ import annotations

from heliosdb.catalog.registries import CatalogView
from heliosdb.catalog.views.columns import parse_columns
from heliosdb.catalog.views.support import no_rows

__all__ = ["CATALOG_VIEWS"]

_COLUMNS = {
    "pg_init_privs": "objoid oid, classoid oid, objsubid int4, privtype char, initprivs _text",
    "pg_largeobject_metadata": "oid oid, lomowner oid, lomacl _text",
    "pg_prepared_xacts": "transaction xid, gid text, prepared timestamptz, owner name, database name",
    "pg_publication_tables": "pubname name, schemaname name, tablename name, attnames _name, rowfilter text",
    "pg_seclabels": (
        "objoid oid, classoid oid, objsubid int4, objtype text, objnamespace oid, objname text, provider text, "
        "label text"
    ),
    "pg_shdepend": ("dbid oid, classid oid, objid oid, objsubid int4, refclassid oid, refobjid oid, deptype char"),
    "pg_shseclabel": "objoid oid, classoid oid, provider text, label text",
    "pg_subscription_rel": "srsubid oid, srrelid oid, srsubstate char, srsublsn text",
    "pg_transform": "oid oid, trftype oid, trflang oid, trffromsql regproc, trftosql regproc",
    "pg_ts_config_map": "mapcfg oid, maptokentype int4, mapseqno int4, mapdict oid",
    "pg_ts_dict": ("oid oid, dictname name, dictnamespace oid, dictowner oid, dicttemplate oid, dictinitoption text"),
    "pg_ts_parser": (
        "oid oid, prsname name, prsnamespace oid, prsstart regproc, prstoken regproc, prsend regproc, "
        "prsheadline regproc, prslextype regproc"
    ),
    "pg_ts_template": "oid oid, tmplname name, tmplnamespace oid, tmplinit regproc, tmpllexize regproc",
    "pg_user_mappings": "umid oid, srvid oid, srvname name, umuser oid, usename name, umoptions _text",
}

CATALOG_VIEWS = tuple(
    CatalogView(name=name, columns=parse_columns(columns), rows=no_rows, description="There is nothing of this kind.")
    for name, columns in _COLUMNS.items()
)
