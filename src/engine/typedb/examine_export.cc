// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/examine_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"
#include "engine/finding.h"
#include "engine/typedb/export_file.h"
#include "engine/typedb/identities.h"
#include "engine/typedb/label_tally.h"
#include "engine/typedb/stored_file.h"
#include "engine/typedb/wire.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;
using model::Severity;

constexpr std::string_view replacement_character = "\xEF\xBF\xBD";
constexpr std::size_t places_max = 5;  // examples of one kind of damage
constexpr std::size_t id_shown_bytes = 64;

std::string quoted(std::string_view id) {
  if (id.size() <= id_shown_bytes) return fmt::format("\"{}\"", id);
  std::size_t end = id_shown_bytes;
  while ((static_cast<unsigned char>(id[end]) & 0xc0U) == 0x80) --end;
  return fmt::format("\"{}…\"", id.substr(0, end));
}

bool is_lossy(std::string_view id) noexcept {
  return ascii_prefix_bytes(id) < id.size() &&
         id.find(replacement_character) != std::string_view::npos;
}

// So many times, and where first.
struct Places {
  std::uint64_t count = 0;
  std::vector<std::string> first;

  template <typename Describe>
  void add(Describe&& describe) {
    if (++count <= places_max) first.push_back(describe());
  }
  [[nodiscard]] std::string text() const {
    std::string all;
    for (const std::string& place : first) all += (all.empty() ? "" : "; ") + place;
    if (count > first.size()) all += fmt::format("; and {} more", count - first.size());
    return all;
  }
};

// Identities, if they are wanted, as long as there is room for them.
class Identities {
 public:
  void begin(const ExportOptions& options) {
    check_.emplace(options.scratch_directory, options.memory_bytes, options.left_free_bytes);
  }
  void add(std::string_view id, IdUse use) {
    if (!check_) return;
    try {
      check_->add(id, use);
    } catch (const Error& error) {
      give_up(error);
    }
  }
  [[nodiscard]] std::optional<IdentityCheck::Result> finish(const std::stop_token& stop) {
    if (!check_) return std::nullopt;
    try {
      return check_->finish(stop);
    } catch (const Error& error) {
      give_up(error);
      return std::nullopt;
    }
  }
  // Why there is no result though one was wanted; empty: there is, or none was.
  [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

 private:
  void give_up(const Error& error) {
    if (error.code() == Errc::cancelled) throw error;
    failure_ = error.message();
    check_.reset();
  }
  std::optional<IdentityCheck> check_;
  std::string failure_;
};

// Counts what a thing refers to.
class Counter final : public ReferenceSink {
 public:
  Counter(ThingCounts& counts, LabelTally& labels, Identities& identities)
      : counts_(counts), labels_(labels), identities_(identities) {}
  void owned(std::string_view attribute_id) override {
    ++counts_.ownerships;
    identities_.add(attribute_id, IdUse::owned);
  }
  void role(std::string_view label) override {
    players_of_role_ = &labels_.count(ItemKind::unknown, label);
  }
  void player(std::string_view id) override {
    ++counts_.players;
    ++*players_of_role_;
    identities_.add(id, IdUse::player);
  }

 private:
  ThingCounts& counts_;
  LabelTally& labels_;
  Identities& identities_;
  std::uint64_t* players_of_role_ = nullptr;
};

// Looks for ids by their fingerprint and says where they stand.
class Finder final : public ReferenceSink {
 public:
  void want(const std::vector<Fingerprint>& prints) {
    for (const Fingerprint& print : prints) places_[print];
  }
  void begin(std::uint64_t offset) { offset_ = offset; }
  void owned(std::string_view id) override {
    look(id, [] { return "owned by the thing"; });
  }
  void role(std::string_view /*label*/) override {}
  void player(std::string_view id) override {
    look(id, [] { return "player of the relation"; });
  }
  void thing(const Item& item) {
    look(item.id, [&] { return fmt::format("{} {}", item_kind_name(item.kind), item.label); });
  }
  // Where those of `prints` stand.
  [[nodiscard]] std::string text(const std::vector<Fingerprint>& prints) const {
    std::string all;
    for (const Fingerprint& print : prints) {
      const Found& found = places_.at(print);
      all += fmt::format("{}{}: {}", all.empty() ? "" : "; ", found.id, found.places.text());
    }
    return all;
  }

