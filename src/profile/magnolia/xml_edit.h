// SPDX-License-Identifier: Apache-2.0
// Changes elements of an XML document and leaves everything else as it is, byte by byte: comments,
// order, white space. Pure.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::profile::magnolia {

// An element, and where in the text it stands.
struct XmlPlace {
  std::string name;
  struct Attribute {
    std::string name;
    std::size_t begin = 0, end = 0;  // of its value, without quotes
    std::string value;               // as it is read
  };
  std::vector<Attribute> attributes;
  std::vector<XmlPlace> children;
  std::size_t begin = 0, end = 0;                  // all of it
  std::size_t content_begin = 0, content_end = 0;  // of <a/>: both are `end`

  [[nodiscard]] const XmlPlace* child(std::string_view wanted) const noexcept;  // the first
  // The attribute's value; empty if it has none.
  [[nodiscard]] std::string attribute(std::string_view wanted) const;
};

// The root. Errors as parse_xml(), and Errc::unsupported for a document that is well-formed and
// still is not understood here.
[[nodiscard]] XmlPlace find_places(std::string_view document, std::string_view file);

using XmlParameters = std::vector<std::pair<std::string, std::string>>;  // name and value

// A document that is being changed. Places are those of the text that it was made with, which
// outlives it; no two changes may overlap.
class XmlEdit {
 public:
  explicit XmlEdit(std::string_view document) : document_(document) {}

  // Gives a class (an element with <param name="" value=""/> in it) another name, unless
  // `class_name` is empty, takes away those parameters that are in `drop` or in `add`, and adds
  // `add` before all that stay.
  void change(const XmlPlace& element, std::string_view class_name,
              const std::set<std::string, std::less<>>& drop, const XmlParameters& add);
  // Takes an element away, with the white space before it.
  void remove(const XmlPlace& element);
  // Puts text, which is XML, at the begin of an element's content, on a line of its own.
  void insert_first(const XmlPlace& element, std::string_view xml);

  [[nodiscard]] bool is_changed() const noexcept { return !changes_.empty(); }
  [[nodiscard]] std::string result() const;

 private:
  struct Change {
    std::size_t begin, end;
    std::string text;
  };
  // A line break and the white space that stands before an element, if nothing else does.
  [[nodiscard]] std::string line_before(std::size_t begin) const;
  std::string_view document_;
  std::vector<Change> changes_;
};

// `<param name="url" value="…"/>`. Everything but printable ASCII as a reference to the character.
[[nodiscard]] std::string xml_parameter(std::string_view name, std::string_view value);

}  // namespace holdfast::profile::magnolia
