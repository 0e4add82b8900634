// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/label_tally.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/error.h"

namespace holdfast::engine::typedb {
namespace {

constexpr std::array order{ItemKind::entity, ItemKind::relation, ItemKind::attribute,
                           ItemKind::unknown};

std::size_t place_of(ItemKind kind) noexcept {
  return static_cast<std::size_t>(std::find(order.begin(), order.end(), kind) - order.begin());
}

}  // namespace

std::uint64_t& LabelTally::count(ItemKind kind, std::string_view label) {
  OfKind& of_kind = kinds_.at(place_of(kind));
  for (Counts::value_type* one : of_kind.newest)
    if (one != nullptr && one->first == label) return one->second;
  auto found = of_kind.counts.find(label);
  if (found == of_kind.counts.end()) {
    if (label.size() > label_bytes_max || ++labels_ > labels_max ||
        labels_bytes_ + label.size() > labels_bytes_max)
      throw Error(Errc::corrupt,
                  fmt::format("there are more than {} labels, longer ones than {} bytes, or more "
                              "than {} bytes of them",
                              labels_max, label_bytes_max, labels_bytes_max));
    labels_bytes_ += label.size();
    found = of_kind.counts.emplace(std::string(label), 0).first;
  }
  of_kind.newest[of_kind.oldest] = &*found;
  of_kind.oldest = (of_kind.oldest + 1) % of_kind.newest.size();
  return found->second;
}

std::vector<LabelCount> LabelTally::counts() const {
  std::vector<LabelCount> all;
  for (std::size_t place = 0; place < order.size(); ++place) {
    const auto begin = static_cast<std::ptrdiff_t>(all.size());
    for (const auto& [label, count] : kinds_.at(place).counts)
      all.push_back({order.at(place), label, count});
    std::sort(all.begin() + begin, all.end(),
              [](const LabelCount& a, const LabelCount& b) { return a.label < b.label; });
  }
  return all;
}

}  // namespace holdfast::engine::typedb