 private:
  struct Found {
    std::string id;
    Places places;
  };
  template <typename Describe>
  void look(std::string_view id, const Describe& what) {
    const auto found = places_.find(fingerprint_of(id));
    if (found == places_.end()) return;
    found->second.id = quoted(id);
    found->second.places.add([&] { return fmt::format("{} at byte {}", what(), offset_); });
  }
  std::map<Fingerprint, Found> places_;
  std::uint64_t offset_ = 0;
};

class Examination {
 public:
  Examination(const fs::path& file, const ExportOptions& options, const std::stop_token& stop)
      : file_(file), options_(options), stop_(stop) {}

  ExportReport run() {
    if (options_.identities) identities_.begin(options_);
    read_items();
    report_.labels = labels_.counts();
    judge_order();
    if (!broken_off_) judge_checksums();
    judge_identities();
    if (options_.schema != nullptr) judge_labels();
    return std::move(report_);
  }

 private:
  void add(std::string code, Severity severity, std::string seen, std::string why,
           std::string mend) {
    report_.findings.push_back(
        finding(std::move(code), severity, std::move(seen), std::move(why), std::move(mend)));
  }
  [[nodiscard]] std::string name() const { return file_.filename().native(); }

  void read_items();
  void read_item(const ExportReader::Piece& piece, Counter& counter);
  void take_thing(const Item& item, std::uint64_t offset);
  void take_checksums(const Item& item, std::uint64_t offset);
  void judge_order();
  void judge_checksums();
  void judge_identities();
  void judge_labels();
  void find(Finder& finder) const;

  const fs::path& file_;
  const ExportOptions& options_;
  const std::stop_token& stop_;
  ExportReport report_;
  LabelTally labels_;
  Identities identities_;
  bool broken_off_ = false;         // the rest of the file was not read
  std::uint64_t checksums_at_ = 0;  // of the last checksums item
  std::uint64_t things_behind_ = 0;
  Places malformed_, unknown_, lossy_, headers_, more_checksums_;
};

void Examination::read_items() {
  StoredFile source(file_, stop_, Links::followed);
  ExportReader reader(source, name());
  Counter counter(report_.counted, labels_, identities_);
  try {
    while (const auto piece = reader.next()) {
      ++report_.items;
      read_item(*piece, counter);
    }
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt) throw;
    broken_off_ = true;
    const bool cut = reader.truncation().has_value();
    add(cut ? "typedb-export-truncated" : "typedb-export-malformed", Severity::blocker,
        error.message(),
        cut ? "an export that was broken off looks like a whole one up to there"
            : "what follows cannot be read",
        "Export again, or find a whole copy.");
  }
  report_.size_bytes = reader.truncation() ? reader.truncation()->end_offset : reader.offset();
}

void Examination::read_item(const ExportReader::Piece& piece, Counter& counter) {
  Item item;
  try {
    item = parse_item(piece.message, counter);
    if (!item.label.empty()) ++labels_.count(item.kind, item.label);
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt) throw;
    malformed_.add([&] { return fmt::format("at byte {}: {}", piece.offset, error.message()); });
    return;
  }
  switch (item.kind) {
    case ItemKind::header:
      if (report_.items == 1) {
        report_.version = item.version;
        report_.database = item.database;
      } else {
        headers_.add([&] { return fmt::format("at byte {}", piece.offset); });
      }
      return;
    case ItemKind::checksums:
      take_checksums(item, piece.offset);
      return;
    case ItemKind::unknown:
      unknown_.add([&] { return fmt::format("at byte {}", piece.offset); });
      return;
    default:
      take_thing(item, piece.offset);
  }
}

