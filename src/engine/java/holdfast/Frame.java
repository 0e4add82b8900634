// SPDX-License-Identifier: Apache-2.0
package holdfast;

import java.nio.charset.StandardCharsets;

/** One request, or a piece of one, read from its front to its end. */
final class Frame {
  final char type;
  /** Which request for rows this one is or follows; for what is taken back. */
  final int turn;
  private final byte[] body;
  private int at = 0;

  Frame(char type, int turn, byte[] body) {
    this.type = type;
    this.turn = turn;
    this.body = body;
  }

  int position() {
    return at;
  }

  /** Back to a position that was seen. */
  void rewind(int position) {
    at = position;
  }

  boolean isAtEnd() {
    return at == body.length;
  }

  int u8() throws Failure {
    need(1);
    return body[at++] & 0xff;
  }

  int u32() throws Failure {
    need(4);
    int value = ((body[at] & 0xff) << 24) | ((body[at + 1] & 0xff) << 16)
        | ((body[at + 2] & 0xff) << 8) | (body[at + 3] & 0xff);
    at += 4;
    return value;
  }

  double real() throws Failure {
    long high = u32();
    long low = u32() & 0xffffffffL;
    return Double.longBitsToDouble((high << 32) | low);
  }

  byte[] bytes() throws Failure {
    int count = u32();
    if (count < 0) {
      throw new Failure(Failure.PROTOCOL, "a length in a request is negative");
    }
    need(count);
    byte[] bytes = new byte[count];
    System.arraycopy(body, at, bytes, 0, count);
    at += count;
    return bytes;
  }

  String text() throws Failure {
    return new String(bytes(), StandardCharsets.UTF_8);
  }

  byte[] body() {
    return body;
  }

  private void need(int count) throws Failure {
    if (body.length - at < count) {
      throw new Failure(Failure.PROTOCOL, "a request ends before its end");
    }
  }
}
