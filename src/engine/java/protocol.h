// SPDX-License-Identifier: Apache-2.0
// What is said between Holdfast and its Java program (holdfast/*.java beside this file), as pure
// functions: no process, no descriptor.
//
// Both sides send frames: a length (4 bytes, of all that follows), a type byte, a body. Integers
// are big-endian; a text is its length (4 bytes) and UTF-8.
//
//   requests                                          answers
//   V                                                 h                    versions, nothing is
//   opened O read-only user's-URL user has-password password h                    once it is open
//   T                                                 t… k
//   R schema table                                    c (d | d p…)… k
//   Q statement                                       c (d | d p…)… k      two rows at most
//   E statement                                       k
//   L schema table flags columns, (d | d p…)… F       k (ready), k (rows)
//     … A instead of F: taken back                    k
//   X                                                 none; ends the R or Q before it early
//   C                                                 k                    closed; the program ends
//
// An answer may be `e` instead, at any place, which ends the request. The values of a row stand one
// after the other, each a tag of docs/digest.md and: nothing (null), eight bytes (real), else
// length and bytes. A tag with value_in_pieces has the length alone: the bytes follow the frame,
// which ends with this row, as frames `p`, one value after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "model/value.h"

namespace holdfast::engine::java {

inline constexpr std::size_t frame_bytes_max = std::size_t{2} << 20U;
inline constexpr std::size_t piece_bytes = std::size_t{1} << 20U;
inline constexpr std::size_t batch_bytes = std::size_t{64} << 10U;
inline constexpr std::uint32_t value_bytes_max = 0x7fff'ffff;
inline constexpr std::uint8_t value_in_pieces = 0x80;

// Bytes of `body` are the reader's until more is added to it.
struct Frame {
  char type = 0;
  ByteView body;
};

// Cuts a stream into frames. Errc::corrupt for a length that none has.
class FrameReader {
 public:
  void add(ByteView bytes);
  // Room at the end for read(2), at least `size_bytes`; then added() says how much came.
  [[nodiscard]] std::span<std::byte> room(std::size_t size_bytes);
  void added(std::size_t size_bytes);
  [[nodiscard]] std::optional<Frame> next();
  // Whether the stream may end here.
  [[nodiscard]] bool is_between_frames() const noexcept { return begin_ == end_; }

 private:
  Bytes buffer_;
  std::size_t begin_ = 0, end_ = 0;  // what has come and is in no frame yet
};

// Reads the body of a frame from its front. Errc::corrupt past its end.
class BodyReader {
 public:
  explicit BodyReader(ByteView body) : rest_(body) {}
  [[nodiscard]] std::uint8_t u8();
  [[nodiscard]] std::uint32_t u32();
  [[nodiscard]] std::uint64_t u64();
  [[nodiscard]] std::string_view text();  // lives as long as the body
  [[nodiscard]] bool is_at_end() const noexcept { return rest_.empty(); }
  void check_end() const;

 private:
  [[nodiscard]] ByteView take(std::size_t size_bytes);
  ByteView rest_;
};

// Frames on their way out, one after the other in `bytes`.
class FrameWriter {
 public:
  ~FrameWriter();  // wipes: a password may have been among them
  FrameWriter() { bytes_.reserve(2 * batch_bytes); }
  FrameWriter(const FrameWriter&) = delete;
  FrameWriter& operator=(const FrameWriter&) = delete;

  void begin(char type);
  void end();
  void u8(std::uint8_t value);
  void u32(std::uint32_t value);
  void text(std::string_view text);
  void raw(ByteView bytes) { append(bytes_, bytes); }
  [[nodiscard]] bool is_open() const noexcept { return open_; }
  // Of the frame under way, its head included.
  [[nodiscard]] std::size_t size_bytes() const noexcept { return bytes_.size() - begin_; }
  [[nodiscard]] ByteView bytes() const noexcept { return bytes_; }
  void clear() noexcept;

 private:
  Bytes bytes_;
  std::size_t begin_ = 0;
  bool open_ = false;
};

// One row for a frame `d`, which the caller has begun. What would make the frame too large is only
// declared, and returned: its bytes are to follow in pieces, in this order. Errc::unsupported for a
// value over 2 GiB.
[[nodiscard]] std::vector<std::string_view> append_row(FrameWriter& into, const model::Row& row);

// Puts rows together from frames `d` and `p`. Errc::corrupt for anything that breaks the rules.
class RowReader {
 public:
  explicit RowReader(std::size_t columns) : row_(columns) {}
  // Gives each row that is whole to `row`, which may move its texts away.
  void take(const Frame& frame, const std::function<void(model::Row&)>& row);
  // Bytes of the row whose pieces are being waited for; 0 if there is none.
  [[nodiscard]] std::size_t awaited_row_bytes() const noexcept { return awaited_row_bytes_; }
  [[nodiscard]] std::uint64_t rows() const noexcept { return rows_; }

 private:
  struct Awaited {
    std::size_t column;
    std::size_t size_bytes;
  };
  void take_rows(ByteView body, const std::function<void(model::Row&)>& row);
  void take_piece(ByteView piece, const std::function<void(model::Row&)>& row);
  void await(std::size_t column, std::uint32_t size_bytes);
  void hand_over(const std::function<void(model::Row&)>& row);
  void finish_values();

  model::Row row_;
  std::vector<Awaited> awaited_;
  std::size_t awaited_row_bytes_ = 0;
  std::uint64_t rows_ = 0;
};

// What a frame `e` says.
struct Refusal {
  enum class Kind : std::uint8_t { sql, usage, unsupported, memory, protocol, not_found };
  struct Link {
    std::string sqlstate;
    std::int32_t code = 0;
    std::string message;
  };
  Kind kind = Kind::sql;
  std::vector<Link> chain;  // the outermost first, never empty
};
[[nodiscard]] Refusal parse_refusal(ByteView body);
// As an Error about `what`. Locked by another program, or not reachable: unavailable. A wrong user
// or password, a missing right: denied. A database or table that is not there: not_found. A broken
// file: corrupt. A format this driver does not read: unsupported. A full disk: no_space. Else
// failed_child. Source: Derby Reference Manual 10.14 "SQL error messages and exceptions";
// H2 2.1.214 org.h2.api.ErrorCode.
[[nodiscard]] Error to_error(const Refusal& refusal, std::string_view what);

// What a frame `h` says.
struct Versions {
  std::string driver;           // of the jar, "10.14.2"; empty if it does not say
  std::string java;             // "17.0.2"
  std::string product;          // "Apache Derby"; empty if nothing is open
  std::string product_version;  // as the driver words it
};
[[nodiscard]] Versions parse_versions(ByteView body);

}  // namespace holdfast::engine::java
