// SPDX-License-Identifier: Apache-2.0
#include "engine/sqlserver/dac/dac_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "base/xml.h"
#include "engine/sqlserver/bcp/bcp_reader.h"
#include "engine/sqlserver/dac/dac_findings.h"
#include "engine/sqlserver/dac/dac_rows.h"

namespace holdfast::engine::sqlserver {
namespace {

constexpr std::size_t small_part_bytes_max = std::size_t{8} << 20U;
constexpr std::string_view rows_folder = "Data/";

// Bytes for %XX; what is no such sequence stays as it is.
std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::byte byte{};
    if (text[i] == '%' && i + 2 < text.size() && read_hex(text.substr(i + 1, 2), {&byte, 1})) {
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

// Gives on what it reads, and makes the digest of it.
class HashedSource final : public ByteSource {
 public:
  explicit HashedSource(ByteSource& source) : source_(source) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    const std::size_t count = source_.read(into);
    hash_.update(into.first(count));
    return count;
  }
  [[nodiscard]] std::string finish() { return to_hex(hash_.finish()); }

 private:
  ByteSource& source_;
  Sha256 hash_;
};

// 0 and 12 of ".../TableData-000-00012.BCP".
std::optional<std::pair<unsigned, unsigned>> part_number(std::string_view name) {
  constexpr std::string_view before = "TableData-", behind = ".BCP";
  name = name.substr(name.rfind('/') + 1);
  if (!name.starts_with(before) || !name.ends_with(behind)) return std::nullopt;
  name = name.substr(before.size(), name.size() - before.size() - behind.size());
  std::pair<unsigned, unsigned> number;
  const char* const end = name.data() + name.size();
  const auto first = std::from_chars(name.data(), end, number.first);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '-') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, number.second);
  if (second.ec != std::errc() || second.ptr != end) return std::nullopt;
  return number;
}

class PackageReader {
 public:
  PackageReader(model::RandomSource& file, const std::stop_token& stop)
      : file_(file), stop_(stop), report_(std::make_unique<DacReport>()) {}

  std::unique_ptr<DacReport> read(DacDepth depth) {
    auto index = read_zip_index(file_, stop_);
    if (!index || !is_package(*index)) return nullptr;
    report_->index = std::move(*index);
    report_->is_deep = depth != DacDepth::outline;
    judge_archive(*report_);
    read_small(dac_origin_part, true,
               [this](std::string_view text) { report_->origin = parse_dac_origin(text); });
    read_small(dac_metadata_part, false,
               [this](std::string_view text) { report_->metadata = parse_dac_metadata(text); });
    read_model();
    report_->is_bacpac = has_rows() || (report_->origin && report_->origin->has_data);
    if (report_->model) {
      place_parts();
      check_relations();
    }
    judge_package(*report_);
    if (report_->is_deep)
      read_dac_rows(file_, depth == DacDepth::digested, *report_, stop_);
    else
      judge_rows_unread();
    judge_rows(*report_);
    return std::move(report_);
  }

 private:
  static bool is_of_package(std::string_view part) {
    return part == dac_model_part || part == dac_origin_part || part == dac_metadata_part ||
           (part.starts_with(rows_folder) && part_number(part));
  }
  static bool is_package(const ZipIndex& index) {
    return std::ranges::any_of(index.parts, is_of_package, &ZipPart::name) ||
           std::ranges::any_of(index.followed, is_of_package);
  }
  [[nodiscard]] bool has_rows() const {
    return std::ranges::any_of(report_->index.parts, [](const ZipPart& part) {
      return part.name.starts_with(rows_folder);
    });
  }

  // nullptr: it is missing, which is said where it matters. One whose head is wrong was told of.
  const ZipPart* part(std::string_view name, bool is_needed) {
    const ZipPart* const found = report_->index.find(name);
    const bool is_there =
        std::ranges::find(report_->index.parts, name, &ZipPart::name) != report_->index.parts.end();
    if (found == nullptr && !is_there && is_needed) judge_missing(name, *report_);
    return found;
  }

  // Runs `read` on the part's content. What is wrong with the part itself is said before what the
  // content is.
  void guarded(const ZipPart& part, const std::function<void(ByteSource&)>& read) {
    try {
      const auto source = open_zip_part(file_, part, stop_);
      try {
        read(*source);
      } catch (const Error& error) {
        if (error.code() != Errc::corrupt && error.code() != Errc::unsupported) throw;
        drain(*source);  // throws if it is the part that is damaged
        judge_document(part.name, error, *report_);
        return;
      }
      drain(*source);
      ++report_->tally.parts;
    } catch (const Error& error) {
      if (error.code() != Errc::corrupt && error.code() != Errc::unsupported) throw;
      judge_part(error, *report_);
    }
  }
  static void drain(ByteSource& source) {
    Bytes piece(std::size_t{64} << 10U);
    while (source.read(piece) > 0) {
    }
  }

  void read_small(std::string_view name, bool is_needed,
                  const std::function<void(std::string_view)>& parse) {
    const ZipPart* const found = part(name, is_needed);
    if (found == nullptr) return;
    guarded(*found, [&](ByteSource& source) {
      const Bytes content = read_all(source, small_part_bytes_max);
      parse(as_text(content));
    });
  }

