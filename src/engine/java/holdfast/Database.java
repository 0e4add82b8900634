// SPDX-License-Identifier: Apache-2.0
package holdfast;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;

/** The one database that is open, and how each product wants to be let go of. */
final class Database {
  private static final String DERBY = "jdbc:derby:";
  private static final String H2 = "jdbc:h2:";
  private static final String DERBY_IS_SHUT_DOWN = "08006";

  private Connection connection = null;
  private String url = null;
  private final Properties login = new Properties();
  private boolean isReadOnly = false;

  synchronized boolean isOpen() {
    return connection != null;
  }

  Connection connection() throws Failure {
    if (connection == null) {
      throw new Failure(Failure.PROTOCOL, "no database is open");
    }
    return connection;
  }

  /** Opens what the request says. */
  synchronized Connection open(Frame request) throws SQLException, Failure {
    if (connection != null) {
      throw new Failure(Failure.PROTOCOL, "a database is open already");
    }
    isReadOnly = request.u8() != 0;
    url = request.text();
    String user = request.text();
    boolean hasPassword = request.u8() != 0;
    String password = request.text();
    if (!user.isEmpty()) {
      login.setProperty("user", user);
    }
    if (hasPassword) {
      login.setProperty("password", password);
    }
    loadDriver();
    String address = url;
    if (isReadOnly && url.startsWith(H2)) {
      address += ";ACCESS_MODE_DATA=r";
    }
    connection = DriverManager.getConnection(address, login);
    connection.setReadOnly(isReadOnly);
    if (url.startsWith(H2)) {
      makeLazy();
    }
    return connection;
  }

  long execute(String sql) throws SQLException, Failure {
    connection().setAutoCommit(true);
    try (Statement statement = connection.createStatement()) {
      return statement.execute(sql) ? 0 : statement.getUpdateCount();
    }
  }

  /** Ends what is under way, whatever becomes of it. */
  void rollBack() {
    try {
      connection.rollback();
      connection.setAutoCommit(true);
    } catch (SQLException failure) {
      System.err.println("rolling back: " + failure.getMessage());
    }
  }

  /** Lets go of the database so that it is whole on disk. */
  synchronized void close() throws SQLException {
    if (connection == null) {
      return;
    }
    Connection closing = connection;
    connection = null;
    if (url.startsWith(DERBY)) {
      shutDerbyDown();  // with whatever is under way
    } else {
      shutH2Down(closing);
      closing.close();
    }
  }

  void closeQuietly() {
    try {
      close();
    } catch (SQLException failure) {
      System.err.println("closing: " + failure.getMessage());
    }
  }

  // H2 puts a result together before it gives its first row, unless told so. An older one does not
  // know how to do without.
  private void makeLazy() {
    try (Statement statement = connection.createStatement()) {
      statement.execute("SET LAZY_QUERY_EXECUTION 1");
    } catch (SQLException unknown) {
      System.err.println("rows are not read one by one: " + unknown.getMessage());
    }
  }

  private void shutH2Down(Connection closing) throws SQLException {
    if (isReadOnly) {
      return;
    }
    final int needsAdministrator = 90040;
    try (Statement statement = closing.createStatement()) {
      statement.execute("SHUTDOWN");
    } catch (SQLException failure) {
      if (failure.getErrorCode() != needsAdministrator) {
        throw failure;
      }
    }
  }

  private void shutDerbyDown() throws SQLException {
    int options = url.indexOf(';');
    String database = options < 0 ? url : url.substring(0, options);
    try {
      DriverManager.getConnection(database + ";shutdown=true", login).close();
    } catch (SQLException told) {
      if (!DERBY_IS_SHUT_DOWN.equals(told.getSQLState())) {
        throw told;
      }
    }
  }

  private void loadDriver() throws Failure {
    String name;
    if (url.startsWith(DERBY)) {
      name = "org.apache.derby.jdbc.EmbeddedDriver";
    } else if (url.startsWith(H2)) {
      name = "org.h2.Driver";
    } else {
      throw new Failure(Failure.USAGE, "no database of this kind is opened here");
    }
    try {
      Class.forName(name);
    } catch (ClassNotFoundException missing) {
      throw new Failure(Failure.UNSUPPORTED, "the driver's jars have no " + name);
    }
  }
}