void Examination::take_thing(const Item& item, std::uint64_t offset) {
  if (report_.checksums) ++things_behind_;
  IdUse use = IdUse::entity;
  if (item.kind == ItemKind::entity) {
    ++report_.counted.entities;
  } else if (item.kind == ItemKind::relation) {
    ++report_.counted.relations;
    use = IdUse::relation;
  } else {
    ++report_.counted.attributes;
    use = IdUse::attribute;
  }
  identities_.add(item.id, use);
  if (item.value.type == ValueType::unknown)
    unknown_.add([&] { return fmt::format("the value of {} at byte {}", item.label, offset); });
  if (is_lossy(item.id))
    lossy_.add([&] {
      return fmt::format("{} {} at byte {}", item_kind_name(item.kind), item.label, offset);
    });
}

void Examination::take_checksums(const Item& item, std::uint64_t offset) {
  if (report_.checksums) more_checksums_.add([&] { return fmt::format("at byte {}", offset); });
  report_.checksums = item.counts;
  checksums_at_ = offset;
  things_behind_ = 0;
}

void Examination::judge_order() {
  if (malformed_.count > 0)
    add("typedb-export-malformed", Severity::blocker,
        fmt::format("{} items of {} cannot be read: {}", malformed_.count, name(),
                    malformed_.text()),
        "an import stops there, or leaves them out", "Export again, or find a whole copy.");
  if (unknown_.count > 0)
    add("typedb-export-item-unknown", Severity::blocker,
        fmt::format("{} items of {} are of no known kind: {}", unknown_.count, name(),
                    unknown_.text()),
        "they are damage, or a newer release wrote them, and others lose or refuse them",
        "Export again, or import it with the release that wrote it.");
  if (report_.version.empty())
    add("typedb-export-header-missing", Severity::blocker,
        fmt::format("{} does not begin with a header that names a release", name()),
        "an import refuses it, and its beginning may be lost", "Export again.");
  if (headers_.count > 0 || more_checksums_.count > 0)
    add("typedb-export-concatenated", Severity::blocker,
        fmt::format("{} has more than one header or checksums item: {}", name(),
                    headers_.count > 0 ? headers_.text() : more_checksums_.text()),
        "several exports were put into one file, and an import takes them for one",
        "Import each export by itself.");
  if (lossy_.count > 0)
    add("typedb-export-ids-lossy", Severity::blocker,
        fmt::format("{} ids of {} have lost bytes: {}", lossy_.count, name(), lossy_.text()),
        "exports of TypeDB 2.0.0 to 2.2.0 write different things under the same id, and counts do "
        "not show it",
        "Open the same directory with TypeDB 2.3.0 to 2.5.0 and export it there.");
}

void Examination::judge_checksums() {
  const std::string mend = "Export again: an export that was ended early lacks its checksums.";
  if (!report_.checksums) {
    add("typedb-export-checksums-missing", Severity::blocker,
        fmt::format("{} ends at byte {} without its checksums", name(), report_.size_bytes),
        "the export was not written to its end", mend);
    return;
  }
  if (things_behind_ > 0)
    add("typedb-export-checksums-early", Severity::warning,
        fmt::format("{} has {} things behind its checksums at byte {}", name(), things_behind_,
                    checksums_at_),
        "every release writes them last", "");
  const ThingCounts& told = *report_.checksums;
  const ThingCounts& found = report_.counted;
  std::string differences;
  const auto compare = [&](std::string_view what, std::int64_t said, std::int64_t counted) {
    if (said == counted) return;
    differences +=
        fmt::format("{}{} {} instead of {}", differences.empty() ? "" : ", ", counted, what, said);
  };
  compare("entities", told.entities, found.entities);
  compare("attributes", told.attributes, found.attributes);
  compare("relations", told.relations, found.relations);
  compare("role players", told.players, found.players);
  compare("ownerships", told.ownerships, found.ownerships);
  if (!differences.empty())
    add("typedb-export-checksums-wrong", Severity::blocker,
        fmt::format("{} has {} (its checksums are at byte {})", name(), differences, checksums_at_),
        "something was lost or added since it was written, and an import refuses it", mend);
}

