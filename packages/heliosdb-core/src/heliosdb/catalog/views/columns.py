"""The columns of PostgreSQL 15's system catalogs and views: names and types, in order.

Types that have no values here are shown as text: expression trees, privileges, network addresses.
"""

from __future__ import annotations

__all__ = ["INFORMATION_SCHEMA", "PG_CATALOG", "YES_OR_NO", "parse_columns"]


def parse_columns(text: str) -> tuple[tuple[str, str], ...]:
    """Return (name, type) pairs from ``"name type, name type"``."""
    pairs = [part.split() for part in text.split(",")]
    return tuple((name, type_name) for name, type_name in pairs)


PG_CATALOG: dict[str, str] = {
    "pg_aggregate": (
        "aggfnoid regproc, aggkind char, aggnumdirectargs int2, aggtransfn regproc, aggfinalfn regproc, "
        "aggcombinefn regproc, aggserialfn regproc, aggdeserialfn regproc, aggmtransfn regproc, aggminvtransfn "
        "regproc, aggmfinalfn regproc, aggfinalextra bool, aggmfinalextra bool, aggfinalmodify char, "
        "aggmfinalmodify char, aggsortop oid, aggtranstype oid, aggtransspace int4, aggmtranstype oid, "
        "aggmtransspace int4, agginitval text, aggminitval text"
    ),
    "pg_am": "oid oid, amname name, amhandler regproc, amtype char",
    "pg_amop": (
        "oid oid, amopfamily oid, amoplefttype oid, amoprighttype oid, amopstrategy int2, amoppurpose char, amopopr "
        "oid, amopmethod oid, amopsortfamily oid"
    ),
    "pg_attrdef": "oid oid, adrelid oid, adnum int2, adbin text",
    "pg_attribute": (
        "attrelid oid, attname name, atttypid oid, attstattarget int4, attlen int2, attnum int2, attndims int4, "
        "attcacheoff int4, atttypmod int4, attbyval bool, attalign char, attstorage char, attcompression char, "
        "attnotnull bool, atthasdef bool, atthasmissing bool, attidentity char, attgenerated char, attisdropped "
        "bool, attislocal bool, attinhcount int4, attcollation oid, attacl _text, attoptions _text, attfdwoptions "
        "_text, attmissingval text"
    ),
    "pg_auth_members": "roleid oid, member oid, grantor oid, admin_option bool",
    "pg_authid": (
        "oid oid, rolname name, rolsuper bool, rolinherit bool, rolcreaterole bool, rolcreatedb bool, rolcanlogin "
        "bool, rolreplication bool, rolbypassrls bool, rolconnlimit int4, rolpassword text, rolvaliduntil "
        "timestamptz"
    ),
    "pg_cast": "oid oid, castsource oid, casttarget oid, castfunc oid, castcontext char, castmethod char",
    "pg_class": (
        "oid oid, relname name, relnamespace oid, reltype oid, reloftype oid, relowner oid, relam oid, relfilenode "
        "oid, reltablespace oid, relpages int4, reltuples float4, relallvisible int4, reltoastrelid oid, "
        "relhasindex bool, relisshared bool, relpersistence char, relkind char, relnatts int2, relchecks int2, "
        "relhasrules bool, relhastriggers bool, relhassubclass bool, relrowsecurity bool, relforcerowsecurity bool, "
        "relispopulated bool, relreplident char, relispartition bool, relrewrite oid, relfrozenxid xid, relminmxid "
        "xid, relacl _text, reloptions _text, relpartbound text"
    ),
    "pg_collation": (
        "oid oid, collname name, collnamespace oid, collowner oid, collprovider char, collisdeterministic bool, "
        "collencoding int4, collcollate text, collctype text, colliculocale text, collversion text"
    ),
    "pg_constraint": (
        "oid oid, conname name, connamespace oid, contype char, condeferrable bool, condeferred bool, convalidated "
        "bool, conrelid oid, contypid oid, conindid oid, conparentid oid, confrelid oid, confupdtype char, "
        "confdeltype char, confmatchtype char, conislocal bool, coninhcount int4, connoinherit bool, conkey _int2, "
        "confkey _int2, conpfeqop _oid, conppeqop _oid, conffeqop _oid, confdelsetcols _int2, conexclop _oid, "
        "conbin text"
    ),
    "pg_conversion": (
        "oid oid, conname name, connamespace oid, conowner oid, conforencoding int4, contoencoding int4, conproc "
        "regproc, condefault bool"
    ),
    "pg_cursors": (
        "name text, statement text, is_holdable bool, is_binary bool, is_scrollable bool, creation_time timestamptz"
    ),
    "pg_database": (
        "oid oid, datname name, datdba oid, encoding int4, datlocprovider char, datistemplate bool, datallowconn "
        "bool, datconnlimit int4, datfrozenxid xid, datminmxid xid, dattablespace oid, datcollate text, datctype "
        "text, daticulocale text, datcollversion text, datacl _text"
    ),
    "pg_default_acl": "oid oid, defaclrole oid, defaclnamespace oid, defaclobjtype char, defaclacl _text",
    "pg_db_role_setting": "setdatabase oid, setrole oid, setconfig _text",
    "pg_depend": (
        "classid oid, objid oid, objsubid int4, refclassid oid, refobjid oid, refobjsubid int4, deptype char"
    ),
    "pg_description": "objoid oid, classoid oid, objsubid int4, description text",
    "pg_enum": "oid oid, enumtypid oid, enumsortorder float4, enumlabel name",
    "pg_event_trigger": (
        "oid oid, evtname name, evtevent name, evtowner oid, evtfoid oid, evtenabled char, evttags _text"
    ),
    "pg_foreign_data_wrapper": (
        "oid oid, fdwname name, fdwowner oid, fdwhandler oid, fdwvalidator oid, fdwacl _text, fdwoptions _text"
    ),
    "pg_foreign_server": (
        "oid oid, srvname name, srvowner oid, srvfdw oid, srvtype text, srvversion text, srvacl _text, srvoptions _text"
    ),
    "pg_foreign_table": "ftrelid oid, ftserver oid, ftoptions _text",
    "pg_group": "groname name, grosysid oid, grolist _oid",
    "pg_index": (
        "indexrelid oid, indrelid oid, indnatts int2, indnkeyatts int2, indisunique bool, indnullsnotdistinct bool, "
        "indisprimary bool, indisexclusion bool, indimmediate bool, indisclustered bool, indisvalid bool, "
        "indcheckxmin bool, indisready bool, indislive bool, indisreplident bool, indkey int2vector, indcollation "
        "oidvector, indclass oidvector, indoption int2vector, indexprs text, indpred text"
    ),
    "pg_indexes": "schemaname name, tablename name, indexname name, tablespace name, indexdef text",
    "pg_inherits": "inhrelid oid, inhparent oid, inhseqno int4, inhdetachpending bool",
    "pg_language": (
        "oid oid, lanname name, lanowner oid, lanispl bool, lanpltrusted bool, lanplcallfoid oid, laninline oid, "
        "lanvalidator oid, lanacl _text"
    ),
    "pg_locks": (
        "locktype text, database oid, relation oid, page int4, tuple int2, virtualxid text, transactionid xid, "
        "classid oid, objid oid, objsubid int2, virtualtransaction text, pid int4, mode text, granted bool, "
        "fastpath bool, waitstart timestamptz"
    ),
    "pg_matviews": (
        "schemaname name, matviewname name, matviewowner name, tablespace name, hasindexes bool, ispopulated bool, "
        "definition text"
    ),
    "pg_namespace": "oid oid, nspname name, nspowner oid, nspacl _text",
    "pg_opclass": (
        "oid oid, opcmethod oid, opcname name, opcnamespace oid, opcowner oid, opcfamily oid, opcintype oid, "
        "opcdefault bool, opckeytype oid"
    ),
    "pg_operator": (
        "oid oid, oprname name, oprnamespace oid, oprowner oid, oprkind char, oprcanmerge bool, oprcanhash bool, "
        "oprleft oid, oprright oid, oprresult oid, oprcom oid, oprnegate oid, oprcode regproc, oprrest regproc, "
        "oprjoin regproc"
    ),
    "pg_opfamily": "oid oid, opfmethod oid, opfname name, opfnamespace oid, opfowner oid",
    "pg_partitioned_table": (
        "partrelid oid, partstrat char, partnatts int2, partdefid oid, partattrs int2vector, partclass oidvector, "
        "partcollation oidvector, partexprs text"
    ),
    "pg_policies": (
        "schemaname name, tablename name, policyname name, permissive text, roles _name, cmd text, qual text, "
        "with_check text"
    ),
    "pg_policy": (
        "oid oid, polname name, polrelid oid, polcmd char, polpermissive bool, polroles _oid, polqual text, "
        "polwithcheck text"
    ),
    "pg_prepared_statements": (
        "name text, statement text, prepare_time timestamptz, parameter_types _regtype, from_sql bool, "
        "generic_plans int8, custom_plans int8"
    ),
    "pg_proc": (
        "oid oid, proname name, pronamespace oid, proowner oid, prolang oid, procost float4, prorows float4, "
        "provariadic oid, prosupport regproc, prokind char, prosecdef bool, proleakproof bool, proisstrict bool, "
        "proretset bool, provolatile char, proparallel char, pronargs int2, pronargdefaults int2, prorettype oid, "
        "proargtypes oidvector, proallargtypes _oid, proargmodes _char, proargnames _text, proargdefaults text, "
        "protrftypes _oid, prosrc text, probin text, prosqlbody text, proconfig _text, proacl _text"
    ),
    "pg_publication": (
        "oid oid, pubname name, pubowner oid, puballtables bool, pubinsert bool, pubupdate bool, pubdelete bool, "
        "pubtruncate bool, pubviaroot bool"
    ),
    "pg_publication_namespace": "oid oid, pnpubid oid, pnnspid oid",
    "pg_publication_rel": "oid oid, prpubid oid, prrelid oid, prqual text, prattrs _int2",
    "pg_range": (
        "rngtypid oid, rngsubtype oid, rngmultitypid oid, rngcollation oid, rngsubopc oid, rngcanonical regproc, "
        "rngsubdiff regproc"
    ),
    "pg_rewrite": (
        "oid oid, rulename name, ev_class oid, ev_type char, ev_enabled char, is_instead bool, ev_qual text, "
        "ev_action text"
    ),
    "pg_roles": (
        "rolname name, rolsuper bool, rolinherit bool, rolcreaterole bool, rolcreatedb bool, rolcanlogin bool, "
        "rolreplication bool, rolconnlimit int4, rolpassword text, rolvaliduntil timestamptz, rolbypassrls bool, "
        "rolconfig _text, oid oid"
    ),
    "pg_rules": "schemaname name, tablename name, rulename name, definition text",
    "pg_seclabel": "objoid oid, classoid oid, objsubid int4, provider text, label text",
    "pg_sequence": (
        "seqrelid oid, seqtypid oid, seqstart int8, seqincrement int8, seqmax int8, seqmin int8, seqcache int8, "
        "seqcycle bool"
    ),
    "pg_sequences": (
        "schemaname name, sequencename name, sequenceowner name, data_type regtype, start_value int8, min_value "
        "int8, max_value int8, increment_by int8, cycle bool, cache_size int8, last_value int8"
    ),
    "pg_settings": (
        "name text, setting text, unit text, category text, short_desc text, extra_desc text, context text, vartype "
        "text, source text, min_val text, max_val text, enumvals _text, boot_val text, reset_val text, sourcefile "
        "text, sourceline int4, pending_restart bool"
    ),
    "pg_shadow": (
        "usename name, usesysid oid, usecreatedb bool, usesuper bool, userepl bool, usebypassrls bool, passwd text, "
        "valuntil timestamptz, useconfig _text"
    ),
    "pg_shdescription": "objoid oid, classoid oid, description text",
    "pg_stat_activity": (
        "datid oid, datname name, pid int4, leader_pid int4, usesysid oid, usename name, application_name text, "
        "client_addr text, client_hostname text, client_port int4, backend_start timestamptz, xact_start "
        "timestamptz, query_start timestamptz, state_change timestamptz, wait_event_type text, wait_event text, "
        "state text, backend_xid xid, backend_xmin xid, query_id int8, query text, backend_type text"
    ),
    "pg_stat_database": (
        "datid oid, datname name, numbackends int4, xact_commit int8, xact_rollback int8, blks_read int8, blks_hit "
        "int8, tup_returned int8, tup_fetched int8, tup_inserted int8, tup_updated int8, tup_deleted int8, "
        "conflicts int8, temp_files int8, temp_bytes int8, deadlocks int8, checksum_failures int8, "
        "checksum_last_failure timestamptz, blk_read_time float8, blk_write_time float8, session_time float8, "
        "active_time float8, idle_in_transaction_time float8, sessions int8, sessions_abandoned int8, "
        "sessions_fatal int8, sessions_killed int8, stats_reset timestamptz"
    ),
    "pg_stat_statements": (
        "userid oid, dbid oid, toplevel bool, queryid int8, query text, calls int8, total_exec_time float8, "
        "min_exec_time float8, max_exec_time float8, mean_exec_time float8, stddev_exec_time float8, rows int8, "
        "total_time float8, min_time float8, max_time float8, mean_time float8, stddev_time float8"
    ),
    "pg_stat_user_indexes": (
        "relid oid, indexrelid oid, schemaname name, relname name, indexrelname name, idx_scan int8, idx_tup_read "
        "int8, idx_tup_fetch int8"
    ),
    "pg_stat_all_indexes": (
        "relid oid, indexrelid oid, schemaname name, relname name, indexrelname name, idx_scan int8, idx_tup_read "
        "int8, idx_tup_fetch int8"
    ),
    "pg_stat_user_tables": (
        "relid oid, schemaname name, relname name, seq_scan int8, seq_tup_read int8, idx_scan int8, idx_tup_fetch "
        "int8, n_tup_ins int8, n_tup_upd int8, n_tup_del int8, n_tup_hot_upd int8, n_live_tup int8, n_dead_tup "
        "int8, n_mod_since_analyze int8, n_ins_since_vacuum int8, last_vacuum timestamptz, last_autovacuum "
        "timestamptz, last_analyze timestamptz, last_autoanalyze timestamptz, vacuum_count int8, autovacuum_count "
        "int8, analyze_count int8, autoanalyze_count int8"
    ),
    "pg_stat_all_tables": (
        "relid oid, schemaname name, relname name, seq_scan int8, seq_tup_read int8, idx_scan int8, idx_tup_fetch "
        "int8, n_tup_ins int8, n_tup_upd int8, n_tup_del int8, n_tup_hot_upd int8, n_live_tup int8, n_dead_tup "
        "int8, n_mod_since_analyze int8, n_ins_since_vacuum int8, last_vacuum timestamptz, last_autovacuum "
        "timestamptz, last_analyze timestamptz, last_autoanalyze timestamptz, vacuum_count int8, autovacuum_count "
        "int8, analyze_count int8, autoanalyze_count int8"
    ),
    "pg_statistic_ext": (
        "oid oid, stxrelid oid, stxname name, stxnamespace oid, stxowner oid, stxstattarget int4, stxkeys _int2, "
        "stxkind _char, stxexprs text"
    ),
    "pg_stats": (
        "schemaname name, tablename name, attname name, inherited bool, null_frac float4, avg_width int4, "
        "n_distinct float4, most_common_vals text, most_common_freqs _float4, histogram_bounds text, correlation "
        "float4, most_common_elems text, most_common_elem_freqs _float4, elem_count_histogram _float4"
    ),
    "pg_statio_user_tables": (
        "relid oid, schemaname name, relname name, heap_blks_read int8, heap_blks_hit int8, idx_blks_read int8, "
        "idx_blks_hit int8, toast_blks_read int8, toast_blks_hit int8, tidx_blks_read int8, tidx_blks_hit int8"
    ),
    "pg_subscription": (
        "oid oid, subdbid oid, subskiplsn text, subname name, subowner oid, subenabled bool, subbinary bool, "
        "substream bool, subtwophasestate char, subdisableonerr bool, subconninfo text, subslotname name, "
        "subsynccommit text, subpublications _text"
    ),
    "pg_tables": (
        "schemaname name, tablename name, tableowner name, tablespace name, hasindexes bool, hasrules bool, "
        "hastriggers bool, rowsecurity bool"
    ),
    "pg_tablespace": "oid oid, spcname name, spcowner oid, spcacl _text, spcoptions _text",
    "pg_timezone_abbrevs": "abbrev text, utc_offset interval, is_dst bool",
    "pg_timezone_names": "name text, abbrev text, utc_offset interval, is_dst bool",
    "pg_trigger": (
        "oid oid, tgrelid oid, tgparentid oid, tgname name, tgfoid oid, tgtype int2, tgenabled char, tgisinternal "
        "bool, tgconstrrelid oid, tgconstrindid oid, tgconstraint oid, tgdeferrable bool, tginitdeferred bool, "
        "tgnargs int2, tgattr int2vector, tgargs bytea, tgqual text, tgoldtable name, tgnewtable name"
    ),
    "pg_ts_config": "oid oid, cfgname name, cfgnamespace oid, cfgowner oid, cfgparser oid",
    "pg_type": (
        "oid oid, typname name, typnamespace oid, typowner oid, typlen int2, typbyval bool, typtype char, "
        "typcategory char, typispreferred bool, typisdefined bool, typdelim char, typrelid oid, typsubscript "
        "regproc, typelem oid, typarray oid, typinput regproc, typoutput regproc, typreceive regproc, typsend "
        "regproc, typmodin regproc, typmodout regproc, typanalyze regproc, typalign char, typstorage char, "
        "typnotnull bool, typbasetype oid, typtypmod int4, typndims int4, typcollation oid, typdefaultbin text, "
        "typdefault text, typacl _text"
    ),
    "pg_user": (
        "usename name, usesysid oid, usecreatedb bool, usesuper bool, userepl bool, usebypassrls bool, passwd text, "
        "valuntil timestamptz, useconfig _text"
    ),
    "pg_user_mapping": "oid oid, umuser oid, umserver oid, umoptions _text",
    "pg_views": "schemaname name, viewname name, viewowner name, definition text",
}

