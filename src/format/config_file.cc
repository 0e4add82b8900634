// SPDX-License-Identifier: Apache-2.0
// The config file: three members of restic's, and whatever others have added.
#include "format/config_file.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>

#include "base/error.h"
#include "format/id.h"
#include "format/json_object.h"

namespace holdfast::format {

namespace {

constexpr int polynomial_width = 54;  // degree 53

Polynomial parse_polynomial(const std::string& hex) {
  Polynomial polynomial = 0;
  const char* const end = hex.data() + hex.size();
  const auto [stopped, failure] = std::from_chars(hex.data(), end, polynomial, 16);
  if (failure != std::errc{} || stopped != end || hex.front() == '-') {
    throw Error(Errc::corrupt, "config: chunker_polynomial is not a hexadecimal number");
  }
  if (std::bit_width(polynomial) != polynomial_width || !is_irreducible(polynomial)) {
    throw Error(Errc::corrupt,
                fmt::format("config: chunker_polynomial {} is not irreducible of degree 53", hex));
  }
  return polynomial;
}

// rustic may cut into pieces of equal size, which is another program's promise to its own
// repository.
void refuse_fixed_size_chunker(const Json& json) {
  const std::string chunker = json.string_or("chunker", "Rabin");
  if (chunker == "Rabin" || chunker == "rabin") return;
  throw Error(Errc::unsupported, fmt::format("config: chunker {} is not supported", chunker))
      .set_hint("Use the program that made this repository, or copy it into a new one.");
}

}  // namespace

std::string to_json(const ConfigFile& config) {
  Json json = Json::object();
  json.set("version", config.version);
  json.set("id", config.id);
  json.set("chunker_polynomial", fmt::format("{:x}", config.chunker_polynomial));
  append_members(json, config.other);
  return json.dump();
}

ConfigFile parse_config_file(std::string_view text) {
  return in_context("reading the config file", [&] {
    const Json json = parse_object(text, "config");
    ConfigFile config;
    const std::uint64_t version = json.at("version").as_uint();
    if (version != 1 && version != 2) {
      throw Error(Errc::unsupported, fmt::format("repository version {} is not supported", version))
          .set_hint("Use a newer Holdfast.");
    }
    config.version = static_cast<unsigned>(version);
    config.id = json.at("id").as_string();
    if (!parse_id(config.id)) throw Error(Errc::corrupt, "config: id is not 64 hex digits");
    refuse_fixed_size_chunker(json);
    config.chunker_polynomial = parse_polynomial(json.at("chunker_polynomial").as_string());
    for (const auto& [key, value] : json.as_object()) {
      if (key != "version" && key != "id" && key != "chunker_polynomial") {
        config.other.as_object().emplace_back(key, value);
      }
    }
    return config;
  });
}

}  // namespace holdfast::format
