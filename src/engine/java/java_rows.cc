// SPDX-License-Identifier: Apache-2.0
#include "engine/java/java_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "engine/java/link.h"
#include "engine/wide_row.h"

namespace holdfast::engine::java {
namespace {

constexpr std::uint32_t columns_max = 65'536;
constexpr std::uint8_t nullable_bit = 1;
constexpr std::uint8_t identity_bit = 2;
constexpr std::uint8_t computed_bit = 4;
// So much is thrown away of an answer that nobody wants any more, before the program is given up.
constexpr std::size_t unwanted_bytes_max = std::size_t{64} << 20U;

std::string quote_name(std::string_view name) {
  std::string text = "\"";
  for (const char c : name) text.append(c == '"' ? 2 : 1, c);
  return text + '"';
}

[[noreturn]] void refuse_frame(const Frame& frame) {
  throw Error(Errc::corrupt,
              fmt::format("the Java program sent a frame of the type {} that was not asked for",
                          static_cast<unsigned char>(frame.type)));
}

std::uint32_t read_count(BodyReader& reader) {
  const std::uint32_t count = reader.u32();
  if (count > columns_max)
    throw Error(Errc::corrupt, fmt::format("the Java program sent {} columns", count));
  return count;
}

TableDef parse_table(ByteView body) {
  BodyReader reader(body);
  TableDef table;
  table.name.schema = reader.text();
  table.name.table = reader.text();
  for (std::uint32_t left = read_count(reader); left > 0; --left) {
    ColumnDef column;
    column.column.name = reader.text();
    column.column.type = reader.text();
    const std::uint8_t bits = reader.u8();
    column.nullable = (bits & nullable_bit) != 0;
    column.identity = (bits & identity_bit) != 0;
    column.computed = (bits & computed_bit) != 0;
    table.columns.push_back(std::move(column));
  }
  for (std::uint32_t left = read_count(reader); left > 0; --left)
    table.primary_key.emplace_back(reader.text());
  reader.check_end();
  return table;
}

std::vector<model::Column> parse_columns(ByteView body) {
  BodyReader reader(body);
  std::vector<model::Column> columns;
  for (std::uint32_t left = read_count(reader); left > 0; --left) {
    model::Column column;
    column.name = reader.text();
    column.type = reader.text();
    columns.push_back(std::move(column));
  }
  reader.check_end();
  return columns;
}

std::string as_query_text(const model::Value& value) {
  switch (value.kind) {
    case model::ValueKind::null:
      return {};
    case model::ValueKind::real:
      return fmt::format("{}", value.real);
    case model::ValueKind::bytes:
      return to_hex(as_bytes(value.text));
    default:
      return value.text;
  }
}

// The first value of a result, and whether it is alone.
class OneValue final : public model::RowSink {
 public:
  void columns(const std::vector<model::Column>& columns) override { columns_ = columns.size(); }
  void row(const model::Row& row) override {
    if (rows_++ == 0) text_ = as_query_text(row.front());
  }
  [[nodiscard]] std::string text() && {
    if (columns_ != 1 || rows_ != 1)
      throw Error(Errc::usage, "the statement does not yield one row of one column");
    return std::move(text_);
  }

 private:
  std::size_t columns_ = 0, rows_ = 0;
  std::string text_;
};

// Digests what passes on to somebody else.
class DigestSink final : public model::RowSink {
 public:
  explicit DigestSink(std::unique_ptr<model::RowSink> next) : next_(std::move(next)) {}
  void columns(const std::vector<model::Column>& columns) override {
    if (next_) next_->columns(columns);
  }
  void row(const model::Row& row) override {
    hasher_.add(row);
    if (next_) next_->row(row);
  }
  [[nodiscard]] const model::TableDigest& digest() { return hasher_.digest(); }

 private:
  std::unique_ptr<model::RowSink> next_;
  model::RowHasher hasher_;
};

// What is told of a database: its URL without options, among which a key may be.
std::string name_of(const std::string& url) {
  return url.substr(0, url.find(';'));
}

}  // namespace

struct JavaDatabase::State {
  State(const JavaDatabaseSettings& settings, std::stop_token stop_in)
      : name(name_of(settings.url)),
        stop(std::move(stop_in)),
        link(rows_command(settings.runtime, settings.driver_jars, settings.scratch_directory,
                          settings.heap_mib),
             stop) {
    begin('O');
    request.u8(settings.read_only ? 1 : 0);
    request.text(settings.url);
    request.text(settings.user);
    request.u8(settings.password != nullptr ? 1 : 0);
    request.text(settings.password != nullptr ? settings.password->reveal() : "");
    ask();
    versions = parse_versions(expect('h', "opening").body);
    is_busy = false;
  }

