// SPDX-License-Identifier: Apache-2.0
package holdfast;

/**
 * UTF-8 of Java's texts. Half a surrogate pair, which is no text, is written as its three bytes
 * would be, so that nothing is lost; such a value goes as bytes and not as text.
 */
final class Utf8 {
  private Utf8() {}

  /** Bytes that `count` characters take at most. */
  static int bytesMax(int count) {
    return 3 * count;
  }

  static boolean isPair(char high, char low) {
    return Character.isHighSurrogate(high) && Character.isLowSurrogate(low);
  }

  static boolean isText(CharSequence text) {
    for (int i = 0; i < text.length(); ++i) {
      char c = text.charAt(i);
      if (Character.isSurrogate(c)) {
        if (i + 1 >= text.length() || !isPair(c, text.charAt(i + 1))) {
          return false;
        }
        ++i;
      }
    }
    return true;
  }

  /** Encodes `count` characters into `into`; the number of bytes. */
  static int encode(char[] text, int count, byte[] into) {
    int at = 0;
    for (int i = 0; i < count; ++i) {
      char c = text[i];
      if (c < 0x80) {
        into[at++] = (byte) c;
      } else if (c < 0x800) {
        into[at++] = (byte) (0xc0 | (c >> 6));
        into[at++] = (byte) (0x80 | (c & 0x3f));
      } else if (i + 1 < count && isPair(c, text[i + 1])) {
        int rune = Character.toCodePoint(c, text[++i]);
        into[at++] = (byte) (0xf0 | (rune >> 18));
        into[at++] = (byte) (0x80 | ((rune >> 12) & 0x3f));
        into[at++] = (byte) (0x80 | ((rune >> 6) & 0x3f));
        into[at++] = (byte) (0x80 | (rune & 0x3f));
      } else {
        into[at++] = (byte) (0xe0 | (c >> 12));
        into[at++] = (byte) (0x80 | ((c >> 6) & 0x3f));
        into[at++] = (byte) (0x80 | (c & 0x3f));
      }
    }
    return at;
  }
}
