// SPDX-License-Identifier: Apache-2.0
#include "engine/oracle/pump_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "engine/oracle/character_sets.h"
#include "engine/oracle/pump_pieces.h"

namespace holdfast::engine::oracle {
namespace {

constexpr std::array unit_signature{std::byte{0xFF}, std::byte{0xFF}, std::byte{0x24},
                                    std::byte{0x24}, std::byte{0x0A}, std::byte{0x00}};
constexpr std::size_t unit_head_bytes = unit_signature.size() + 6 * 8;
constexpr std::uint64_t document_offset = 4096;
constexpr std::string_view compressed_signature = "KGC\x80";
constexpr std::string_view document_begin = "<?xml", document_end = "</ROWSET>";
constexpr std::size_t row_bytes_max = std::size_t{1} << 30U;
constexpr std::size_t units_max = 1'000'000;
constexpr std::uint32_t usual_block_bytes = 4096;

constexpr std::uint64_t rounded_up(std::uint64_t value, std::uint64_t to) {
  return (value + to - 1) / to * to;
}

// What a unit says of itself.
struct UnitHead {
  std::uint64_t document_bytes, document_at, data_bytes, data_at, alignment, total_bytes;

  // Why it is none; empty: it may be.
  [[nodiscard]] std::string objection() const {
    if (document_at != document_offset || document_bytes < 2 ||
        document_bytes > pump_document_bytes_max)
      return fmt::format("its document is {} bytes at {}", document_bytes, document_at);
    if (alignment != 8 || data_at != rounded_up(document_at + document_bytes, 8))
      return fmt::format("its rows are at {}", data_at);
    if (data_bytes > std::uint64_t{1} << 60U || total_bytes != rounded_up(data_at + data_bytes, 8))
      return fmt::format("it is {} bytes with {} of rows", total_bytes, data_bytes);
    return "";
  }
};

UnitHead parse_head(ByteView front) {
  const auto number = [&](std::size_t index) {
    return load_be64(front.data() + unit_signature.size() + index * 8);
  };
  return {number(0), number(1), number(2), number(3), number(4), number(5)};
}

std::string document_text(ByteView stored, std::uint16_t charset_id) {
  if (ascii_prefix_bytes(as_text(stored)) < stored.size()) {
    const CharacterSet* set = find_character_set(charset_id);
    if (set == nullptr)
      throw Error(Errc::corrupt, fmt::format("it is of the unknown character set {}", charset_id));
    model::Value value = TextDecoder(*set).decode(stored);
    if (value.kind != model::ValueKind::text)
      throw Error(Errc::corrupt, fmt::format("it is no text of {}", set->name));
    return std::move(value.text);
  }
  return std::string(as_text(stored));
}

// Definitions that are not compressed, in what lies between units.
class Documents {
 public:
  explicit Documents(PumpFile& file) : file_(file) {}

  void add(ByteView block) {
    std::string_view rest = as_text(block);
    while (!rest.empty()) {
      if (!open_) {
        const std::size_t begin = rest.find(document_begin);
        if (begin == std::string_view::npos) return;
        rest.remove_prefix(begin);
        open_ = true;
      }
      // An end may lie across two blocks.
      const std::size_t from = text_.size() - std::min(text_.size(), document_end.size() - 1);
      const std::size_t before = text_.size();
      text_ += rest;
      const std::size_t end = text_.find(document_end, from);
      if (end == std::string::npos) {
        if (text_.size() > pump_document_bytes_max) close();
        return;
      }
      text_.resize(end + document_end.size());
      rest.remove_prefix(text_.size() - before);
      take();
      close();
    }
  }
  void close() {
    text_.clear();
    open_ = false;
  }
  [[nodiscard]] bool is_open() const noexcept { return open_; }

 private:
  void take() {
    ++file_.documents;
    try {
      auto table =
          parse_pump_table(document_text(as_bytes(text_), file_.header.charset_id), file_.name);
      if (!table || table->is_stream) return;
      columns_ += table->columns.size();
      if (columns_ > pump_objects_max) return;
      const model::TableName name = table->name;
      file_.tables.insert_or_assign(name, std::move(*table));
    } catch (const Error& error) {
      // Of a layout that was never met, nothing is called damage.
      if (error.code() == Errc::cancelled) throw;
    }
  }

  PumpFile& file_;
  std::string text_;
  bool open_ = false;
  std::size_t columns_ = 0;
};

class Pass {
 public:
  Pass(PumpInput& input, std::string name, PumpDepth depth, model::RowTap tap = {})
      : input_(input), depth_(depth), tap_(std::move(tap)), documents_(file_) {
    file_.name = std::move(name);
    file_.depth = depth;
  }