  // Begins a request. Until its answer has come to an end nothing else can be asked; where that
  // fails, never.
  void begin(char type) {
    if (is_busy || is_closed) {
      throw Error(Errc::failed_child,
                  fmt::format("{}: the Java program cannot be asked any more", name));
    }
    request.begin(type);
  }
  void ask() {
    request.end();
    is_busy = true;
    link.send(request);
  }
  // The next frame of an answer; a refusal ends it.
  Frame receive(std::string_view what) {
    const Frame frame = link.receive();
    check(frame, what);
    return frame;
  }
  void check(const Frame& frame, std::string_view what) {
    if (frame.type != 'e') return;
    const Error error = to_error(parse_refusal(frame.body), fmt::format("{}: {}", name, what));
    is_busy = false;
    throw error;
  }
  Frame expect(char type, std::string_view what) {
    const Frame frame = receive(what);
    if (frame.type != type) refuse_frame(frame);
    return frame;
  }
  // The end of an answer, with its number.
  std::uint64_t end_of(const Frame& frame) {
    if (frame.type != 'k') refuse_frame(frame);
    BodyReader reader(frame.body);
    const std::uint64_t number = reader.u64();
    reader.check_end();
    is_busy = false;
    return number;
  }
  std::uint64_t receive_end(std::string_view what) { return end_of(receive(what)); }

  // Rows in answer to the request that has been sent.
  std::uint64_t receive_rows(std::string_view what, model::RowSink& into,
                             const std::stop_token& stop_reading);
  // After an Error in the midst of an answer: reads on until its end. Busy for ever if it fails.
  void take_back(char type) noexcept;

  const std::string name;
  const std::stop_token stop;
  Link link;
  FrameWriter request;
  Versions versions;
  bool is_busy = false, is_closed = false;
};

std::uint64_t JavaDatabase::State::receive_rows(std::string_view what, model::RowSink& into,
                                                const std::stop_token& stop_reading) {
  struct TakingBack {
    ~TakingBack() {
      if (state.is_busy) state.take_back('X');
    }
    State& state;
  } taking_back{*this};
  const std::vector<model::Column> columns = parse_columns(expect('c', what).body);
  into.columns(columns);
  RowReader reader(columns.size());
  WideRowTurn turn;
  const auto hand_over = [&](model::Row& row) {
    if (reader.awaited_row_bytes() > 0) turn.got(reader.awaited_row_bytes(), stop_reading);
    into.row(row);
  };
  while (true) {
    if (stop_reading.stop_requested())
      throw Error(Errc::cancelled, fmt::format("{}: {} was stopped", name, what));
    const Frame frame = receive(what);
    if (frame.type != 'd' && frame.type != 'p') {
      const std::uint64_t count = end_of(frame);
      if (count != reader.rows() || reader.awaited_row_bytes() > 0) {
        is_busy = true;
        throw Error(Errc::corrupt, fmt::format("{}: {} gave {} rows and told of {}", name, what,
                                               reader.rows(), count));
      }
      return count;
    }
    reader.take(frame, hand_over);
    if (reader.awaited_row_bytes() > 0) {
      turn.take(reader.awaited_row_bytes(), stop_reading);
    } else {
      turn.done();
    }
  }
}

void JavaDatabase::State::take_back(char type) noexcept {
  try {
    if (request.is_open()) return;  // a request was not even sent in whole
    request.begin(type);
    request.end();
    link.send(request);
    for (std::size_t unwanted_bytes = 0; unwanted_bytes < unwanted_bytes_max;) {
      const Frame frame = link.receive();
      unwanted_bytes += frame.body.size();
      if (frame.type == 'k' || frame.type == 'e') {
        is_busy = false;
        return;
      }
    }
  } catch (const std::exception&) {
    // It stays busy, which is told to whoever asks next.
  }
}

JavaDatabase::JavaDatabase(const JavaDatabaseSettings& settings, std::stop_token stop)
    : state_(in_context(fmt::format("opening {}", name_of(settings.url)),
                        [&] { return std::make_unique<State>(settings, std::move(stop)); })) {}
JavaDatabase::~JavaDatabase() = default;
JavaDatabase::JavaDatabase(JavaDatabase&&) noexcept = default;

const Versions& JavaDatabase::versions() const noexcept {
  return state_->versions;
}

std::vector<TableDef> JavaDatabase::tables() {
  return in_context(fmt::format("listing the tables of {}", state_->name), [&] {
    state_->begin('T');
    state_->ask();
    std::vector<TableDef> tables;
    while (true) {
      const Frame frame = state_->receive("the list of tables");
      if (frame.type != 't') {
        static_cast<void>(state_->end_of(frame));
        break;
      }
      tables.push_back(parse_table(frame.body));
    }
    std::sort(tables.begin(), tables.end(),
              [](const TableDef& a, const TableDef& b) { return a.name < b.name; });
    return tables;
  });
}

std::uint64_t JavaDatabase::read_rows(const model::TableName& table, model::RowSink& into,
                                      std::stop_token stop) {
  const std::string what = fmt::format("table {}", table.display());
  return in_context(fmt::format("reading {} of {}", what, state_->name), [&] {
    state_->begin('R');
    state_->request.text(table.schema);
    state_->request.text(table.table);
    state_->ask();
    return state_->receive_rows(what, into, stop);
  });
}

std::uint64_t JavaDatabase::count(const model::TableName& table) {
  const std::string text = query_one(
      fmt::format("SELECT count(*) FROM {}.{}", quote_name(table.schema), quote_name(table.table)));
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size())
    throw Error(Errc::corrupt, fmt::format("{}: `{}` is no number of rows", state_->name, text));
  return number;
}

