// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/export_check.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "engine/typedb/wire.h"

namespace holdfast::engine::typedb {
namespace {

constexpr std::string_view replacement_character = "\xEF\xBF\xBD";

std::string counts_text(const ThingCounts& counts) {
  return fmt::format("{} entities, {} attributes, {} relations, {} players, {} ownerships",
                     counts.entities, counts.attributes, counts.relations, counts.players,
                     counts.ownerships);
}

std::string_view kind_name(ItemKind kind) noexcept {
  return kind == ItemKind::unknown ? "role" : item_kind_name(kind);
}

}  // namespace

// Counts what a thing refers to.
class ExportCheck::References final : public ReferenceSink {
 public:
  explicit References(ExportCheck& check) : check_(check) {}
  void owned(std::string_view attribute_id) override {
    ++check_.facts_.counted.ownerships;
    check_.identities_.add(attribute_id, IdUse::owned);
  }
  void role(std::string_view label) override {
    check_.look_up(ItemKind::unknown, label);
    players_of_role_ = &check_.tally_.count(ItemKind::unknown, label);
  }
  void player(std::string_view id) override {
    ++check_.facts_.counted.players;
    ++*players_of_role_;
    check_.identities_.add(id, IdUse::player);
  }

 private:
  ExportCheck& check_;
  std::uint64_t* players_of_role_ = nullptr;
};

ExportCheck::ExportCheck(std::string name, std::filesystem::path scratch_directory,
                         const TypeNames* schema)
    : name_(std::move(name)), schema_(schema), identities_(std::move(scratch_directory)) {}

void ExportCheck::add(ByteView message) {
  if (checksums_) {
    throw Error(Errc::corrupt, fmt::format("{} goes on behind its checksums", name_));
  }
  References references(*this);
  const Item item = parse_item(message, references);
  const bool is_first = facts_.items++ == 0;
  if (is_first != (item.kind == ItemKind::header)) {
    throw Error(Errc::corrupt, is_first ? fmt::format("{} does not begin with a header", name_)
                                        : fmt::format("{} has a second header", name_));
  }
  if (item.kind == ItemKind::header) {
    facts_.version = item.version;
    facts_.database = item.database;
  } else if (item.kind == ItemKind::checksums) {
    checksums_ = item.counts;
  } else if (item.kind == ItemKind::unknown) {
    throw Error(Errc::corrupt, fmt::format("{} has an item of no known kind", name_));
  } else {
    add_thing(item);
  }
}

void ExportCheck::add_thing(const Item& item) {
  ++things_;
  look_up(item.kind, item.label);
  ++tally_.count(item.kind, item.label);
  if (item.id.find(replacement_character) != std::string_view::npos) {
    throw Error(Errc::not_consistent,
                fmt::format("{}: the id of a thing of type {} has lost bytes", name_, item.label))
        .set_hint(
            "Exports of TypeDB 2.0.0 to 2.2.0 write different things under the same id: "
            "open the same directory with 2.3.0 to 2.5.0 and export it there.");
  }
  IdUse use = IdUse::attribute;
  if (item.kind == ItemKind::entity) {
    ++facts_.counted.entities;
    use = IdUse::entity;
  } else if (item.kind == ItemKind::relation) {
    ++facts_.counted.relations;
    use = IdUse::relation;
  } else {
    ++facts_.counted.attributes;
  }
  identities_.add(item.id, use);
}

void ExportCheck::look_up(ItemKind kind, std::string_view label) const {
  if (schema_ == nullptr) return;
  const bool known =
      kind == ItemKind::unknown ? schema_->roles.contains(label) : schema_->types.contains(label);
  if (known) return;
  throw Error(Errc::not_consistent, fmt::format("{} has things of {} {}, which the schema has not",
                                                name_, kind_name(kind), label));
}

ExportFacts ExportCheck::finish(const std::stop_token& stop) {
  if (!checksums_) {
    throw Error(Errc::not_consistent,
                fmt::format("{} ends after {} items without its checksums", name_, facts_.items))
        .set_hint("Export again: it was ended early.");
  }
  if (*checksums_ != facts_.counted) {
    throw Error(Errc::not_consistent,
                fmt::format("{} has {}, and says that it has {}", name_,
                            counts_text(facts_.counted), counts_text(*checksums_)));
  }
  const IdentityCheck::Result ids = identities_.finish(stop);
  if (ids.surplus > 0 || ids.owned_unknown > 0 || ids.players_unknown > 0) {
    throw Error(Errc::not_consistent,
                fmt::format("{}: {} things have an id that another has too, {} owned attributes "
                            "and {} players are not there",
                            name_, ids.surplus, ids.owned_unknown, ids.players_unknown));
  }
  facts_.labels = tally_.counts();
  return std::move(facts_);
}

std::string difference(const ExportFacts& copied, const ExportFacts& found) {
  std::map<std::pair<ItemKind, std::string_view>, std::pair<std::uint64_t, std::uint64_t>> both;
  for (const LabelCount& label : copied.labels) both[{label.kind, label.label}].first = label.count;
  for (const LabelCount& label : found.labels) both[{label.kind, label.label}].second = label.count;
  for (const auto& [key, counts] : both) {
    if (counts.first == counts.second) continue;
    return fmt::format("of {} {} there are {}, where the copy has {}", kind_name(key.first),
                       key.second, counts.second, counts.first);
  }
  if (copied.counted == found.counted) return {};
  return fmt::format("there are {}, where the copy has {}", counts_text(found.counted),
                     counts_text(copied.counted));
}

std::string content_digest(const ExportFacts& facts) {
  std::map<std::pair<ItemKind, std::string_view>, std::uint64_t> labels;
  for (const LabelCount& label : facts.labels)
    if (label.count > 0) labels[{label.kind, label.label}] = label.count;
  Sha256 hash;
  hash.update(as_bytes(counts_text(facts.counted)));
  for (const auto& [key, count] : labels)
    hash.update(as_bytes(fmt::format("\n{} {} {}", kind_name(key.first), key.second, count)));
  return to_hex(hash.finish());
}

}  // namespace holdfast::engine::typedb
