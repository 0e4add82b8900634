// SPDX-License-Identifier: Apache-2.0
// XML documents as trees, read only: small ones whole, others element by element. What could make a
// document more than its own bytes is refused: entities that it declares, and everything that would
// have to be fetched.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/stream.h"

namespace holdfast {

inline constexpr std::size_t xml_size_bytes_max = 16U << 20U;
inline constexpr std::size_t xml_depth_max = 64;
inline constexpr std::size_t xml_nodes_max = 200'000;  // elements and attributes
// Of one tag with its attributes in a document that is read element by element.
inline constexpr std::size_t xml_tag_bytes_max = 1U << 20U;

struct XmlElement {
  std::string name;  // as written, with its namespace prefix
  std::vector<std::pair<std::string, std::string>> attributes;
  std::vector<XmlElement> children;
  std::string text;      // the characters directly in it, one after the other
  std::size_t line = 0;  // of its start, from 1

  // nullptr: none of that name.
  [[nodiscard]] const std::string* attribute(std::string_view wanted) const noexcept;
  [[nodiscard]] const XmlElement* child(std::string_view wanted) const noexcept;  // the first
  [[nodiscard]] std::vector<const XmlElement*> all(std::string_view wanted) const;
  // The attribute's value, or `otherwise`.
  [[nodiscard]] std::string attribute_or(std::string_view wanted, std::string_view otherwise) const;
};

// The root of a document; `file` is for messages. Errc::corrupt with "file:line: …" for what is not
// well-formed XML 1.0 or beyond a bound above; Errc::unsupported for a document that declares an
// entity or refers to one that it does not declare. A document type is passed over, never fetched.
[[nodiscard]] XmlElement parse_xml(std::string_view document, std::string_view file);

// Takes an element, and those around it, the root first, without text and what was given before.
using XmlTaker = std::function<void(std::span<const XmlElement> around, XmlElement element)>;
// The same of a document of any size: each element that has `depth` others around it, at least one,
// is given to `each` and forgotten. The bounds above hold for one of them, with what else there is
// of the document. The root without those. What `source` and `each` throw.
XmlElement read_xml(ByteSource& source, std::string_view file, std::size_t depth,
                    const XmlTaker& each);

}  // namespace holdfast
