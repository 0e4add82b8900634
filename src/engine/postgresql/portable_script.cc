// SPDX-License-Identifier: Apache-2.0
#include "engine/postgresql/portable_script.h"

#include <utility>

namespace holdfast::engine::postgresql {

PortableScript::PortableScript(ByteSink& into, std::set<std::string> settings)
    : into_(into), settings_(std::move(settings)), lines_([this](ByteView line) { take(line); }) {}

bool PortableScript::is_left_out(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  // Whatever stands within a statement is not ours to change; but nobody knew this key before.
  if (!last_.empty() && line == last_) return true;
  if (!in_front_) return false;
  constexpr std::string_view restricts = "\\restrict ", sets = "SET ";
  if (line.starts_with(restricts)) {
    last_ = "\\unrestrict " + std::string(line.substr(restricts.size()));
    return true;
  }
  if (line.starts_with(sets)) {
    const std::string_view setting = line.substr(sets.size());
    return !settings_.contains(std::string(setting.substr(0, setting.find_first_of(" ="))));
  }
  in_front_ =
      line.empty() || line.starts_with("--") || line.starts_with("SELECT pg_catalog.set_config(");
  return false;
}

void PortableScript::take(ByteView line) {
  if (!is_left_out(as_text(line))) into_.write(line);
}

}  // namespace holdfast::engine::postgresql
