// SPDX-License-Identifier: Apache-2.0
package holdfast;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;

/**
 * Reads requests from standard input on a thread of its own, so that its end (whoever started us is
 * gone) and a request to stop are noticed in the midst of a statement. Few frames wait at a time.
 */
final class Inbox extends Thread {
  private static final int FRAME_BYTES_MAX = 2 << 20;
  private static final int WAITING_MAX = 4;
  private static final int PATIENCE_MS = 3000;
  private static final char END = '\0';

  private final BlockingQueue<Frame> waiting = new ArrayBlockingQueue<>(WAITING_MAX);
  private int turn = 0;
  private volatile int takenBack = -1;
  private Frame returned = null;

  Inbox() {
    super("requests");
    setDaemon(true);
  }

  /** The next request; nothing at the end. */
  Frame next() {
    Frame frame = returned;
    returned = null;
    try {
      if (frame == null) {
        frame = waiting.take();
      }
    } catch (InterruptedException ended) {
      return null;
    }
    if (frame.type == END) {
      returned = frame;
      return null;
    }
    return frame;
  }

  /** The next next() gives this one once more. */
  void giveBack(Frame frame) {
    returned = frame;
  }

  boolean isTakenBack(Frame request) {
    return takenBack == request.turn;
  }

  @Override
  public void run() {
    FileInputStream standard = new FileInputStream(FileDescriptor.in);
    try (DataInputStream in = new DataInputStream(new BufferedInputStream(standard, 65536))) {
      while (true) {
        int size = in.readInt();
        if (size < 1 || size > FRAME_BYTES_MAX) {
          throw new IOException("a request of " + size + " bytes");
        }
        char type = (char) in.readUnsignedByte();
        byte[] body = new byte[size - 1];
        in.readFully(body);
        if (type == 'X') {
          takenBack = turn;
          continue;
        }
        if (type == 'R' || type == 'Q') {
          ++turn;
        }
        waiting.put(new Frame(type, turn, body));
      }
    } catch (EOFException end) {
      leave();
    } catch (IOException | InterruptedException | OutOfMemoryError failure) {
      System.err.println("requests cannot be read: " + failure.getMessage());
      leave();
    }
  }

  // Nobody hears us any more. What is under way may take long: it is given a moment, no more; and
  // so is the database that is to be closed then.
  private void leave() {
    takenBack = turn;
    Thread last = new Thread(() -> {
      pause();
      Thread end = new Thread(() -> System.exit(1));
      end.setDaemon(true);
      end.start();
      pause();
      Runtime.getRuntime().halt(1);
    });
    last.setDaemon(true);
    last.start();
    try {
      waiting.put(new Frame(END, turn, new byte[0]));
    } catch (InterruptedException ended) {
      System.exit(1);
    }
  }

  private static void pause() {
    try {
      Thread.sleep(PATIENCE_MS);
    } catch (InterruptedException ignored) {
      // All the sooner.
    }
  }
}
