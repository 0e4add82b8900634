// SPDX-License-Identifier: Apache-2.0
package holdfast;

import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.util.HashMap;
import java.util.Map;

/** Inserts the rows that come, in one transaction. */
final class Loader implements AutoCloseable {
  private static final int BATCH_ROWS = 500;
  private static final int BATCH_BYTES = 4 << 20;  // or what the last row makes of them

  private final Inbox inbox;
  private final PreparedStatement insert;
  private final int[] types;
  private final boolean[] isJson;
  private int waitingRows = 0;
  private int waitingBytes = 0;
  private long rows = 0;

  Loader(Connection connection, Inbox inbox, String schema, String table, String[] columns,
      boolean overriding) throws SQLException, Failure {
    this.inbox = inbox;
    Map<String, Column> known = new HashMap<>();
    for (Column column : Column.of(connection.getMetaData(), schema, table).values()) {
      known.put(column.name, column);
    }
    StringBuilder names = new StringBuilder();
    StringBuilder selected = new StringBuilder();
    StringBuilder places = new StringBuilder();
    for (String name : columns) {
      Column column = known.get(name);
      if (column == null) {
        throw new Failure(Failure.NOT_FOUND,
            "there is no column " + name + " in a table " + schema + "." + table);
      }
      String comma = names.length() == 0 ? "" : ", ";
      names.append(comma).append(Column.quoted(name));
      selected.append(comma).append(column.selected());
      places.append(comma).append(column.place());
    }
    String into = Column.quoted(schema) + "." + Column.quoted(table);
    types = new int[columns.length];
    isJson = new boolean[columns.length];
    try (Statement look = connection.createStatement();
        ResultSet none =
            look.executeQuery("SELECT " + selected + " FROM " + into + " WHERE 1 = 0")) {
      for (int i = 0; i < types.length; ++i) {
        types[i] = none.getMetaData().getColumnType(i + 1);
        isJson[i] = known.get(columns[i]).type.equals("JSON");
      }
    }
    insert = connection.prepareStatement("INSERT INTO " + into + " (" + names + ")"
        + (overriding ? " OVERRIDING SYSTEM VALUE" : "") + " VALUES (" + places + ")");
  }

  /** All rows of a frame; of a wide one its pieces are taken from the inbox. */
  void take(Frame frame) throws SQLException, Failure, IOException {
    while (!frame.isAtEnd()) {
      int start = frame.position();
      Pieces pieces = null;
      for (int i = 0; i < types.length; ++i) {
        int kind = frame.u8();
        if ((kind & RowWriter.IN_PIECES) == 0) {
          set(i + 1, kind, frame);
          continue;
        }
        if (waitingRows > 0) {
          // Rows with streams stand alone, and those that wait take its parameters along.
          flush();
          frame.rewind(start);
          i = -1;
          continue;
        }
        pieces = new Pieces(inbox, frame.u32(), pieces);
        setStream(i + 1, kind & ~RowWriter.IN_PIECES, pieces);
      }
      if (pieces == null) {
        insert.addBatch();
        waitingBytes += frame.position() - start;
        if (++waitingRows >= BATCH_ROWS || waitingBytes >= BATCH_BYTES) {
          flush();
        }
      } else {
        if (!frame.isAtEnd()) {
          throw new Failure(Failure.PROTOCOL, "a row follows one with pieces in its frame");
        }
        insert.executeUpdate();
        pieces.drain();
      }
      ++rows;
    }
  }

  long finish() throws SQLException {
    flush();
    return rows;
  }

  @Override
  public void close() throws SQLException {
    insert.close();
  }

  private void flush() throws SQLException {
    if (waitingRows > 0) {
      insert.executeBatch();
      waitingRows = 0;
      waitingBytes = 0;
    }
  }

