// SPDX-License-Identifier: Apache-2.0

import java.nio.ByteBuffer;
import java.sql.*;
import java.util.*;

/**
 * The peer of a migration between databases of different kinds, as one would write it in an afternoon: the bundles and references
 * of a Magnolia, row by row with a fetch size, in batches. It proves nothing.
 *
 *   JdbcCopy FROM_URL USER PASSWORD TO_URL USER PASSWORD
 */
public final class JdbcCopy {
    static final int FETCH_SIZE = 1000, BATCH_ROWS = 500;

    /** Whether the key stands in two columns. */
    static boolean isSplit(String url) {
        return url.startsWith("jdbc:postgresql:") || url.startsWith("jdbc:derby:");
    }

    static String ddl(String url, String table, String column) {
        String bytes = url.startsWith("jdbc:postgresql:") ? "bytea" : url.startsWith("jdbc:mariadb:") ? "longblob" : "blob";
        String key = isSplit(url) ? "NODE_ID_HI bigint not null, NODE_ID_LO bigint not null" : "NODE_ID varbinary(16) not null";
        return "create table " + table + " (" + key + ", " + column + " " + bytes + " not null)";
    }

    static String index(String url, String table) {
        return "create unique index " + table + "_IDX on " + table + (isSplit(url) ? " (NODE_ID_HI, NODE_ID_LO)" : " (NODE_ID)");
    }

    static Connection connect(String url, String user, String password) throws SQLException {
        Connection connection = DriverManager.getConnection(url, user, password);
        connection.setAutoCommit(false);
        return connection;
    }

    static List<String> tables(Connection from, String ending) throws SQLException {
        List<String> names = new ArrayList<>();
        try (ResultSet found = from.getMetaData().getTables(from.getCatalog(), null, "%", new String[] {"TABLE"})) {
            while (found.next()) {
                String name = found.getString("TABLE_NAME");
                if (name.toUpperCase(Locale.ROOT).endsWith("_" + ending)) names.add(name);
            }
        }
        return names;
    }

    static long copy(Connection from, Connection to, String fromUrl, String toUrl, String table, String kind) throws SQLException {
        String target = table.toUpperCase(Locale.ROOT), column = kind + "_DATA";
        boolean wasSplit = isSplit(fromUrl), becomesSplit = isSplit(toUrl);
        try (Statement make = to.createStatement()) {
            make.execute(ddl(toUrl, target, column));
        }
        long rows = 0;
        String places = becomesSplit ? " values (?, ?, ?)" : " values (?, ?)";
        try (Statement read = from.createStatement(); PreparedStatement write = to.prepareStatement("insert into " + target + places)) {
            read.setFetchSize(FETCH_SIZE);
            String key = wasSplit ? "NODE_ID_HI, NODE_ID_LO, " : "NODE_ID, ";
            try (ResultSet row = read.executeQuery("select " + key + column + " from " + table)) {
                while (row.next()) {
                    long high, low;
                    if (wasSplit) {
                        high = row.getLong(1);
                        low = row.getLong(2);
                    } else {
                        ByteBuffer id = ByteBuffer.wrap(row.getBytes(1));
                        high = id.getLong();
                        low = id.getLong();
                    }
                    int at = 1;
                    if (becomesSplit) {
                        write.setLong(at++, high);
                        write.setLong(at++, low);
                    } else {
                        write.setBytes(at++, ByteBuffer.allocate(16).putLong(high).putLong(low).array());
                    }
                    write.setBytes(at, row.getBytes(wasSplit ? 3 : 2));
                    write.addBatch();
                    if (++rows % BATCH_ROWS == 0) write.executeBatch();
                }
            }
            write.executeBatch();
        }
        try (Statement complete = to.createStatement()) {
            complete.execute(index(toUrl, target));
        }
        to.commit();
        return rows;
    }

    public static void main(String[] words) throws SQLException {
        try (Connection from = connect(words[0], words[1], words[2]); Connection to = connect(words[3], words[4], words[5])) {
            long rows = 0;
            for (String kind : new String[] {"BUNDLE", "REFS"})
                for (String table : tables(from, kind)) rows += copy(from, to, words[0], words[3], table, kind);
            System.out.println("rows=" + rows);
        }
    }
}
