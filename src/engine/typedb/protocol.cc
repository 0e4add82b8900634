// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/protocol.h"

#include <fmt/format.h>

#include "base/error.h"
#include "engine/typedb/wire.h"

namespace holdfast::engine::typedb {
namespace {

constexpr std::string_view driver_language = "holdfast";
constexpr std::size_t shown_bytes_max = 2000;

// Calls `take` with each field of that number; passes over others, which newer releases may add.
template <typename Take>
void for_each_field(ByteView message, std::uint32_t number, Take&& take) {
  WireReader reader(message);
  for (WireField field; reader.next(field);)
    if (field.number == number) take(field);
}
// The last one counts, as everywhere in protobuf.
std::optional<ByteView> message_field(ByteView message, std::uint32_t number) {
  std::optional<ByteView> found;
  for_each_field(message, number, [&](const WireField& field) { found = field.message(); });
  return found;
}
std::string text_field(ByteView message, std::uint32_t number) {
  std::string found;
  for_each_field(message, number, [&](const WireField& field) { found = field.text(); });
  return found;
}
std::uint64_t number_field(ByteView message, std::uint32_t number) {
  std::uint64_t found = 0;
  for_each_field(message, number, [&](const WireField& field) { found = field.varint(); });
  return found;
}

ByteView needed_field(ByteView message, std::uint32_t number, std::string_view what) {
  const std::optional<ByteView> found = message_field(message, number);
  if (!found) throw Error(Errc::corrupt, fmt::format("the server's message has no {}", what));
  return *found;
}

Bytes wrapped(std::uint32_t field, const Bytes& content) {
  return WireWriter().bytes(field, content).take();
}

}  // namespace

WireWriter& WireWriter::bare(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U)
    message_.push_back(static_cast<std::byte>(0x80U | (value & 0x7fU)));
  message_.push_back(static_cast<std::byte>(value));
  return *this;
}

WireWriter& WireWriter::number(std::uint32_t field, std::uint64_t value) {
  return bare(std::uint64_t{field} << 3U).bare(value);
}

WireWriter& WireWriter::bytes(std::uint32_t field, ByteView content) {
  bare(std::uint64_t{field} << 3U | static_cast<std::uint64_t>(WireType::bytes));
  bare(content.size());
  append(message_, content);
  return *this;
}

Bytes open_request(std::uint32_t version, std::string_view user, std::string_view password) {
  const std::size_t room_bytes = user.size() + password.size() + 128;
  Bytes credentials = WireWriter(room_bytes).text(1, user).text(2, password).take();
  Bytes authentication = WireWriter(room_bytes).bytes(1, credentials).take();
  Bytes request = WireWriter(room_bytes)
                      .number(1, version)
                      .text(2, driver_language)
                      .text(3, HOLDFAST_VERSION)
                      .bytes(4, authentication)
                      .take();
  wipe(credentials.data(), credentials.size());
  wipe(authentication.data(), authentication.size());
  return request;
}

Secret parse_token(ByteView answer) {
  Secret token(text_field(needed_field(answer, 4, "authentication"), 1));
  if (token.empty()) throw Error(Errc::corrupt, "the server's message has no token");
  return token;
}

Bytes name_request(std::string_view database) {
  return WireWriter().text(1, database).take();
}

std::vector<std::string> parse_databases(ByteView answer) {
  // The tag of a message's first field is a line feed, which no name begins with.
  constexpr std::byte first_field{1U << 3U | 2U};
  std::vector<std::string> names;
  for_each_field(answer, 1, [&](const WireField& field) {
    const ByteView entry = field.message();
    const bool is_message = !entry.empty() && entry.front() == first_field;
    names.push_back(is_message ? text_field(entry, 1) : std::string(field.text()));
  });
  return names;
}

bool parse_contains(ByteView answer) {
  return number_field(answer, 1) != 0;
}

std::string parse_schema(ByteView answer) {
  return text_field(answer, 1);
}

std::string parse_version(ByteView answer) {
  return text_field(answer, 2);
}

Bytes export_request(std::string_view database) {
  return wrapped(1, name_request(database));
}

void parse_export_message(ByteView message, ExportMessage& into) {
  into.items.clear();
  into.schema = {};
  bool known = false;
  WireReader reader(needed_field(message, 1, "server"));
  for (WireField field; reader.next(field);) {
    if (field.number == 1) {
      into.kind = ExportMessage::Kind::schema;
      into.schema = {};
      for_each_field(field.message(), 1, [&](const WireField& text) { into.schema = text.text(); });
    } else if (field.number == 2) {
      into.kind = ExportMessage::Kind::items;
      into.items.clear();
      for_each_field(field.message(), 1,
                     [&](const WireField& item) { into.items.push_back(item.message()); });
    } else if (field.number == 3) {
      into.kind = ExportMessage::Kind::done;
    } else {
      continue;
    }
    known = true;
  }
  if (!known) throw Error(Errc::corrupt, "a message of an export is of no known kind");
}

