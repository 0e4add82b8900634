// SPDX-License-Identifier: Apache-2.0
import java.io.File;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

// An application with an embedded database: EmbeddedShop URL ACTION [FILE]
//   make    makes a table of 200 rows
//   count   prints what is in it
//   wait    prints it, keeps the database open until FILE is there, and ends in good order
//   crash   adds a row, prints it all and ends as after kill -9
public class EmbeddedShop {
  public static void main(String[] words) throws Exception {
    String url = words[0];
    String action = words[1];
    try (Connection connection = DriverManager.getConnection(url)) {
      Statement statement = connection.createStatement();
      if (action.equals("make")) make(connection, statement);
      if (action.equals("crash")) statement.executeUpdate("insert into items values (1000, 'last', null)");
      // H2 writes a while after a commit; Derby at once.
      if (action.equals("crash") && url.startsWith("jdbc:h2:")) statement.execute("checkpoint sync");
      ResultSet sums = statement.executeQuery("select count(*), sum(id), max(name) from items");
      sums.next();
      System.out.println("rows " + sums.getInt(1) + " " + sums.getLong(2) + " " + sums.getString(3));
      System.out.flush();
      if (action.equals("crash")) Runtime.getRuntime().halt(9);
      while (action.equals("wait") && !new File(words[2]).exists()) Thread.sleep(20);
    }
    if (!url.startsWith("jdbc:derby:")) return;
    try {
      DriverManager.getConnection("jdbc:derby:;shutdown=true");
    } catch (SQLException said) {
      if (!"XJ015".equals(said.getSQLState())) throw said;
    }
  }

  private static void make(Connection connection, Statement statement) throws SQLException {
    statement.executeUpdate("create table items (id int primary key, name varchar(100), photo blob)");
    PreparedStatement insert = connection.prepareStatement("insert into items values (?, ?, ?)");
    for (int id = 1; id <= 200; ++id) {
      insert.setInt(1, id);
      insert.setString(2, "item " + id);
      insert.setBytes(3, new byte[id * 50]);
      insert.executeUpdate();
    }
  }
}
