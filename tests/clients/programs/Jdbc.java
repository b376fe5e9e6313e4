// pgjdbc: DatabaseMetaData and statements of both protocols. Takes a URL and a user.
import java.math.BigDecimal;
import java.sql.*;
import java.util.*;

public class Jdbc {
    static void rows(String name, ResultSet found, String... columns) throws SQLException {
        List<String> lines = new ArrayList<>();
        while (found.next()) {
            List<String> line = new ArrayList<>();
            for (String column : columns) line.add(String.valueOf(found.getObject(column)));
            lines.add(String.join(" | ", line));
        }
        System.out.println(name + " " + lines.size());
        for (String line : lines) System.out.println("  " + line);
    }

    public static void main(String[] given) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("user", given[1]);
        try (Connection connection = DriverManager.getConnection(given[0], properties)) {
            DatabaseMetaData meta = connection.getMetaData();
            System.out.println(meta.getDatabaseProductName() + " " + meta.getDatabaseMajorVersion());
            rows("tables", meta.getTables(null, "shop", "%", null), "TABLE_SCHEM", "TABLE_NAME", "TABLE_TYPE", "REMARKS");
            rows("only tables", meta.getTables(null, "shop", "%", new String[] {"TABLE"}), "TABLE_NAME");
            rows("columns", meta.getColumns(null, "shop", "%", "%"), "TABLE_NAME", "COLUMN_NAME", "DATA_TYPE", "TYPE_NAME",
                "COLUMN_SIZE", "DECIMAL_DIGITS", "NULLABLE", "REMARKS", "COLUMN_DEF", "ORDINAL_POSITION", "IS_AUTOINCREMENT",
                "IS_GENERATEDCOLUMN");
            rows("primary keys", meta.getPrimaryKeys(null, "shop", "item"), "TABLE_NAME", "COLUMN_NAME", "KEY_SEQ", "PK_NAME");
            rows("imported keys", meta.getImportedKeys(null, "shop", "orders"), "PKTABLE_NAME", "PKCOLUMN_NAME", "FKCOLUMN_NAME",
                "KEY_SEQ", "UPDATE_RULE", "DELETE_RULE", "FK_NAME", "PK_NAME", "DEFERRABILITY");
            rows("exported keys", meta.getExportedKeys(null, "shop", "customer"), "FKTABLE_NAME", "FKCOLUMN_NAME", "FK_NAME");
            rows("cross", meta.getCrossReference(null, "shop", "item", null, "shop", "orders"), "FKCOLUMN_NAME", "PKCOLUMN_NAME");
            rows("indexes", meta.getIndexInfo(null, "shop", "orders", false, true), "NON_UNIQUE", "INDEX_NAME", "TYPE",
                "ORDINAL_POSITION", "COLUMN_NAME", "ASC_OR_DESC", "FILTER_CONDITION");
            rows("best row", meta.getBestRowIdentifier(null, "shop", "item", DatabaseMetaData.bestRowSession, true), "COLUMN_NAME", "TYPE_NAME");
            rows("schemas", meta.getSchemas(null, "shop"), "TABLE_SCHEM");
            rows("table types", meta.getTableTypes(), "TABLE_TYPE");
            rows("udts", meta.getUDTs(null, "shop", "%", null), "TYPE_NAME", "CLASS_NAME", "DATA_TYPE", "BASE_TYPE");
            rows("privileges", meta.getTablePrivileges(null, "shop", "item"), "TABLE_NAME", "PRIVILEGE");
            rows("column privileges", meta.getColumnPrivileges(null, "shop", "item", "code"), "COLUMN_NAME", "PRIVILEGE");
            Set<String> known = new TreeSet<>(List.of("int2", "int4", "int8", "text", "varchar", "bool", "numeric", "float8", "date",
                "timestamp", "timestamptz", "bytea", "uuid", "json", "jsonb", "_int4", "bpchar", "name", "oid", "interval", "time"));
            List<String> types = new ArrayList<>();
            try (ResultSet found = meta.getTypeInfo()) {
                while (found.next()) {
                    if (known.contains(found.getString("TYPE_NAME"))) {
                        types.add(found.getString("TYPE_NAME") + ":" + found.getInt("DATA_TYPE") + ":" + found.getInt("PRECISION"));
                    }
                }
            }
            Collections.sort(types);
            System.out.println("types " + types);
            System.out.println("keywords " + !meta.getSQLKeywords().isEmpty() + " " + meta.getMaxColumnNameLength());

            try (PreparedStatement query = connection.prepareStatement("SELECT id, name, tags, data, since > '2000-01-01' FROM shop.customer WHERE id = ?")) {
                for (int round = 0; round < 8; round++) {
                    query.setInt(1, 1 + round % 2);
                    try (ResultSet found = query.executeQuery()) {
                        found.next();
                        if (round > 5) {
                            Array tags = found.getArray(3);
                            System.out.println("row " + found.getInt(1) + " " + found.getString(2) + " "
                                + (tags == null ? null : Arrays.toString((Object[]) tags.getArray())) + " " + found.getObject(4) + " " + found.getBoolean(5));
                        }
                    }
                }
                ResultSetMetaData columns = query.getMetaData();
                for (int i = 1; i <= columns.getColumnCount(); i++)
                    System.out.println("column " + columns.getColumnName(i) + " " + columns.getColumnTypeName(i) + " " + columns.getTableName(i)
                        + " " + columns.isNullable(i) + " " + columns.isAutoIncrement(i));
                System.out.println("parameter " + query.getParameterMetaData().getParameterTypeName(1));
            }
            try (Statement statement = connection.createStatement()) {
                statement.execute("CREATE TEMP TABLE j (id serial PRIMARY KEY, n numeric(8, 2), d date, b bytea, t timestamptz)");
            }
            try (PreparedStatement insert = connection.prepareStatement("INSERT INTO j (n, d, b, t) VALUES (?, ?, ?, ?)", Statement.RETURN_GENERATED_KEYS)) {
                for (int n = 0; n < 5; n++) {
                    insert.setBigDecimal(1, new BigDecimal("1.25").multiply(new BigDecimal(n)));
                    insert.setDate(2, java.sql.Date.valueOf("2024-02-29"));
                    insert.setBytes(3, new byte[] {0, (byte) 255});
                    insert.setTimestamp(4, new Timestamp(0));
                    insert.addBatch();
                }
                System.out.println("batch " + Arrays.toString(insert.executeBatch()));
                rows("keys", insert.getGeneratedKeys(), "id");
            }
            connection.setAutoCommit(false);
            try (Statement statement = connection.createStatement()) {
                statement.setFetchSize(2);
                rows("fetched", statement.executeQuery("SELECT id, n, d FROM j ORDER BY id"), "id", "n", "d");
            }
            Savepoint savepoint = connection.setSavepoint("here");
            try (Statement statement = connection.createStatement()) {
                statement.executeUpdate("INSERT INTO j (id) VALUES (1)");
            } catch (SQLException error) {
                System.out.println("refused " + error.getSQLState() + " " + error.getMessage().lines().findFirst().get());
            }
            connection.rollback(savepoint);
            connection.commit();
            connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
            connection.setReadOnly(true);
            try (Statement statement = connection.createStatement()) {
                rows("level", statement.executeQuery("SHOW transaction_isolation"), "transaction_isolation");
            }
            connection.rollback();
            connection.setReadOnly(false);
            try (Statement statement = connection.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE)) {
                ResultSet found = statement.executeQuery("SELECT id, n FROM j ORDER BY id");
                found.last();
                found.updateBigDecimal("n", new BigDecimal("99.50"));
                found.updateRow();
                found.first();
                found.deleteRow();
            }
            connection.commit();
            try (Statement statement = connection.createStatement()) {
                rows("changed", statement.executeQuery("SELECT count(*) AS c, max(n) AS m FROM j"), "c", "m");
            }
            connection.rollback();
            connection.setAutoCommit(true);
            System.out.println("valid " + connection.isValid(2) + " " + connection.getSchema());
        }
    }
}