std::string JavaDatabase::query_one(const std::string& sql) {
  return in_context(fmt::format("asking {}", state_->name), [&] {
    state_->begin('Q');
    state_->request.text(sql);
    state_->ask();
    OneValue value;
    state_->receive_rows("the statement", value, {});
    return std::move(value).text();
  });
}

void JavaDatabase::execute(const std::string& sql) {
  in_context(fmt::format("changing {}", state_->name), [&] {
    state_->begin('E');
    state_->request.text(sql);
    state_->ask();
    static_cast<void>(state_->receive_end("the statement"));
  });
}

std::unique_ptr<RowLoader> JavaDatabase::load(const model::TableName& table,
                                              const std::vector<std::string>& columns,
                                              const LoadSettings& settings) {
  check_rule(!columns.empty() && columns.size() <= columns_max, "rows to load have columns");
  std::string what = fmt::format("loading table {}", table.display());
  in_context(fmt::format("{} of {}", what, state_->name), [&] {
    state_->begin('L');
    state_->request.text(table.schema);
    state_->request.text(table.table);
    state_->request.u8(settings.overriding_system_value ? 1 : 0);
    state_->request.u32(static_cast<std::uint32_t>(columns.size()));
    for (const std::string& column : columns) state_->request.text(column);
    state_->ask();
    static_cast<void>(state_->receive_end(what));
    state_->is_busy = true;  // until the loader has done
  });
  return std::unique_ptr<RowLoader>(new RowLoader(*state_, std::move(what), columns.size()));
}

void JavaDatabase::close() {
  in_context(fmt::format("closing {}", state_->name), [&] {
    state_->begin('C');
    state_->ask();
    static_cast<void>(state_->receive_end("the database"));
    state_->is_closed = true;
    if (!state_->link.wait_for_end()) {
      throw Error(
          Errc::failed_child,
          fmt::format("{}: the Java program closed it and failed after that", state_->name));
    }
  });
}

RowLoader::RowLoader(JavaDatabase::State& database, std::string what, std::size_t columns)
    : database_(database), what_(std::move(what)), columns_(columns) {}

RowLoader::~RowLoader() {
  // What has begun to be sent and was not ended leaves the line in the midst of a frame.
  if (!is_over_) database_.take_back('A');
}

void RowLoader::row(const model::Row& row) {
  check_rule(!is_over_ && row.size() == columns_, "a row to load has a value for each column");
  in_context(fmt::format("{} of {}", what_, database_.name), [&] {
    if (!frames_.is_open()) frames_.begin('d');
    const std::vector<std::string_view> wide = append_row(frames_, row);
    if (wide.empty()) {
      if (frames_.size_bytes() >= batch_bytes) flush();
      return;
    }
    flush();
    for (std::string_view rest : wide) {
      while (!rest.empty()) {
        const std::string_view piece = rest.substr(0, piece_bytes);
        rest.remove_prefix(piece.size());
        frames_.begin('p');
        frames_.raw(as_bytes(piece));
        flush();
      }
    }
  });
}

std::uint64_t RowLoader::finish() {
  check_rule(!is_over_, "a load is finished once");
  return in_context(fmt::format("{} of {}", what_, database_.name), [&] {
    if (frames_.is_open()) flush();
    frames_.begin('F');
    frames_.end();
    database_.link.send(frames_);
    is_over_ = true;
    return database_.receive_end(what_);
  });
}

// Sends the frame under way, and looks whether the database has refused what it got so far.
void RowLoader::flush() {
  frames_.end();
  database_.link.send(frames_);
  check_refusal();
}

void RowLoader::check_refusal() {
  const std::optional<Frame> frame = database_.link.receive_if_any();
  if (!frame) return;
  if (frame->type != 'e') refuse_frame(*frame);
  is_over_ = true;
  const Refusal refusal = parse_refusal(frame->body);
  // The program waits for the end of what it does not want any more.
  frames_.begin('A');
  frames_.end();
  database_.link.send(frames_);
  database_.is_busy = false;
  throw to_error(refusal, fmt::format("{}: {}", database_.name, what_));
}

void describe_tables(JavaDatabase& database, model::DatabaseFacts& facts, const RowTap& tap,
                     std::stop_token stop) {
  facts.tables.clear();
  for (const TableDef& table : database.tables()) {
    DigestSink sink(tap ? tap(table.name) : nullptr);
    database.read_rows(table.name, sink, stop);
    const model::TableDigest& digest = sink.digest();
    facts.tables.push_back({table.name.schema, table.name.table, digest.rows(), digest.hex()});
  }
}

}  // namespace holdfast::engine::java
