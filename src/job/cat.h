// SPDX-License-Identifier: Apache-2.0
// cat: an object of the repository as it is inside.
#pragma once

#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "job/environment.h"

namespace holdfast::job {

enum class CatKind : std::uint8_t {
  config,
  masterkey,
  key,
  lock,
  snapshot,
  index,
  pack,
  blob,
  tree
};
// The names as on the command line, in order of declaration.
[[nodiscard]] std::span<const std::string_view> cat_kind_names() noexcept;
[[nodiscard]] CatKind parse_cat_kind(std::string_view name);  // Errc::usage
[[nodiscard]] bool cat_needs_id(CatKind kind) noexcept;

// config, masterkey, key, lock and snapshot: indented JSON. index: its JSON. pack: the file as
// stored, even if damaged (then told as a warning). blob: its plain content; the id in full. tree:
// the blob of SNAPSHOT[:/sub/folder]. The others take an id or a prefix. Errc::not_found naming the
// object.
[[nodiscard]] Bytes cat_object(const Environment& environment, const RepositoryAccess& access,
                               CatKind kind, std::string_view id, model::Observer& observer,
                               std::stop_source& stop);

}  // namespace holdfast::job