  PumpFile run() {
    const ByteView front = input_.ahead(pump_header_bytes);
    file_.header = parse_pump_header(front);
    block_bytes_ = file_.header.has_blocks() ? file_.header.block_bytes : usual_block_bytes;
    input_.drop(front.size());
    to_next_block();
    while (true) {
      const ByteView block = input_.ahead(block_bytes_);
      if (block.empty()) break;
      if (block.size() >= unit_head_bytes &&
          is_equal(block.first(unit_signature.size()), unit_signature))
        unit();
      else
        between(block);
    }
    file_.size_bytes = input_.offset();
    return std::move(file_);
  }

 private:
  void to_next_block() {
    static_cast<void>(input_.skip(rounded_up(input_.offset(), block_bytes_) - input_.offset()));
  }
  void between(ByteView block);
  void unit();
  void document(PumpUnit& unit, const UnitHead& head);
  void rows(PumpUnit& unit);
  [[nodiscard]] std::unique_ptr<model::RowSink> wanted(const PumpUnit& unit) const {
    return tap_ && !unit.is_master ? tap_({}, unit.table->name) : nullptr;
  }
  void decode(PumpUnit& unit);
  void give(PumpUnit& unit, model::RowSink& into);
  void master(PumpUnit& unit);
  [[nodiscard]] std::shared_ptr<const PumpTable> shared(PumpTable table);

  PumpInput& input_;
  const PumpDepth depth_;
  const model::RowTap tap_;
  PumpFile file_;
  Documents documents_;
  std::uint64_t block_bytes_ = usual_block_bytes;
  // Units of one table share what they say of it.
  std::map<model::TableName, std::shared_ptr<const PumpTable>> shared_;
  std::size_t columns_ = 0;
};

void Pass::between(ByteView block) {
  if (as_text(block).starts_with(compressed_signature)) {
    documents_.close();
    if (file_.compressed_blocks.size() < pump_objects_max)
      file_.compressed_blocks.insert(input_.offset() / block_bytes_ + 1);
  } else if (documents_.is_open() || as_text(block).find(document_begin) != std::string::npos) {
    documents_.add(block);
  } else if (std::any_of(block.begin(), block.end(),
                         [](std::byte b) { return b != std::byte{}; })) {
    ++file_.unknown_blocks;
  }
  input_.drop(block.size());
}

std::shared_ptr<const PumpTable> Pass::shared(PumpTable table) {
  std::shared_ptr<const PumpTable>& known = shared_[table.name];
  if (known != nullptr && known->columns == table.columns) return known;
  columns_ += table.columns.size();
  if (columns_ > pump_objects_max)
    throw Error(Errc::unsupported,
                fmt::format("{} has more than {} columns", file_.name, pump_objects_max));
  known = std::make_shared<const PumpTable>(std::move(table));
  return known;
}

void Pass::unit() {
  documents_.close();
  if (file_.units.size() == units_max)
    throw Error(Errc::unsupported, fmt::format("{} has more than {} units", file_.name, units_max));
  PumpUnit unit;
  const std::uint64_t begin = input_.offset();
  unit.block = begin / block_bytes_ + 1;
  const UnitHead head = parse_head(input_.ahead(unit_head_bytes));
  unit.damage = head.objection();
  if (!unit.damage.empty()) {
    static_cast<void>(input_.skip(block_bytes_));
    file_.units.push_back(std::move(unit));
    return;
  }
  unit.data_offset = begin + head.data_at;
  unit.data_bytes = head.data_bytes;
  unit.total_bytes = head.total_bytes;
  document(unit, head);
  if (unit.damage.empty()) rows(unit);
  if (input_.offset() < begin + head.total_bytes) {
    const std::uint64_t left = begin + head.total_bytes - input_.offset();
    if (input_.skip(left) < left && unit.damage.empty())
      unit.damage = fmt::format("the file ends within it, at byte {}", input_.offset());
  }
  to_next_block();
  file_.units.push_back(std::move(unit));
}

void Pass::document(PumpUnit& unit, const UnitHead& head) {
  static_cast<void>(input_.skip(head.document_at));
  std::string bytes;
  while (bytes.size() < head.document_bytes) {
    const ByteView more = input_.ahead(static_cast<std::size_t>(
        std::min<std::uint64_t>(head.document_bytes - bytes.size(), PumpInput::ahead_bytes_max)));
    if (more.empty()) break;
    bytes += as_text(more);
    input_.drop(more.size());
  }
  if (bytes.size() < head.document_bytes) {
    unit.damage = fmt::format("the file ends within it, at byte {}", input_.offset());
    return;
  }
  try {
    const std::uint16_t charset_id = static_cast<std::uint16_t>(
        static_cast<unsigned char>(bytes[0]) << 8U | static_cast<unsigned char>(bytes[1]));
    if (charset_id != file_.header.charset_id)
      throw Error(Errc::corrupt, fmt::format("it is of character set {} in a file of {}",
                                             charset_id, file_.header.charset_id));
    auto table =
        parse_pump_table(document_text(as_bytes(bytes).subspan(2), charset_id), "the document");
    if (!table || !table->is_stream) throw Error(Errc::corrupt, "it is of no table");
    unit.table = shared(std::move(*table));
    unit.is_master = is_pump_master(*unit.table);
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt) throw;
    unit.damage = fmt::format("its document cannot be read: {}", error.message());
  }
  static_cast<void>(input_.skip(unit.data_offset - input_.offset()));
}

void Pass::rows(PumpUnit& unit) {
  const bool is_the_master = file_.header.has_master && file_.header.master_block > 0 &&
                             unit.block == file_.header.master_block;
  if (depth_ == PumpDepth::outline && !is_the_master) return;
  try {
    if (is_the_master) {
      master(unit);
    } else if (depth_ == PumpDepth::decoded && !unit.is_master) {
      decode(unit);
    } else if (const auto sink = wanted(unit)) {
      give(unit, *sink);
    } else {
      PieceReader reader(input_, unit.data_bytes, *unit.table, {});
      while (reader.next()) ++unit.rows;
    }
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt) throw;
    unit.damage = error.message();
  }
}

