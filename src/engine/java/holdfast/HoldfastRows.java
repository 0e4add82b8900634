// SPDX-License-Identifier: Apache-2.0
package holdfast;

import java.io.IOException;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;

/**
 * Reads and writes rows of an embedded database with the application's own JDBC driver. Requests
 * come framed on standard input, answers go framed to standard output (engine/java/protocol.h says
 * which); nothing else is ever printed there. Ends when standard input does.
 */
public final class HoldfastRows {
  private final Inbox inbox = new Inbox();
  private final Outbox out = new Outbox();
  private final Database database = new Database();

  private HoldfastRows() {}

  /** Takes no arguments: what is secret would be seen there. */
  public static void main(String[] none) {
    System.setOut(System.err);  // whatever a driver prints is no frame
    HoldfastRows program = new HoldfastRows();
    Runtime.getRuntime().addShutdownHook(new Thread(program.database::closeQuietly, "close"));
    program.inbox.start();
    try {
      program.serve();
    } catch (IOException gone) {
      System.err.println("answers cannot be written: " + gone.getMessage());
    }
    System.exit(0);
  }

  private void serve() throws IOException {
    for (Frame request = inbox.next(); request != null; request = inbox.next()) {
      try {
        answer(request);
        if (request.type == 'C') {
          return;
        }
      } catch (Failure failure) {
        report(failure.kind, failure, request);
      } catch (SQLException failure) {
        report(Failure.SQL, failure, request);
      } catch (OutOfMemoryError failure) {
        report(Failure.MEMORY, failure, request);
      } catch (RuntimeException | LinkageError failure) {
        report(Failure.UNSUPPORTED, failure, request);
      } catch (IOException failure) {
        if (database.isOpen()) {
          report(Failure.SQL, failure, request);
        } else {
          throw failure;
        }
      }
    }
  }

  private void answer(Frame request) throws SQLException, Failure, IOException {
    switch (request.type) {
      case 'V':
        versions(null);
        break;
      case 'O':
        versions(database.open(request));
        break;
      case 'T':
        tables();
        break;
      case 'R':
        rows(request);
        break;
      case 'Q':
        query(request);
        break;
      case 'E':
        done(database.execute(request.text()));
        break;
      case 'L':
        load(request);
        break;
      case 'C':
        database.close();
        done(0);
        break;
      case 'd':
      case 'p':
      case 'F':
      case 'A':
        break;  // of a load that has failed: it was told
      default:
        throw new Failure(Failure.PROTOCOL, "there is no request of the type " + request.type);
    }
  }

  private void done(long count) throws IOException {
    out.begin('k');
    out.u64(count);
    out.end();
  }

  private void versions(Connection connection) throws SQLException, IOException {
    out.begin('h');
    out.text(Drivers.version());
    out.text(System.getProperty("java.version"));
    DatabaseMetaData about = connection == null ? null : connection.getMetaData();
    out.text(about == null ? "" : about.getDatabaseProductName());
    out.text(about == null ? "" : about.getDatabaseProductVersion());
    out.end();
  }

  private static boolean isOfUser(String schema, String type) {
    boolean isTable = "TABLE".equals(type) || "BASE TABLE".equals(type);
    return isTable && schema != null && !schema.equals("INFORMATION_SCHEMA");
  }

  private void tables() throws SQLException, Failure, IOException {
    Connection connection = database.connection();
    DatabaseMetaData about = connection.getMetaData();
    List<String[]> names = new ArrayList<>();
    try (ResultSet found = about.getTables(null, null, "%", null)) {
      while (found.next()) {
        String schema = found.getString("TABLE_SCHEM");
        if (isOfUser(schema, found.getString("TABLE_TYPE"))) {
          names.add(new String[] {schema, found.getString("TABLE_NAME")});
        }
      }
    }
    for (String[] name : names) {
      TreeMap<Integer, Column> columns = Column.of(about, name[0], name[1]);
      TreeMap<Integer, String> key = new TreeMap<>();
      try (ResultSet found = about.getPrimaryKeys(null, name[0], name[1])) {
        while (found.next()) {
          key.put(found.getInt("KEY_SEQ"), found.getString("COLUMN_NAME"));
        }
      }
      out.begin('t');
      out.text(name[0]);
      out.text(name[1]);
      out.u32(columns.size());
      for (Column column : columns.values()) {
        out.text(column.name);
        out.text(column.type);
        out.u8((column.isNullable ? 1 : 0) | (column.isIdentity ? 2 : 0)
            | (column.isComputed ? 4 : 0));
      }
      out.u32(key.size());
      for (String column : key.values()) {
        out.text(column);
      }
      out.end();
    }
    done(names.size());
  }

