// SPDX-License-Identifier: Apache-2.0
// Writes bundles, for tests: a writer of the format that knows nothing of the reader.
#pragma once

#include <array>
#include <bit>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "profile/magnolia/bundle.h"

namespace holdfast::profile::magnolia::fixture {

inline constexpr std::string_view mgnl_uri = "http://www.magnolia.info/jcr/mgnl";

struct OwnedName {
  std::string uri;
  std::string local;
};

class Writer {
 public:
  std::string bytes;

  void byte(unsigned value) { bytes += static_cast<char>(value); }
  void be(std::uint64_t value, int size_bytes) {
    for (int i = size_bytes - 1; i >= 0; --i) byte(static_cast<unsigned>(value >> (8 * i) & 0xffU));
  }
  void varint(std::uint64_t value) {
    while (value >= 0x80) {
      byte(static_cast<unsigned>(value & 0x7f) | 0x80U);
      value >>= 7U;
    }
    byte(static_cast<unsigned>(value));
  }
  void number(std::int64_t value) {
    varint(value < 0 ? ~static_cast<std::uint64_t>(value) << 1U | 1U
                     : static_cast<std::uint64_t>(value) << 1U);
  }
  void text(std::string_view value) {
    varint(value.size());
    bytes += value;
  }
  void id(const NodeId& value) {
    be(value.high, 8);
    be(value.low, 8);
  }
  void name(const OwnedName& value) {
    const bool is_common = !value.uri.empty() && is_built_in_namespace(value.uri);
    for (std::size_t i = 0; is_common && i < common_names().size(); ++i) {
      if (common_names()[i] == Name{value.uri, value.local}) return byte(static_cast<unsigned>(i));
    }
    std::size_t place = 0;
    while (place < uris_.size() && uris_[place] != value.uri) ++place;
    const bool is_new = place == uris_.size();
    if (is_new && uris_.size() < 7) uris_.push_back(value.uri);
    const std::size_t size = value.local.size();
    byte(0x80U | static_cast<unsigned>(place) << 4U |
         static_cast<unsigned>(std::min<std::size_t>(size - 1, 15)));
    if (is_new) text(value.uri);
    if (size >= 16) varint(size - 16);
    bytes += value.local;
  }

 private:
  std::vector<std::string> uris_{""};
};

struct Property {
  OwnedName name;
  PropertyType type;
  bool multiple;
  std::vector<PropertyValue> values;
};

struct Node {
  OwnedName type{std::string(mgnl_uri), "content"};
  NodeId parent = no_parent_id;
  bool referenceable = true;
  std::uint32_t mod_count = 0;
  std::vector<OwnedName> mixins;
  std::vector<Property> properties;
  std::vector<std::pair<OwnedName, NodeId>> children;
  std::vector<NodeId> shared;

  [[nodiscard]] std::string bytes() const;
};

inline void write_value(Writer& to, const PropertyValue& value) {
  switch (value.type) {
    case PropertyType::binary:
      if (value.place == BinaryPlace::here) {
        to.be(value.text.size(), 4);
        to.bytes += value.text;
        return;
      }
      to.be(value.place == BinaryPlace::data_store ? 0xfffffffeU : 0xffffffffU, 4);
      return to.text(value.text);
    case PropertyType::long_number:
    case PropertyType::date:
      return to.number(value.number);
    case PropertyType::double_number:
      return to.be(std::bit_cast<std::uint64_t>(value.real), 8);
    case PropertyType::boolean:
      return to.byte(static_cast<unsigned>(value.number));
    case PropertyType::name:
      return to.name({std::string(value.name.uri), std::string(value.name.local)});
    case PropertyType::reference:
    case PropertyType::weak_reference:
      return to.id(value.id);
    case PropertyType::decimal:
      to.byte(1);
      return to.text(value.text);
    default:
      return to.text(value.text);
  }
}

inline std::string Node::bytes() const {
  Writer to;
  to.byte(3);
  to.name(type);
  to.id(parent);
  to.varint(mod_count);
  const auto capped = [](std::size_t size, unsigned cap) {
    return static_cast<unsigned>(std::min<std::size_t>(size, cap));
  };
  to.byte(capped(mixins.size(), 1) << 7U | capped(properties.size(), 7) << 4U |
          capped(children.size(), 3) << 2U | capped(shared.size(), 1) << 1U |
          static_cast<unsigned>(referenceable));
  if (!mixins.empty()) to.varint(mixins.size() - 1);
  for (const OwnedName& mixin : mixins) to.name(mixin);
  if (properties.size() >= 7) to.varint(properties.size() - 7);
  for (const Property& property : properties) {
    to.name(property.name);
    const std::size_t count = property.values.size() + 1;
    const unsigned bits = property.multiple ? capped(count, 15) : 0;
    to.byte(bits << 4U | static_cast<unsigned>(property.type));
    if (bits == 15) to.varint(count - 15);
    to.varint(0);
    for (PropertyValue value : property.values) {
      value.type = property.type;
      write_value(to, value);
    }
  }
  if (children.size() >= 3) to.varint(children.size() - 3);
  for (const auto& [child_name, child] : children) {
    to.name(child_name);
    to.id(child);
  }
  if (!shared.empty()) to.varint(shared.size() - 1);
  for (const NodeId& one : shared) to.id(one);
  return to.bytes;
}

}  // namespace holdfast::profile::magnolia::fixture