Bytes import_begin(std::string_view database, std::string_view schema) {
  return wrapped(1, wrapped(1, WireWriter().text(1, database).text(2, schema).take()));
}

Bytes import_done() {
  return wrapped(1, wrapped(3, {}));
}

Bytes ImportPart::take() {
  const Bytes items = items_.take();
  count_ = 0;
  // Not three copies of the items: the lengths are known beforehand.
  WireWriter outer, part_head;
  part_head.bare(2U << 3U | 2U).bare(items.size());
  outer.bare(1U << 3U | 2U).bare(part_head.message().size() + items.size());
  Bytes message = outer.take();
  message.reserve(message.size() + part_head.message().size() + items.size());
  append(message, part_head.message());
  append(message, items);
  return message;
}

void check_import_done(ByteView message) {
  static_cast<void>(needed_field(needed_field(message, 1, "server"), 1, "end of the import"));
}

Bytes migrator_request(std::string_view database, std::string_view data_file,
                       std::string_view schema_file) {
  WireWriter request;
  request.text(1, database).text(2, data_file);
  if (!schema_file.empty()) request.text(3, schema_file);
  return request.take();
}

MigratorProgress parse_progress(ByteView message, MigratorJob job) {
  MigratorProgress progress;
  const std::uint32_t first = job == MigratorJob::exports ? 1 : 2;
  WireReader reader(message);
  for (WireField field; reader.next(field);) {
    if (field.type == WireType::bytes) {
      if (field.number != 1) continue;
      return {number_field(field.bytes, 2), number_field(field.bytes, 1)};
    }
    if (field.number < first || field.number >= first + 6) continue;
    const bool is_current = (field.number - first) % 2 == 0;
    (is_current ? progress.done : progress.total) += field.varint();
  }
  return progress;
}

Bytes schema_session_request(std::string_view database, std::uint32_t lock_wait_millis) {
  return WireWriter()
      .text(1, database)
      .number(2, 1)
      .bytes(3, WireWriter().number(8, lock_wait_millis).number(9, lock_wait_millis).message())
      .take();
}

Bytes parse_session(ByteView answer) {
  const ByteView id = needed_field(answer, 1, "session");
  return {id.begin(), id.end()};
}

Bytes session_request(ByteView session) {
  return WireWriter().bytes(1, session).take();
}

bool parse_session_alive(ByteView answer) {
  return number_field(answer, 1) != 0;
}

Bytes define_request(DefineStep step, ByteView content) {
  constexpr std::uint64_t write = 1;
  constexpr std::uint64_t time_millis = 300'000;  // the servers' default, instead of the session's
  constexpr std::string_view request_id = "holdfast-request";
  WireWriter request;
  request.text(1, request_id);
  if (step == DefineStep::open) {
    const Bytes options = WireWriter().number(8, time_millis).take();
    request.bytes(3, WireWriter().bytes(1, content).number(2, write).bytes(3, options).message());
  } else if (step == DefineStep::define) {
    request.bytes(7, wrapped(100, WireWriter().bytes(1, content).message()));
  } else {
    request.bytes(5, {});
  }
  return wrapped(1, request.message());
}

void check_define_answer(ByteView answer, DefineStep step) {
  const ByteView result = needed_field(answer, 2, "answer");
  const std::uint32_t wanted = step == DefineStep::open ? 2 : step == DefineStep::define ? 5 : 3;
  static_cast<void>(needed_field(result, wanted, "answer to what was asked"));
}

namespace {

// What the details add to the message: the code of an error and where it came from, innermost last.
std::string details_text(ByteView details) {
  constexpr std::string_view error_info = "type.googleapis.com/google.rpc.ErrorInfo";
  constexpr std::string_view debug_info = "type.googleapis.com/google.rpc.DebugInfo";
  std::string text;
  for_each_field(details, 3, [&](const WireField& field) {
    const std::string type = text_field(field.message(), 1);
    const ByteView value = message_field(field.message(), 2).value_or(ByteView{});
    const std::uint32_t number = type == error_info || type == debug_info ? 1 : 0;
    for_each_field(value, number, [&](const WireField& entry) {
      if (!text.empty()) text += "; ";
      text += entry.text();
    });
  });
  return text;
}

}  // namespace

std::string describe(const RpcStatus& status) {
  std::string text = status.message;
  try {
    const std::string more = details_text(status.details);
    if (!more.empty()) text += (text.empty() ? "" : ": ") + more;
  } catch (const Error&) {
    // The message alone, then.
  }
  if (text.empty()) text = fmt::format("status {}", static_cast<int>(status.code));
  if (text.size() > shown_bytes_max) {
    std::size_t end = shown_bytes_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) --end;
    text = text.substr(0, end) + "…";
  }
  // One line: servers indent theirs as their source does.
  std::string line;
  for (const char c : text) {
    const bool is_space = static_cast<unsigned char>(c) <= ' ' || c == 0x7f;
    if (!is_space)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  if (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

}  // namespace holdfast::engine::typedb