INFORMATION_SCHEMA: dict[str, str] = {
    "applicable_roles": "grantee name, role_name name, is_grantable varchar",
    "character_sets": (
        "character_set_catalog name, character_set_schema name, character_set_name name, character_repertoire name, "
        "form_of_use name, default_collate_catalog name, default_collate_schema name, default_collate_name name"
    ),
    "check_constraints": (
        "constraint_catalog name, constraint_schema name, constraint_name name, check_clause varchar"
    ),
    "collations": "collation_catalog name, collation_schema name, collation_name name, pad_attribute varchar",
    "column_privileges": (
        "grantor name, grantee name, table_catalog name, table_schema name, table_name name, column_name name, "
        "privilege_type varchar, is_grantable varchar"
    ),
    "columns": (
        "table_catalog name, table_schema name, table_name name, column_name name, ordinal_position int4, "
        "column_default varchar, is_nullable varchar, data_type varchar, character_maximum_length int4, "
        "character_octet_length int4, numeric_precision int4, numeric_precision_radix int4, numeric_scale int4, "
        "datetime_precision int4, interval_type varchar, interval_precision int4, character_set_catalog name, "
        "character_set_schema name, character_set_name name, collation_catalog name, collation_schema name, "
        "collation_name name, domain_catalog name, domain_schema name, domain_name name, udt_catalog name, "
        "udt_schema name, udt_name name, scope_catalog name, scope_schema name, scope_name name, "
        "maximum_cardinality int4, dtd_identifier name, is_self_referencing varchar, is_identity varchar, "
        "identity_generation varchar, identity_start varchar, identity_increment varchar, identity_maximum varchar, "
        "identity_minimum varchar, identity_cycle varchar, is_generated varchar, generation_expression varchar, "
        "is_updatable varchar"
    ),
    "constraint_column_usage": (
        "table_catalog name, table_schema name, table_name name, column_name name, constraint_catalog name, "
        "constraint_schema name, constraint_name name"
    ),
    "constraint_table_usage": (
        "table_catalog name, table_schema name, table_name name, constraint_catalog name, constraint_schema name, "
        "constraint_name name"
    ),
    "domain_constraints": (
        "constraint_catalog name, constraint_schema name, constraint_name name, domain_catalog name, domain_schema "
        "name, domain_name name, is_deferrable varchar, initially_deferred varchar"
    ),
    "domains": (
        "domain_catalog name, domain_schema name, domain_name name, data_type varchar, character_maximum_length "
        "int4, character_octet_length int4, character_set_catalog name, character_set_schema name, "
        "character_set_name name, collation_catalog name, collation_schema name, collation_name name, "
        "numeric_precision int4, numeric_precision_radix int4, numeric_scale int4, datetime_precision int4, "
        "interval_type varchar, interval_precision int4, domain_default varchar, udt_catalog name, udt_schema name, "
        "udt_name name, scope_catalog name, scope_schema name, scope_name name, maximum_cardinality int4, "
        "dtd_identifier name"
    ),
    "enabled_roles": "role_name name",
    "information_schema_catalog_name": "catalog_name name",
    "key_column_usage": (
        "constraint_catalog name, constraint_schema name, constraint_name name, table_catalog name, table_schema "
        "name, table_name name, column_name name, ordinal_position int4, position_in_unique_constraint int4"
    ),
    "parameters": (
        "specific_catalog name, specific_schema name, specific_name name, ordinal_position int4, parameter_mode "
        "varchar, is_result varchar, as_locator varchar, parameter_name name, data_type varchar, "
        "character_maximum_length int4, character_octet_length int4, character_set_catalog name, "
        "character_set_schema name, character_set_name name, collation_catalog name, collation_schema name, "
        "collation_name name, numeric_precision int4, numeric_precision_radix int4, numeric_scale int4, "
        "datetime_precision int4, interval_type varchar, interval_precision int4, udt_catalog name, udt_schema "
        "name, udt_name name, scope_catalog name, scope_schema name, scope_name name, maximum_cardinality int4, "
        "dtd_identifier name, parameter_default varchar"
    ),
    "referential_constraints": (
        "constraint_catalog name, constraint_schema name, constraint_name name, unique_constraint_catalog name, "
        "unique_constraint_schema name, unique_constraint_name name, match_option varchar, update_rule varchar, "
        "delete_rule varchar"
    ),
    "role_table_grants": (
        "grantor name, grantee name, table_catalog name, table_schema name, table_name name, privilege_type "
        "varchar, is_grantable varchar, with_hierarchy varchar"
    ),
    "routines": (
        "specific_catalog name, specific_schema name, specific_name name, routine_catalog name, routine_schema "
        "name, routine_name name, routine_type varchar, module_catalog name, module_schema name, module_name name, "
        "udt_catalog name, udt_schema name, udt_name name, data_type varchar, character_maximum_length int4, "
        "character_octet_length int4, character_set_catalog name, character_set_schema name, character_set_name "
        "name, collation_catalog name, collation_schema name, collation_name name, numeric_precision int4, "
        "numeric_precision_radix int4, numeric_scale int4, datetime_precision int4, interval_type varchar, "
        "interval_precision int4, type_udt_catalog name, type_udt_schema name, type_udt_name name, scope_catalog "
        "name, scope_schema name, scope_name name, maximum_cardinality int4, dtd_identifier name, routine_body "
        "varchar, routine_definition varchar, external_name varchar, external_language varchar, parameter_style "
        "varchar, is_deterministic varchar, sql_data_access varchar, is_null_call varchar, sql_path varchar, "
        "schema_level_routine varchar, max_dynamic_result_sets int4, is_user_defined_cast varchar, "
        "is_implicitly_invocable varchar, security_type varchar, to_sql_specific_catalog name, "
        "to_sql_specific_schema name, to_sql_specific_name name, as_locator varchar, created timestamptz, "
        "last_altered timestamptz, new_savepoint_level varchar, is_udt_dependent varchar, "
        "result_cast_from_data_type varchar, result_cast_as_locator varchar, result_cast_char_max_length int4, "
        "result_cast_char_octet_length int4, result_cast_char_set_catalog name, result_cast_char_set_schema name, "
        "result_cast_char_set_name name, result_cast_collation_catalog name, result_cast_collation_schema name, "
        "result_cast_collation_name name, result_cast_numeric_precision int4, result_cast_numeric_precision_radix "
        "int4, result_cast_numeric_scale int4, result_cast_datetime_precision int4, result_cast_interval_type "
        "varchar, result_cast_interval_precision int4, result_cast_type_udt_catalog name, "
        "result_cast_type_udt_schema name, result_cast_type_udt_name name, result_cast_scope_catalog name, "
        "result_cast_scope_schema name, result_cast_scope_name name, result_cast_maximum_cardinality int4, "
        "result_cast_dtd_identifier name"
    ),
    "schemata": (
        "catalog_name name, schema_name name, schema_owner name, default_character_set_catalog name, "
        "default_character_set_schema name, default_character_set_name name, sql_path varchar"
    ),
    "sequences": (
        "sequence_catalog name, sequence_schema name, sequence_name name, data_type varchar, numeric_precision "
        "int4, numeric_precision_radix int4, numeric_scale int4, start_value varchar, minimum_value varchar, "
        "maximum_value varchar, increment varchar, cycle_option varchar"
    ),
    "table_constraints": (
        "constraint_catalog name, constraint_schema name, constraint_name name, table_catalog name, table_schema "
        "name, table_name name, constraint_type varchar, is_deferrable varchar, initially_deferred varchar, "
        "enforced varchar, nulls_distinct varchar"
    ),
    "table_privileges": (
        "grantor name, grantee name, table_catalog name, table_schema name, table_name name, privilege_type "
        "varchar, is_grantable varchar, with_hierarchy varchar"
    ),
    "tables": (
        "table_catalog name, table_schema name, table_name name, table_type varchar, self_referencing_column_name "
        "name, reference_generation varchar, user_defined_type_catalog name, user_defined_type_schema name, "
        "user_defined_type_name name, is_insertable_into varchar, is_typed varchar, commit_action varchar"
    ),
    "triggers": (
        "trigger_catalog name, trigger_schema name, trigger_name name, event_manipulation varchar, "
        "event_object_catalog name, event_object_schema name, event_object_table name, action_order int4, "
        "action_condition varchar, action_statement varchar, action_orientation varchar, action_timing varchar, "
        "action_reference_old_table name, action_reference_new_table name, action_reference_old_row name, "
        "action_reference_new_row name, created timestamptz"
    ),
    "user_defined_types": (
        "user_defined_type_catalog name, user_defined_type_schema name, user_defined_type_name name, "
        "user_defined_type_category varchar, is_instantiable varchar, is_final varchar, ordering_form varchar, "
        "ordering_category varchar, ordering_routine_catalog name, ordering_routine_schema name, "
        "ordering_routine_name name, reference_type varchar, data_type varchar, character_maximum_length int4, "
        "character_octet_length int4, character_set_catalog name, character_set_schema name, character_set_name "
        "name, collation_catalog name, collation_schema name, collation_name name, numeric_precision int4, "
        "numeric_precision_radix int4, numeric_scale int4, datetime_precision int4, interval_type varchar, "
        "interval_precision int4, source_dtd_identifier name, ref_dtd_identifier name"
    ),
    "view_column_usage": (
        "view_catalog name, view_schema name, view_name name, table_catalog name, table_schema name, table_name "
        "name, column_name name"
    ),
    "view_table_usage": (
        "view_catalog name, view_schema name, view_name name, table_catalog name, table_schema name, table_name name"
    ),
    "views": (
        "table_catalog name, table_schema name, table_name name, view_definition varchar, check_option varchar, "
        "is_updatable varchar, is_insertable_into varchar, is_trigger_updatable varchar, is_trigger_deletable "
        "varchar, is_trigger_insertable_into varchar"
    ),
}

YES_OR_NO = frozenset({
    "as_locator", "cycle_option", "enforced", "identity_cycle", "initially_deferred", "is_deferrable",
    "is_derived_reference_attribute", "is_deterministic", "is_final", "is_grantable", "is_identity",
    "is_implicitly_invocable", "is_insertable_into", "is_instantiable", "is_null_call", "is_nullable", "is_result",
    "is_self_referencing", "is_supported", "is_trigger_deletable", "is_trigger_insertable_into",
    "is_trigger_updatable", "is_typed", "is_udt_dependent", "is_updatable", "is_user_defined_cast",
    "new_savepoint_level", "nulls_distinct", "result_cast_as_locator", "schema_level_routine", "with_hierarchy",
})  # fmt: skip
"""Columns of information_schema whose domain yes_or_no is varchar(3)."""
