// SPDX-License-Identifier: Apache-2.0
package holdfast;

import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.math.BigDecimal;
import java.sql.Blob;
import java.sql.Clob;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Types;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Writes rows as the canonical encoding of rows has them (docs/digest.md): what a value is follows
 * from the column's type alone. Wide values are streamed, a piece at a time.
 */
final class RowWriter {
  // Tags of docs/digest.md; protocol.h says the same.
  static final int NULL = 0;
  static final int NUMBER = 1;
  static final int REAL = 2;
  static final int TEXT = 3;
  static final int BYTES = 4;
  static final int DATE = 5;
  static final int TIME = 6;
  static final int TIMESTAMP = 7;
  static final int INSTANT = 8;
  static final int OTHER = 9;
  static final int IN_PIECES = 0x80;

  private static final int DIGITS_MAX = 200_000;
  private static final int CHARACTERS_AT_ONCE_MAX = Outbox.PIECE_BYTES / 4;

  private enum Form {
    WHOLE, DECIMAL, BOOLEAN, SINGLE, DOUBLE, TEXT, CLOB, BYTES, BLOB, DATE, TIME, TIMESTAMP,
    INSTANT, OTHER
  }

  /** A value whose bytes follow the frame of its row. */
  private interface Wide {
    void send() throws SQLException, IOException;
  }

  private final Outbox out;
  private final Form[] forms;
  private final String[] names;
  private final List<Wide> wides = new ArrayList<>();
  private final char[] characters = new char[256];
  private byte[] piece = null;

  RowWriter(ResultSetMetaData columns, Outbox out) throws SQLException {
    this.out = out;
    forms = new Form[columns.getColumnCount()];
    names = new String[forms.length];
    for (int i = 0; i < forms.length; ++i) {
      forms[i] = formOf(columns.getColumnType(i + 1), columns.getColumnTypeName(i + 1));
      names[i] = columns.getColumnName(i + 1);
    }
  }

  int columns() {
    return forms.length;
  }

  /** Adds the row that the cursor is on to the frame under way, which is sent once it is full. */
  void write(ResultSet rows) throws SQLException, IOException, Failure {
    if (!out.isOpen()) {
      out.begin('d');
    }
    for (int i = 0; i < forms.length; ++i) {
      try {
        value(rows, i + 1, forms[i]);
      } catch (OutOfMemoryError tooWide) {
        throw new Failure(Failure.MEMORY,
            "a value of column " + names[i] + " does not fit into the memory of the Java program");
      }
    }
    if (wides.isEmpty()) {
      if (out.isFull()) {
        out.end();
      }
      return;
    }
    out.end();
    for (Wide wide : wides) {
      wide.send();
    }
    wides.clear();
  }

  /** Sends what is left in the frame under way. */
  void flush() throws IOException {
    if (out.isOpen()) {
      out.end();
    }
  }

  private static Form formOf(int type, String typeName) {
    // Drivers give these a type of JDBC's that says less than the name.
    if (typeName.equals("UUID")) {
      return Form.OTHER;
    }
    if (typeName.equals("JSON") || typeName.startsWith("ENUM")) {
      return Form.TEXT;
    }
    switch (type) {
      case Types.BIT:
      case Types.BOOLEAN:
        return Form.BOOLEAN;
      case Types.TINYINT:
      case Types.SMALLINT:
      case Types.INTEGER:
      case Types.BIGINT:
        return Form.WHOLE;
      case Types.DECIMAL:
      case Types.NUMERIC:
        return Form.DECIMAL;
      case Types.REAL:
        return Form.SINGLE;
      case Types.FLOAT:
      case Types.DOUBLE:
        return Form.DOUBLE;
      case Types.CHAR:
      case Types.VARCHAR:
      case Types.LONGVARCHAR:
      case Types.NCHAR:
      case Types.NVARCHAR:
      case Types.LONGNVARCHAR:
        return Form.TEXT;
      case Types.CLOB:
      case Types.NCLOB:
        return Form.CLOB;
      case Types.BINARY:
      case Types.VARBINARY:
      case Types.LONGVARBINARY:
        return Form.BYTES;
      case Types.BLOB:
        return Form.BLOB;
      case Types.DATE:
        return Form.DATE;
      case Types.TIME:
        return Form.TIME;
      case Types.TIMESTAMP:
        return Form.TIMESTAMP;
      case Types.TIMESTAMP_WITH_TIMEZONE:
        return Form.INSTANT;
      default:
        return typeName.startsWith("DECFLOAT") ? Form.DECIMAL : Form.OTHER;
    }
  }