  private void set(int place, int kind, Frame frame) throws SQLException, Failure {
    switch (kind) {
      case RowWriter.NULL:
        insert.setNull(place, types[place - 1]);
        break;
      case RowWriter.REAL:
        insert.setDouble(place, frame.real());
        break;
      case RowWriter.BYTES:
        insert.setBytes(place, frame.bytes());
        break;
      case RowWriter.NUMBER:
        setNumber(place, frame.text());
        break;
      case RowWriter.TIMESTAMP:
      case RowWriter.DATE:
      case RowWriter.INSTANT:
        insert.setString(place, moment(place, frame.text()));
        break;
      case RowWriter.TEXT:
      case RowWriter.TIME:
      case RowWriter.OTHER:
        if (isJson[place - 1]) {
          insert.setBytes(place, frame.bytes());  // H2 takes a String for a string of JSON
        } else {
          insert.setString(place, frame.text());
        }
        break;
      default:
        throw new Failure(Failure.PROTOCOL, "a value is of the unknown kind " + kind);
    }
  }

  private void setNumber(int place, String text) throws SQLException {
    switch (types[place - 1]) {
      case Types.BIT:
      case Types.BOOLEAN:
        insert.setBoolean(place, !text.equals("0"));
        break;
      case Types.CHAR:
      case Types.VARCHAR:
      case Types.LONGVARCHAR:
      case Types.CLOB:
        insert.setString(place, text);
        break;
      case Types.REAL:
      case Types.FLOAT:
      case Types.DOUBLE:
        insert.setDouble(place, Double.parseDouble(text));
        break;
      default:
        if (text.length() < 18 && text.indexOf('.') < 0) {
          insert.setLong(place, Long.parseLong(text));
        } else {
          insert.setBigDecimal(place, new BigDecimal(text));
        }
    }
  }

  // As RowWriter.moment(), the other way. The zone of this program is UTC.
  private String moment(int place, String text) {
    int dash = text.indexOf('-', 1);
    String moment = text.replace('T', ' ');
    if (dash > 0 && text.charAt(0) == '-') {
      int year = 1 - Integer.parseInt(text.substring(1, dash));
      moment = String.format(java.util.Locale.ROOT, year < 0 ? "%05d" : "%04d", year)
          + moment.substring(dash);
    }
    boolean hasZone = types[place - 1] == Types.TIMESTAMP_WITH_TIMEZONE;
    if (moment.endsWith("Z")) {
      moment = moment.substring(0, moment.length() - 1) + (hasZone ? "+00" : "");
    }
    return moment;
  }

  private void setStream(int place, int kind, Pieces pieces) throws SQLException, Failure {
    if (kind == RowWriter.BYTES || isJson[place - 1]) {
      insert.setBinaryStream(place, pieces, pieces.size());
    } else if (kind == RowWriter.TEXT || kind == RowWriter.OTHER) {
      insert.setCharacterStream(place, new InputStreamReader(pieces, StandardCharsets.UTF_8));
    } else {
      throw new Failure(Failure.PROTOCOL, "a value in pieces is of the kind " + kind);
    }
  }

  /** The bytes of a value as they come. Values of a row come one after the other. */
  private static final class Pieces extends InputStream {
    private final Inbox inbox;
    private final int size;
    private final Pieces before;
    private int left;
    private byte[] piece = new byte[0];
    private int at = 0;

    Pieces(Inbox inbox, int size, Pieces before) throws Failure {
      if (size < 0) {
        throw new Failure(Failure.PROTOCOL, "a value has a negative length");
      }
      this.inbox = inbox;
      this.size = size;
      this.before = before;
      this.left = size;
    }

    int size() {
      return size;
    }

    /** Takes what the driver has not wanted. */
    void drain() throws IOException {
      byte[] unwanted = new byte[8192];
      while (read(unwanted, 0, unwanted.length) >= 0) {
        // Nobody wants it.
      }
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] into, int from, int count) throws IOException {
      if (count == 0) {
        return 0;
      }
      if (before != null && before.left > 0) {
        throw new IOException("the driver does not take the wide values of a row in their order");
      }
      if (left == 0) {
        return -1;
      }
      if (at == piece.length) {
        Frame frame = inbox.next();
        if (frame == null || frame.type != 'p' || frame.body().length == 0
            || frame.body().length > left) {
          if (frame != null) {
            inbox.giveBack(frame);
          }
          throw new IOException("a value ends before its end");
        }
        piece = frame.body();
        at = 0;
      }
      int taken = Math.min(count, piece.length - at);
      System.arraycopy(piece, at, into, from, taken);
      at += taken;
      left -= taken;
      return taken;
    }
  }
}