  void read_model() {
    const ZipPart* const found = part(dac_model_part, true);
    if (found == nullptr) return;
    guarded(*found, [this](ByteSource& source) {
      HashedSource hashed(source);
      DacModel model = read_dac_model(hashed);
      drain(hashed);
      report_->model_sha256 = hashed.finish();
      report_->model = std::move(model);
    });
  }

  // Parts of rows to their tables.
  void place_parts() {
    const std::vector<SqlTable>& tables = report_->model->tables;
    report_->tables.resize(tables.size());
    std::map<std::string, std::size_t> places;
    for (std::size_t i = 0; i < tables.size(); ++i) {
      const auto [place, is_new] = places.emplace(tables[i].name.display(), i);
      if (!is_new) place->second = tables.size();  // of several: of none that is known
    }
    std::vector<std::string> lost;
    for (const ZipPart& one : report_->index.parts) {
      if (!one.name.starts_with(rows_folder) || one.name.ends_with('/')) continue;
      const std::size_t slash = one.name.rfind('/');
      const std::string folder = slash < rows_folder.size()
                                     ? ""
                                     : percent_decoded(std::string_view(one.name).substr(
                                           rows_folder.size(), slash - rows_folder.size()));
      const auto place = places.find(folder);
      if (place == places.end() || place->second == tables.size() || !part_number(one.name))
        lost.push_back(one.name);
      else
        report_->tables[place->second].parts.push_back(&one);
    }
    for (DacRows& rows : report_->tables)
      std::ranges::stable_sort(rows.parts, {},
                               [](const ZipPart* one) { return part_number(one->name); });
    judge_lost(lost, *report_);
  }

  // What a look at rows would meet before their first byte.
  void judge_rows_unread() {
    for (const ZipPart& one : report_->index.parts) {
      const bool is_unread = one.is_sound && one.name.starts_with(rows_folder);
      if (const std::string why = is_unread ? one.obstacle() : ""; !why.empty())
        return judge_part(Error(Errc::unsupported, fmt::format("part {}: {}", one.name, why)),
                          *report_);
    }
  }

  // The list of relations names every part with rows.
  void check_relations() {
    const ZipPart* const found = part(dac_relations_part, false);
    if (found == nullptr) return;
    std::set<std::string> there, missing;
    for (const ZipPart& one : report_->index.parts)
      if (one.name.starts_with(rows_folder)) there.insert(percent_decoded(one.name));
    guarded(*found, [&](ByteSource& source) {
      read_xml(source, dac_relations_part, 1, [&](auto /*around*/, const XmlElement& element) {
        std::string target = percent_decoded(element.attribute_or("Target", ""));
        if (target.starts_with('/')) target.erase(0, 1);
        constexpr std::size_t missing_max = 1000;
        if (target.starts_with(rows_folder) && !there.contains(target) &&
            missing.size() < missing_max)
          missing.insert(std::move(target));
      });
    });
    for (const std::string& name : missing) judge_missing(name, *report_);
  }

  model::RandomSource& file_;
  const std::stop_token& stop_;
  std::unique_ptr<DacReport> report_;
};

}  // namespace

const SqlTable* DacReport::find(const model::TableName& name) const noexcept {
  if (!model) return nullptr;
  const auto found = std::ranges::find_if(model->tables, [&](const SqlTable& one) {
    return one.name.table == name.table && (name.schema.empty() || one.name.schema == name.schema);
  });
  return found == model->tables.end() ? nullptr : &*found;
}

const DacRows& DacReport::rows_of(const SqlTable& table) const {
  return tables.at(static_cast<std::size_t>(&table - model->tables.data()));
}

std::unique_ptr<DacReport> read_dac(model::RandomSource& file, DacDepth depth,
                                    const std::stop_token& stop) {
  return PackageReader(file, stop).read(depth);
}

void give_dac_rows(model::RandomSource& file, const DacReport& report, const SqlTable& table,
                   model::RowSink& into, const std::stop_token& stop) {
  if (const std::string why = table.obstacle(); !why.empty())
    throw Error(Errc::unsupported,
                fmt::format("rows of {} cannot be read: {}", table.name.display(), why));
  std::vector<model::Column> columns;
  for (const SqlColumn& column : table.columns) columns.push_back({column.name, column.declared()});
  into.columns(columns);
  for (const ZipPart* const part : report.rows_of(table).parts) {
    if (!part->is_sound)
      throw Error(Errc::corrupt, fmt::format("part {} cannot be read", part->name))
          .set_hint("`holdfast inspect` says what is wrong with the file.");
    in_context("reading part " + part->name, [&] {
      const auto source = open_zip_part(file, *part, stop);
      BcpReader reader(*source, table, stop);
      for (model::Row row; reader.next(row);) {
        if (reader.is_large())
          throw Error(Errc::unsupported,
                      fmt::format("row {} of {} has more than {} bytes", reader.rows(),
                                  table.name.display(), bcp_row_bytes_max));
        into.row(row);
      }
    });
  }
}

}  // namespace holdfast::engine::sqlserver
