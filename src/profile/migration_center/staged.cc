// SPDX-License-Identifier: Apache-2.0
#include "profile/migration_center/staged.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "base/ascii.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/path.h"
#include "profile/migration_center/finding.h"
#include "profile/migration_center/text.h"

namespace holdfast::profile::migration_center {
namespace {

using model::Severity;

// "FMEMC.SOURCE_OBJECTS" or "SOURCE_OBJECTS", in any case.
bool names_table(std::string_view named, const model::TableName& table) {
  return equal_but_for_case(named, table.table) || equal_but_for_case(named, table.display());
}

std::uint64_t hash_of(std::string_view path) {
  const Sha256Digest digest = sha256(as_bytes(path));
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < 8; ++i)
    hash = hash << 8U | std::to_integer<std::uint64_t>(std::as_bytes(std::span(digest))[i]);
  return hash;
}

class StagedCheck final : public model::CopyCheck {
 public:
  StagedCheck(std::vector<model::StagedColumn> columns, std::vector<std::string> places,
              std::size_t references_max)
      : columns_(std::move(columns)), places_(std::move(places)), max_(references_max) {}

  [[nodiscard]] std::unique_ptr<model::RowSink> rows(std::string_view component,
                                                     const model::TableName& table) override {
    std::vector<const model::StagedColumn*> wanted;
    for (const model::StagedColumn& one : columns_)
      if (names_table(one.table, table)) wanted.push_back(&one);
    if (wanted.empty()) return nullptr;
    const std::lock_guard lock(mutex_);
    for (const model::StagedColumn* one : wanted) seen_.insert(one);
    component_ = component;
    return std::make_unique<Sink>(*this, table, std::move(wanted));
  }

  [[nodiscard]] std::unique_ptr<ByteSink> passing(const std::string& /*path*/) override {
    return nullptr;
  }

  [[nodiscard]] bool has_file(const std::string& path, std::uint64_t /*size_bytes*/) override {
    if (!is_of_ours(path)) return false;
    const std::uint64_t hash = hash_of(path);
    const std::lock_guard lock(mutex_);
    if (hash <= highest_) {
      files_.insert(hash);
      shrink();
    }
    return false;
  }
  void stored(const std::string& /*path*/, ByteView /*content*/) override {}

  [[nodiscard]] std::vector<model::Finding> findings() override {
    std::vector<model::Finding> found;
    const std::lock_guard lock(mutex_);
    for (const model::StagedColumn& one : columns_) {
      const auto lack = lacks_.find(&one);
      if (seen_.contains(&one) && lack == lacks_.end()) continue;
      found.push_back(
          finding_of("migration-center-staged-unobservable", Severity::blocker, component_,
                     fmt::format("{}.{}: {}", one.table, one.column,
                                 lack == lacks_.end() ? "no such table was seen" : lack->second),
                     "whether the files that rows name are in the copy cannot be told",
                     "Correct `table` and `column` of [[migration_center.staged]]."));
    }
    std::vector<std::string> missing;
    for (const auto& [hash, path] : references_)
      if (hash <= highest_ && !files_.contains(hash)) missing.push_back(path);
    if (missing.empty()) return found;
    found.push_back(finding_of(
        "migration-center-staged-file-missing", Severity::blocker, component_,
        fmt::format("{} of {} that rows name and that were looked for are not in the copy: {}",
                    missing.size(), references_.size(), joined(missing)),
        "an import from this copy would fail at these documents",
        "Scan them again, restore the staging area, or add where they lie to `staging`."));
    return found;
  }

 private:
  class Sink final : public model::RowSink {
   public:
    Sink(StagedCheck& check, model::TableName table, std::vector<const model::StagedColumn*> wanted)
        : check_(check), table_(std::move(table)), wanted_(std::move(wanted)) {}
    void columns(const std::vector<model::Column>& columns) override {
      for (const model::StagedColumn* one : wanted_) {
        const std::size_t before = at_.size();
        for (std::size_t i = 0; i < columns.size(); ++i)
          if (equal_but_for_case(columns[i].name, one->column)) at_.emplace_back(i, one);
        if (at_.size() == before) check_.lacks(*one, "the table has no such column");
      }
    }
    void row(const model::Row& row) override {
      for (const auto& [column, one] : at_) {
        const model::Value& value = row.at(column);
        if (value.kind == model::ValueKind::null) continue;
        if (value.kind != model::ValueKind::text) {
          check_.lacks(*one, "the column has values that are no text");
        } else if (!value.text.empty()) {
          const bool is_whole = value.text.starts_with('/') || one->root.empty();
          check_.refer(clean_path(is_whole ? value.text : one->root + "/" + value.text));
        }
      }
    }

   private:
    StagedCheck& check_;
    model::TableName table_;
    std::vector<const model::StagedColumn*> wanted_;
    std::vector<std::pair<std::size_t, const model::StagedColumn*>> at_;
  };

  [[nodiscard]] bool is_of_ours(std::string_view path) const {
    return std::any_of(places_.begin(), places_.end(), [&](const std::string& place) {
      return path.starts_with(place) && (path.size() == place.size() || path[place.size()] == '/');
    });
  }

  void lacks(const model::StagedColumn& column, const char* why) {
    const std::lock_guard lock(mutex_);
    lacks_.emplace(&column, why);
  }

  void refer(std::string path) {
    const std::uint64_t hash = hash_of(path);
    const std::lock_guard lock(mutex_);
    if (hash > highest_) return;
    references_.emplace(hash, std::move(path));
    shrink();
  }

  // Half of what may be chosen goes, on both sides.
  void shrink() {
    while (references_.size() > max_ || files_.size() > max_) {
      highest_ /= 2;
      references_.erase(references_.upper_bound(highest_), references_.end());
      files_.erase(files_.upper_bound(highest_), files_.end());
    }
  }

  const std::vector<model::StagedColumn> columns_;
  const std::vector<std::string> places_;
  const std::size_t max_;
  std::mutex mutex_;  // guards what follows
  std::uint64_t highest_ = std::numeric_limits<std::uint64_t>::max();
  std::map<std::uint64_t, std::string> references_;
  std::set<std::uint64_t> files_;
  std::set<const model::StagedColumn*> seen_;
  std::map<const model::StagedColumn*, std::string> lacks_;
  std::string component_;
};

}  // namespace

std::unique_ptr<model::CopyCheck> make_staged_check(std::vector<model::StagedColumn> columns,
                                                    std::vector<std::string> places,
                                                    std::size_t references_max) {
  return std::make_unique<StagedCheck>(std::move(columns), std::move(places), references_max);
}

}  // namespace holdfast::profile::migration_center