  private void value(ResultSet rows, int column, Form form)
      throws SQLException, IOException, Failure {
    switch (form) {
      case WHOLE:
        long whole = rows.getLong(column);
        ascii(NUMBER, rows.wasNull() ? null : Long.toString(whole));
        break;
      case BOOLEAN:
        boolean yes = rows.getBoolean(column);
        ascii(NUMBER, rows.wasNull() ? null : yes ? "1" : "0");
        break;
      case DECIMAL:
        ascii(NUMBER, canonical(rows.getBigDecimal(column), column));
        break;
      case SINGLE:
        float single = rows.getFloat(column);
        real(single, rows.wasNull());
        break;
      case DOUBLE:
        double twice = rows.getDouble(column);
        real(twice, rows.wasNull());
        break;
      case CLOB:
        clob(rows.getClob(column), column);
        break;
      case BYTES:
        byte[] bytes = rows.getBytes(column);
        if (bytes == null) {
          out.u8(NULL);
        } else {
          bytes(BYTES, bytes, bytes.length);
        }
        break;
      case BLOB:
        blob(rows.getBlob(column), column);
        break;
      case DATE:
        ascii(DATE, moment(rows.getString(column)));
        break;
      case TIME:
        ascii(TIME, withoutZeros(rows.getString(column)));
        break;
      case TIMESTAMP:
        ascii(TIMESTAMP, moment(rows.getString(column)));
        break;
      case INSTANT:
        ascii(INSTANT, instant(rows.getObject(column, OffsetDateTime.class)));
        break;
      case TEXT:
        text(TEXT, rows.getString(column));
        break;
      default:
        text(OTHER, rows.getString(column));
        break;
    }
  }

  private void ascii(int kind, String text) {
    if (text == null) {
      out.u8(NULL);
      return;
    }
    out.u8(kind);
    out.ascii(text);
  }

  private void real(double value, boolean isNull) {
    out.u8(isNull ? NULL : REAL);
    if (!isNull) {
      out.u64(Double.doubleToLongBits(value));
    }
  }

  private String canonical(BigDecimal value, int column) throws Failure {
    if (value == null) {
      return null;
    }
    if (value.signum() == 0) {
      return "0";
    }
    if (Math.abs((long) value.scale()) + value.precision() > DIGITS_MAX) {
      throw new Failure(
          Failure.UNSUPPORTED, "a number of column " + names[column - 1] + " has too many digits");
    }
    return value.stripTrailingZeros().toPlainString();
  }

  private void text(int kind, String text) {
    if (text == null) {
      out.u8(NULL);
      return;
    }
    int count = text.length();
    char[] chars = count <= characters.length ? characters : new char[count];
    text.getChars(0, count, chars, 0);
    byte[] utf8 = pieceOf(Utf8.bytesMax(count));
    int size = Utf8.encode(chars, count, utf8);
    int as = Utf8.isText(text) ? kind : BYTES;
    if (out.hasRoomFor(size)) {
      bytes(as, utf8, size);
    } else {
      bytes(as, java.util.Arrays.copyOf(utf8, size), size);  // the buffer is wanted again before
    }
  }

  private byte[] pieceOf(int count) {
    if (count > Outbox.PIECE_BYTES) {
      return new byte[count];
    }
    if (piece == null) {
      piece = new byte[Outbox.PIECE_BYTES];
    }
    return piece;
  }

  private void bytes(int kind, byte[] bytes, int count) {
    if (out.hasRoomFor(count)) {
      out.u8(kind);
      out.u32(count);
      out.bytes(bytes, 0, count);
      return;
    }
    declare(kind, count);
    wides.add(() -> {
      byte[] part = pieceOf(Outbox.PIECE_BYTES);
      for (int at = 0; at < count; at += Outbox.PIECE_BYTES) {
        int size = Math.min(Outbox.PIECE_BYTES, count - at);
        System.arraycopy(bytes, at, part, 0, size);
        out.send('p', part, size);
      }
    });
  }