  private void rows(Frame request) throws SQLException, Failure, IOException {
    String schema = request.text();
    String table = request.text();
    Connection connection = database.connection();
    TreeMap<Integer, Column> columns = Column.of(connection.getMetaData(), schema, table);
    if (columns.isEmpty()) {
      throw new Failure(Failure.NOT_FOUND, "there is no table " + schema + "." + table);
    }
    StringBuilder list = new StringBuilder();
    List<String> types = new ArrayList<>();
    for (Column column : columns.values()) {
      list.append(types.isEmpty() ? "" : ", ").append(column.selected());
      types.add(column.type);
    }
    String from = Column.quoted(schema) + "." + Column.quoted(table);
    stream(request, "SELECT " + list + " FROM " + from, types, Long.MAX_VALUE);
  }

  // One row more than there may be is enough to know.
  private void query(Frame request) throws SQLException, Failure, IOException {
    stream(request, request.text(), null, 2);
  }

  private void stream(Frame request, String sql, List<String> types, long rowsMax)
      throws SQLException, Failure, IOException {
    Connection connection = database.connection();
    connection.setAutoCommit(false);
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      RowWriter writer = new RowWriter(rows.getMetaData(), out);
      out.begin('c');
      out.u32(writer.columns());
      for (int i = 0; i < writer.columns(); ++i) {
        out.text(rows.getMetaData().getColumnName(i + 1));
        out.text(types == null ? rows.getMetaData().getColumnTypeName(i + 1) : types.get(i));
      }
      out.end();
      long count = 0;
      while (count < rowsMax && !inbox.isTakenBack(request) && rows.next()) {
        writer.write(rows);
        ++count;
      }
      writer.flush();
      done(count);
    } finally {
      database.rollBack();
    }
  }

  private void load(Frame request) throws SQLException, Failure, IOException {
    String schema = request.text();
    String table = request.text();
    boolean overriding = (request.u8() & 1) != 0;
    String[] columns = new String[request.u32()];
    for (int i = 0; i < columns.length; ++i) {
      columns[i] = request.text();
    }
    Connection connection = database.connection();
    connection.setAutoCommit(false);
    try (Loader loader = new Loader(connection, inbox, schema, table, columns, overriding)) {
      done(0);
      for (Frame frame = inbox.next(); frame != null; frame = inbox.next()) {
        if (frame.type == 'd') {
          loader.take(frame);
        } else if (frame.type == 'F') {
          long rows = loader.finish();
          connection.commit();
          done(rows);
          return;
        } else {
          done(0);  // taken back
          return;
        }
      }
    } finally {
      database.rollBack();
    }
  }

  private void report(int kind, Throwable failure, Frame request) throws IOException {
    out.begin('e');
    out.u8(kind);
    List<Throwable> chain = new ArrayList<>();
    collect(failure, chain);
    out.u32(chain.size());
    for (Throwable link : chain) {
      SQLException sql = link instanceof SQLException ? (SQLException) link : null;
      out.text(sql == null ? "" : sql.getSQLState());
      out.u32(sql == null ? 0 : sql.getErrorCode());
      String message = link.getMessage();
      boolean isPlain = message != null && (sql != null || link instanceof Failure);
      out.text(isPlain ? message : link.toString());
    }
    out.end();
  }

  private static void collect(Throwable failure, List<Throwable> chain) {
    final int linksMax = 16;
    if (failure == null || chain.size() >= linksMax || chain.contains(failure)) {
      return;
    }
    chain.add(failure);
    if (failure instanceof SQLException) {
      collect(((SQLException) failure).getNextException(), chain);
    }
    collect(failure.getCause(), chain);
  }
}
