// SPDX-License-Identifier: Apache-2.0
package holdfast;

/** What this program itself has to say against a request; the number is part of the protocol. */
final class Failure extends Exception {
  static final int SQL = 0;
  static final int USAGE = 1;
  static final int UNSUPPORTED = 2;
  static final int MEMORY = 3;
  static final int PROTOCOL = 4;
  static final int NOT_FOUND = 5;
  private static final long serialVersionUID = 1;

  final int kind;

  Failure(int kind, String message) {
    super(message);
    this.kind = kind;
  }
}
