// SPDX-License-Identifier: Apache-2.0
package holdfast;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.util.Arrays;

/**
 * Writes frames to standard output: a length (4 bytes, big endian, of all that follows), a type
 * byte, a body. One thread at a time. The other side of engine/java/protocol.h.
 */
final class Outbox {
  /** Values that would make a frame larger than this are sent in pieces behind it. */
  static final int INLINE_BYTES_MAX = 1 << 20;
  static final int PIECE_BYTES = 1 << 20;
  private static final int BATCH_BYTES = 64 << 10;
  private static final int HEAD_BYTES = 5;

  private final FileOutputStream out = new FileOutputStream(FileDescriptor.out);
  private byte[] buffer = new byte[2 * BATCH_BYTES];
  private int size = 0;

  void begin(char type) {
    size = HEAD_BYTES;
    buffer[4] = (byte) type;
  }

  void end() throws IOException {
    storeInt(0, size - 4);
    out.write(buffer, 0, size);
    size = 0;
  }

  /** A whole frame out of memory of the caller's. */
  void send(char type, byte[] bytes, int count) throws IOException {
    begin(type);
    bytes(bytes, 0, count);
    end();
  }

  boolean isOpen() {
    return size > 0;
  }

  boolean isFull() {
    return size >= BATCH_BYTES;
  }

  boolean hasRoomFor(long count) {
    return size + count <= INLINE_BYTES_MAX;
  }

  void u8(int value) {
    reserve(1);
    buffer[size++] = (byte) value;
  }

  void u32(int value) {
    reserve(4);
    storeInt(size, value);
    size += 4;
  }

  void u64(long value) {
    u32((int) (value >>> 32));
    u32((int) value);
  }

  void bytes(byte[] from, int at, int count) {
    reserve(count);
    System.arraycopy(from, at, buffer, size, count);
    size += count;
  }

  /** A text with its length before it; what is no text is replaced. For names and messages. */
  void text(String text) {
    byte[] utf8 = (text == null ? "" : text).getBytes(java.nio.charset.StandardCharsets.UTF_8);
    u32(utf8.length);
    bytes(utf8, 0, utf8.length);
  }

  /** ASCII alone, with its length before it. */
  void ascii(String text) {
    int count = text.length();
    u32(count);
    reserve(count);
    for (int i = 0; i < count; ++i) {
      buffer[size++] = (byte) text.charAt(i);
    }
  }

  private void storeInt(int at, int value) {
    buffer[at] = (byte) (value >>> 24);
    buffer[at + 1] = (byte) (value >>> 16);
    buffer[at + 2] = (byte) (value >>> 8);
    buffer[at + 3] = (byte) value;
  }

  private void reserve(int count) {
    if (buffer.length - size < count) {
      buffer = Arrays.copyOf(buffer, Math.max(2 * buffer.length, size + count));
    }
  }
}