  private void declare(int kind, long size) {
    out.u8(kind | IN_PIECES);
    out.u32((int) size);
  }

  private void checkSize(long size, int column) throws Failure {
    if (size > Integer.MAX_VALUE) {
      throw new Failure(Failure.UNSUPPORTED,
          "a value of column " + names[column - 1] + " has " + size + " bytes, more than 2 GiB");
    }
  }

  private void blob(Blob blob, int column) throws SQLException, IOException, Failure {
    if (blob == null) {
      out.u8(NULL);
      return;
    }
    long size = blob.length();
    checkSize(size, column);
    if (out.hasRoomFor(size)) {
      byte[] bytes = blob.getBytes(1, (int) size);
      if (bytes.length != size) {
        throw new IOException("a BLOB of " + size + " bytes has " + bytes.length);
      }
      bytes(BYTES, bytes, bytes.length);
      blob.free();
      return;
    }
    declare(BYTES, size);
    wides.add(() -> {
      byte[] part = pieceOf(Outbox.PIECE_BYTES);
      try (InputStream in = blob.getBinaryStream()) {
        long left = size;
        while (left > 0) {
          int count = fill(in, part, (int) Math.min(part.length, left));
          if (count == 0) {
            throw new IOException("a BLOB ends " + left + " bytes before its end");
          }
          out.send('p', part, count);
          left -= count;
        }
      }
      blob.free();
    });
  }

  private static int fill(InputStream in, byte[] part, int count) throws IOException {
    int size = 0;
    while (size < count) {
      int more = in.read(part, size, count - size);
      if (more < 0) {
        break;
      }
      size += more;
    }
    return size;
  }

  private void clob(Clob clob, int column) throws SQLException, IOException, Failure {
    if (clob == null) {
      out.u8(NULL);
      return;
    }
    long count = clob.length();
    if (count <= CHARACTERS_AT_ONCE_MAX) {
      text(TEXT, count == 0 ? "" : clob.getSubString(1, (int) count));
      clob.free();
      return;
    }
    // How many bytes it has shows once all has been seen.
    byte[] part = pieceOf(Outbox.PIECE_BYTES);
    long size = 0;
    boolean isText;
    try (Reader reader = clob.getCharacterStream()) {
      TextPump pump = new TextPump(reader, part.length);
      for (int more = pump.next(part); more >= 0; more = pump.next(part)) {
        size += more;
      }
      isText = pump.isText();
    }
    checkSize(size, column);
    declare(isText ? TEXT : BYTES, size);
    wides.add(() -> {
      byte[] again = pieceOf(Outbox.PIECE_BYTES);
      try (Reader reader = clob.getCharacterStream()) {
        TextPump pump = new TextPump(reader, again.length);
        for (int more = pump.next(again); more >= 0; more = pump.next(again)) {
          out.send('p', again, more);
        }
      }
      clob.free();
    });
  }

  // "2026-11-20 10:56:01.500" as "2026-11-20T10:56:01.5"; the year before 1 is -1, not 0.
  private static String moment(String text) {
    if (text == null) {
      return null;
    }
    int dash = text.indexOf('-', 1);
    int year = Integer.parseInt(text.substring(0, dash));
    String rest = withoutZeros(text.substring(dash).replace(' ', 'T'));
    return yearOf(year) + rest;
  }

  private static String yearOf(int year) {
    return String.format(Locale.ROOT, year <= 0 ? "-%04d" : "%04d", year <= 0 ? 1 - year : year);
  }

  private static String instant(OffsetDateTime moment) {
    if (moment == null) {
      return null;
    }
    OffsetDateTime utc = moment.withOffsetSameInstant(ZoneOffset.UTC);
    String text = String.format(Locale.ROOT, "%s-%02d-%02dT%02d:%02d:%02d.%09d",
        yearOf(utc.getYear()), utc.getMonthValue(), utc.getDayOfMonth(), utc.getHour(),
        utc.getMinute(), utc.getSecond(), utc.getNano());
    return withoutZeros(text) + "Z";
  }

  private static String withoutZeros(String text) {
    if (text == null || text.indexOf('.') < 0) {
      return text;
    }
    int end = text.length();
    while (text.charAt(end - 1) == '0') {
      --end;
    }
    return text.substring(0, text.charAt(end - 1) == '.' ? end - 1 : end);
  }
}