void Pass::master(PumpUnit& unit) {
  PieceReader reader(input_, unit.data_bytes, *unit.table,
                     {.with_values = true, .row_bytes_max = pump_master_row_bytes_max});
  PumpMaster master = read_pump_master(reader, *unit.table);
  unit.rows = master.rows;
  file_.master = std::move(master);
}

// A row as values; nothing of what it says is trusted.
model::Row decoded_row(const PieceReader& reader, PumpDecoder& decoder, std::size_t columns) {
  if (reader.is_cut())
    throw Error(Errc::unsupported, fmt::format("byte {}: a row of more than {} bytes",
                                               reader.row_offset(), row_bytes_max));
  if (reader.is_ambiguous())
    throw Error(Errc::unsupported,
                fmt::format("byte {}: a row in pieces that lacks values before its LOBs",
                            reader.row_offset()));
  model::Row row;
  row.reserve(columns);
  for (std::size_t i = 0; i < columns; ++i) {
    const auto stored = reader.value(i);
    row.push_back(stored ? decoder.decode(i, *stored) : model::Value::null());
  }
  return row;
}

void Pass::decode(PumpUnit& unit) {
  unit.undecoded = why_unreadable(*unit.table);
  PumpDecoder decoder(*unit.table);
  model::RowHasher hasher;
  PieceReader reader(input_, unit.data_bytes, *unit.table,
                     {.with_values = unit.undecoded.empty(), .row_bytes_max = row_bytes_max});
  while (reader.next()) {
    ++unit.rows;
    if (!unit.undecoded.empty() || !unit.value_damage.empty()) continue;
    try {
      hasher.add(decoded_row(reader, decoder, unit.table->columns.size()));
    } catch (const Error& error) {
      if (error.code() == Errc::unsupported)
        unit.undecoded = error.message();
      else if (error.code() == Errc::corrupt)
        unit.value_damage =
            fmt::format("row {} at byte {}: {}", unit.rows, reader.row_offset(), error.message());
      else
        throw;
    }
  }
  unit.digest = hasher.digest();
}

void Pass::give(PumpUnit& unit, model::RowSink& into) {
  if (const std::string why = why_unreadable(*unit.table); !why.empty())
    throw Error(Errc::unsupported,
                fmt::format("rows of {} cannot be read: {}", unit.table->name.display(), why));
  std::vector<model::Column> columns;
  for (const PumpColumn& column : unit.table->columns)
    columns.push_back({column.name, pump_type_name(column)});
  into.columns(columns);
  PumpDecoder decoder(*unit.table);
  PieceReader reader(input_, unit.data_bytes, *unit.table,
                     {.with_values = true, .row_bytes_max = row_bytes_max});
  while (reader.next()) {
    ++unit.rows;
    into.row(decoded_row(reader, decoder, columns.size()));
  }
}

}  // namespace

PumpFile read_pump_file(ByteSource& source, std::string name, PumpDepth depth,
                        const std::stop_token& stop, const model::RowTap& tap) {
  PumpInput input(source, stop);
  return Pass(input, std::move(name), depth, tap).run();
}

PumpFile read_pump_file(PumpFileSource& source, std::string name, PumpDepth depth,
                        const std::stop_token& stop) {
  PumpInput input(source, stop);
  return Pass(input, std::move(name), depth).run();
}

void read_pump_rows(PumpInput& input, const PumpUnit& unit,
                    const std::function<void(const model::Row&)>& take) {
  check_rule(unit.table != nullptr, "rows are read of a table that is known");
  PumpDecoder decoder(*unit.table);
  static_cast<void>(input.skip(unit.data_offset - input.offset()));
  PieceReader reader(input, unit.data_bytes, *unit.table,
                     {.with_values = true, .row_bytes_max = row_bytes_max});
  while (reader.next()) take(decoded_row(reader, decoder, unit.table->columns.size()));
}

}  // namespace holdfast::engine::oracle
