// SPDX-License-Identifier: Apache-2.0
package holdfast;

import java.io.IOException;
import java.io.Reader;
import java.nio.CharBuffer;

/** Turns a text of any length into UTF-8 piece by piece, never cutting a character. */
final class TextPump {
  private final Reader reader;
  private final char[] chars;
  private int kept = 0;
  private boolean isText = true;

  /** The buffer given to next() has `pieceBytes` at least. */
  TextPump(Reader reader, int pieceBytes) {
    this.reader = reader;
    this.chars = new char[pieceBytes / Utf8.bytesMax(1)];
  }

  /** The size of the next piece, or -1 at the end. */
  int next(byte[] into) throws IOException {
    int count = kept;
    kept = 0;
    while (count < chars.length) {
      int more = reader.read(chars, count, chars.length - count);
      if (more < 0) {
        break;
      }
      count += more;
    }
    if (count == 0) {
      return -1;
    }
    char last = chars[count - 1];
    if (count == chars.length && Character.isHighSurrogate(last)) {
      --count;
      kept = 1;
    }
    isText = isText && Utf8.isText(CharBuffer.wrap(chars, 0, count));
    int size = Utf8.encode(chars, count, into);
    chars[0] = last;
    return size;
  }

  /** Whether all so far was well-formed. */
  boolean isText() {
    return isText;
  }
}