// Reads the file again, for the places of what was found wrong.
void Examination::find(Finder& finder) const {
  StoredFile source(file_, stop_, Links::followed);
  ExportReader reader(source, name());
  try {
    while (const auto piece = reader.next()) {
      finder.begin(piece->offset);
      try {
        const Item item = parse_item(piece->message, finder);
        if (!item.id.empty()) finder.thing(item);
      } catch (const Error& error) {
        if (error.code() != Errc::corrupt) throw;
      }
    }
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt) throw;
  }
}

void Examination::judge_identities() {
  const std::optional<IdentityCheck::Result> finished = identities_.finish(stop_);
  if (!identities_.failure().empty())
    add("typedb-export-identities-unobservable", Severity::blocker,
        fmt::format("the ids of {} could not be compared: {}", name(), identities_.failure()),
        "counts match even where different things have the same id, or references lead nowhere",
        "Let TMPDIR name a directory with 16 bytes for each thing and reference.");
  if (!finished) return;
  const IdentityCheck::Result& result = *finished;
  report_.identities_checked = true;
  // What the rest of a file would have held is no damage of its own.
  const std::uint64_t unresolved = broken_off_ ? 0 : result.owned_unknown + result.players_unknown;
  Finder finder;
  finder.want(result.surplus_examples);
  finder.want(result.unknown_examples);
  if (result.surplus + unresolved > 0) find(finder);
  if (result.surplus > 0)
    add("typedb-export-ids-repeated", Severity::blocker,
        fmt::format("{} of {} things of {} have an id that another has: {}", result.surplus,
                    result.things, name(), finder.text(result.surplus_examples)),
        "an import takes them for one thing, and counts do not show it",
        lossy_.count > 0 ? "Open the same directory with TypeDB 2.3.0 to 2.5.0 and export it there."
                         : "Export again.");
  if (unresolved > 0)
    add("typedb-export-unresolved", Severity::blocker,
        fmt::format("{} owned attributes and {} role players of {} are not in the file: {}",
                    result.owned_unknown, result.players_unknown, name(),
                    finder.text(result.unknown_examples)),
        "an import refuses the file, or leaves them out", "Export again.");
}

void Examination::judge_labels() {
  Places missing;
  for (const LabelCount& one : report_.labels) {
    const auto told = [&](std::string_view why) {
      missing.add([&] {
        const std::string_view kind =
            one.kind == ItemKind::unknown ? "role" : item_kind_name(one.kind);
        return fmt::format("{} {} ({} times){}", kind, one.label, one.count, why);
      });
    };
    if (one.kind == ItemKind::unknown) {
      if (!options_.schema->roles.contains(one.label)) told("");
      continue;
    }
    const auto defined = options_.schema->types.find(one.label);
    if (defined == options_.schema->types.end()) {
      told("");
    } else if (defined->second != one.kind && defined->second != ItemKind::unknown) {
      told(fmt::format(", which is defined as {}", item_kind_name(defined->second)));
    }
  }
  if (missing.count > 0)
    add("typedb-export-label-undefined", Severity::blocker,
        fmt::format("the schema does not define {}", missing.text()),
        "data can only be imported once its types are defined",
        "Find the schema that belongs to the export.");
}

}  // namespace

ExportReport examine_export(const fs::path& file, const ExportOptions& options,
                            const std::stop_token& stop) {
  return Examination(file, options, stop).run();
}

bool begins_as_export(ByteView front) {
  const Varint length = read_varint(front.first(std::min(front.size(), varint_bytes_max)));
  if (length.size_bytes == 0 || length.value > front.size() - length.size_bytes) return false;
  class Nothing final : public ReferenceSink {
   public:
    void owned(std::string_view /*attribute_id*/) override {}
    void role(std::string_view /*label*/) override {}
    void player(std::string_view /*id*/) override {}
  } nothing;
  try {
    const Item item = parse_item(
        front.subspan(length.size_bytes, static_cast<std::size_t>(length.value)), nothing);
    return item.kind == ItemKind::header && !item.version.empty() && item.version[0] >= '0' &&
           item.version[0] <= '9';
  } catch (const Error&) {
    return false;
  }
}

}  // namespace holdfast::engine::typedb
