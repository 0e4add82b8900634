// SPDX-License-Identifier: Apache-2.0
package holdfast;

import java.sql.DatabaseMetaData;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.TreeMap;

/** A column as the driver describes it. */
final class Column {
  final String name;
  final String type;
  final boolean isNullable;
  final boolean isIdentity;
  final boolean isComputed;

  private Column(ResultSet found) throws SQLException {
    name = found.getString("COLUMN_NAME");
    type = declared(found.getString("TYPE_NAME"), found.getInt("COLUMN_SIZE"),
        found.getInt("DECIMAL_DIGITS"));
    isNullable = found.getInt("NULLABLE") != DatabaseMetaData.columnNoNulls;
    isIdentity = "YES".equals(found.getString("IS_AUTOINCREMENT"));
    isComputed = "YES".equals(found.getString("IS_GENERATEDCOLUMN")) && !isIdentity;
  }

  /** Those of a table by their place. Names are patterns for the driver: what it finds besides the
   * one is left out. */
  static TreeMap<Integer, Column> of(DatabaseMetaData about, String schema, String table)
      throws SQLException {
    String escape = about.getSearchStringEscape();
    TreeMap<Integer, Column> columns = new TreeMap<>();
    try (ResultSet found =
        about.getColumns(null, pattern(schema, escape), pattern(table, escape), "%")) {
      while (found.next()) {
        if (schema.equals(found.getString("TABLE_SCHEM"))
            && table.equals(found.getString("TABLE_NAME"))) {
          columns.put(found.getInt("ORDINAL_POSITION"), new Column(found));
        }
      }
    }
    return columns;
  }

  /** A name between quotes, as SQL wants it. */
  static String quoted(String name) {
    return '"' + name.replace("\"", "\"\"") + '"';
  }

  /** In a SELECT: Derby's XML leaves a database as text alone. */
  String selected() {
    return isXml() ? "XMLSERIALIZE(" + quoted(name) + " AS CLOB) AS " + quoted(name) : quoted(name);
  }

  /** In an INSERT. */
  String place() {
    return isXml() ? "XMLPARSE(DOCUMENT CAST(? AS CLOB) PRESERVE WHITESPACE)" : "?";
  }

  private boolean isXml() {
    return type.equals("XML");
  }

  private static String pattern(String name, String escape) {
    if (escape == null || escape.isEmpty()) {
      return name;
    }
    return name.replace(escape, escape + escape).replace("_", escape + "_")
        .replace("%", escape + "%");
  }

  private static String declared(String name, int size, int digits) {
    if (name.contains("()")) {
      return name.replace("()", "(" + size + ")");
    }
    if (name.equals("DECIMAL") || name.equals("NUMERIC")) {
      return name + "(" + size + "," + digits + ")";
    }
    boolean hasLength = (name.contains("CHAR") || name.contains("BINARY") || name.equals("BLOB")
        || name.equals("CLOB")) && !name.startsWith("LONG") && !name.contains("(");
    return hasLength ? name + "(" + size + ")" : name;
  }
}
