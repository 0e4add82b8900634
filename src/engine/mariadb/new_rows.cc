// SPDX-License-Identifier: Apache-2.0
#include "engine/mariadb/new_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <utility>

#include "base/error.h"
#include "engine/mariadb/sql_text.h"
#include "engine/mariadb/table_stream.h"
#include "engine/mariadb/values.h"

namespace holdfast::engine::mariadb {
namespace {

constexpr std::size_t piece_bytes = std::size_t{256} << 10U;
constexpr std::size_t waiting_bytes_max = 4 * piece_bytes;

// Reads what comes through a channel, to its end. Errc::cancelled if that was given up.
class ChannelSource final : public ByteSource {
 public:
  ChannelSource(Channel<Bytes>& channel, const bool& is_whole)
      : channel_(channel), is_whole_(is_whole) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    if (into.empty()) return 0;
    while (done_ == piece_.size()) {
      std::optional<Bytes> next = channel_.pop();
      if (!next) {
        if (is_whole_) return 0;
        throw Error(Errc::cancelled, "the rows were given up");
      }
      piece_ = std::move(*next);
      done_ = 0;
    }
    const std::size_t count = std::min(into.size(), piece_.size() - done_);
    std::memcpy(into.data(), piece_.data() + done_, count);
    done_ += count;
    return count;
  }

 private:
  Channel<Bytes>& channel_;
  const bool& is_whole_;
  Bytes piece_;
  std::size_t done_ = 0;
};

std::string real_text(double real) {
  if (!std::isfinite(real))
    throw Error(Errc::unsupported, "a server has no place for a number that is not finite");
  return fmt::format("{}", real);
}

}  // namespace

NewRows::NewRows(Connection connection, CopiedTable table, bool by_insert)
    : connection_(std::move(connection)),
      table_(std::move(table)),
      by_insert_(by_insert),
      channel_(waiting_bytes_max),
      crew_([this] { channel_.abandon(); }) {
  crew_.start([this](const std::stop_token&) { load(); });
}

NewRows::~NewRows() {
  channel_.abandon();
}

void NewRows::row(const model::Row& row) {
  check_rule(!is_over_ && row.size() == table_.columns.size(), "a row has a value for each column");
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i > 0) append(buffer_, "\t");
    append_value(row[i]);
  }
  append(buffer_, "\n");
  if (buffer_.size() >= piece_bytes) pass_on();
}

void NewRows::append_value(const model::Value& value) {
  switch (value.kind) {
    case model::ValueKind::null:
      return append(buffer_, null_field);
    case model::ValueKind::real:
      return append(buffer_, real_text(value.real));
    case model::ValueKind::instant:  // sessions are in UTC
      return append_field(buffer_, std::string_view(value.text).substr(0, value.text.find('Z')));
    default:
      break;
  }
  std::string_view rest = value.text;
  while (rest.size() > piece_bytes) {
    append_field(buffer_, rest.substr(0, piece_bytes));
    rest.remove_prefix(piece_bytes);
    pass_on();
  }
  append_field(buffer_, rest);
}

void NewRows::pass_on() {
  Bytes piece;
  piece.reserve(buffer_.size());
  std::swap(piece, buffer_);
  const std::size_t size_bytes = piece.size();
  if (channel_.push(std::move(piece), size_bytes)) return;
  crew_.join();  // throws why
  throw Error(Errc::bug, "rows came after their end");
}

void NewRows::finish() {
  check_rule(!is_over_, "rows are finished once");
  if (!buffer_.empty()) pass_on();
  is_over_ = true;
  channel_.close();
  crew_.join();
}

// On the crew's thread. `is_over_` is read once the channel is closed, and so after it was set.
void NewRows::load() {
  in_context("filling table " + table_.name, [&] {
    ChannelSource source(channel_, is_over_);
    if (!by_insert_ && load_locally(source)) return;
    static_cast<void>(insert_rows(connection_, table_, source));
  });
}

// False, with nothing read, if it is forbidden. With LOCAL a server takes what does not fit for
// something to be warned of.
bool NewRows::load_locally(ByteSource& source) {
  if (connection_.number("SELECT @@local_infile") == 0) return false;
  connection_.run("START TRANSACTION");
  Connection::Loaded loaded;
  const auto failure = connection_.load_local(
      load_statement(table_.name, table_.name, load_columns(table_.columns)), source, loaded);
  if (failure) {
    if (!is_forbidden_locally(*failure)) connection_.raise(*failure);
    connection_.run("ROLLBACK");
    return false;
  }
  std::string why;
  if (loaded.skipped > 0) why = fmt::format("{} rows are there twice", loaded.skipped);
  if (loaded.warnings > 0) {
    for (const auto& line : connection_.query("SHOW WARNINGS")) {
      if (!why.empty() || line.at(0).value_or("") == "Note") continue;
      why = line.at(2).value_or("");
    }
  }
  if (!why.empty()) {
    connection_.run("ROLLBACK");
    throw Error(Errc::differs, fmt::format("rows do not fit: {}", why));
  }
  connection_.run("COMMIT");
  return true;
}

}  // namespace holdfast::engine::mariadb
