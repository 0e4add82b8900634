// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia/xml_edit.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/error.h"
#include "base/xml.h"

namespace holdfast::profile::magnolia {
namespace {

bool is_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Walks over a document that is known to be well-formed; anything that is not as expected ends it,
// and the comparison with what the parser found tells.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  // The elements up to the end of the text, or to the closing tag that `at()` is then at.
  std::vector<XmlPlace> elements(std::size_t depth) {
    std::vector<XmlPlace> found;
    while (at_ < text_.size()) {
      if (text_[at_] != '<') {
        at_ = std::min(text_.find('<', at_), text_.size());
      } else if (text_.substr(at_).starts_with("</")) {
        return found;
      } else if (!skip("<!--", "-->") && !skip("<![CDATA[", "]]>") && !skip("<?", "?>") &&
                 !skip_document_type()) {
        if (depth == 0) throw Error(Errc::unsupported, "elements too deep in each other");
        found.push_back(element(depth - 1));
      }
    }
    return found;
  }

 private:
  bool skip(std::string_view begin, std::string_view end) {
    if (!text_.substr(at_).starts_with(begin)) return false;
    const std::size_t found = text_.find(end, at_ + begin.size());
    at_ = found == std::string_view::npos ? text_.size() : found + end.size();
    return true;
  }
  bool skip_document_type() {
    if (!text_.substr(at_).starts_with("<!")) return false;
    std::size_t open = 0;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"' || c == '\'') at_ = std::min(text_.find(c, at_ + 1), text_.size() - 1);
      if (c == '<' || c == '[') ++open;
      if ((c == '>' || c == ']') && --open == 0) break;
    }
    at_ = std::min(at_ + 1, text_.size());
    return true;
  }

  XmlPlace element(std::size_t depth) {
    XmlPlace place;
    place.begin = at_++;
    place.name = name();
    while (at_ < text_.size() && text_[at_] != '>' && text_[at_] != '/') {
      if (is_space(text_[at_])) {
        ++at_;
      } else if (!attribute(place)) {
        at_ = text_.size();
      }
    }
    const bool is_empty = at_ < text_.size() && text_[at_] == '/';
    at_ = std::min(at_ + (is_empty ? 2 : 1), text_.size());
    place.content_begin = place.content_end = place.end = at_;
    if (is_empty) return place;
    place.children = elements(depth);
    place.content_end = at_;
    at_ = std::min(text_.find('>', at_), text_.size() - 1) + 1;
    place.end = at_;
    return place;
  }
  std::string name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && !is_space(text_[at_]) && text_[at_] != '>' && text_[at_] != '/' &&
           text_[at_] != '=')
      ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  bool attribute(XmlPlace& place) {
    XmlPlace::Attribute attribute;
    attribute.name = name();
    const std::size_t open = text_.find_first_of("\"'", at_);
    if (open == std::string_view::npos || attribute.name.empty()) return false;
    attribute.begin = open + 1;
    attribute.end = text_.find(text_[open], open + 1);
    if (attribute.end == std::string_view::npos) return false;
    at_ = attribute.end + 1;
    place.attributes.push_back(std::move(attribute));
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Takes the values that the parser has read; false if both did not see the same.
bool take_values(XmlPlace& place, const XmlElement& element) {
  if (place.name != element.name || place.attributes.size() != element.attributes.size() ||
      place.children.size() != element.children.size())
    return false;
  for (std::size_t i = 0; i < place.attributes.size(); ++i) {
    if (place.attributes[i].name != element.attributes[i].first) return false;
    place.attributes[i].value = element.attributes[i].second;
  }
  for (std::size_t i = 0; i < place.children.size(); ++i) {
    if (!take_values(place.children[i], element.children[i])) return false;
  }
  return true;
}

std::string encoded(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Utf8Rune rune = decode_utf8(text);
    const std::size_t size_bytes = std::max<std::size_t>(rune.size_bytes, 1);
    const bool is_plain = rune.size_bytes == 1 && rune.rune >= 0x20 && rune.rune < 0x7F &&
                          std::string_view("&<>\"'").find(text[0]) == std::string_view::npos;
    if (is_plain) {
      result += text[0];
    } else {
      result += fmt::format(
          "&#{};", static_cast<std::uint32_t>(rune.size_bytes == 0 ? U'\uFFFD' : rune.rune));
    }
    text.remove_prefix(size_bytes);
  }
  return result;
}

}  // namespace

const XmlPlace* XmlPlace::child(std::string_view wanted) const noexcept {
  for (const XmlPlace& one : children) {
    if (one.name == wanted) return &one;
  }
  return nullptr;
}

std::string XmlPlace::attribute(std::string_view wanted) const {
  for (const Attribute& one : attributes) {
    if (one.name == wanted) return one.value;
  }
  return {};
}

XmlPlace find_places(std::string_view document, std::string_view file) {
  const XmlElement root = parse_xml(document, file);
  std::vector<XmlPlace> places = Scanner(document).elements(xml_depth_max + 1);
  if (places.size() != 1 || !take_values(places[0], root))
    throw Error(Errc::unsupported, std::string(file) + " cannot be changed: its XML is unusual");
  return std::move(places[0]);
}

std::string XmlEdit::line_before(std::size_t begin) const {
  std::size_t line = begin;
  while (line > 0 && (document_[line - 1] == ' ' || document_[line - 1] == '\t')) --line;
  if (line == 0 || document_[line - 1] != '\n') return {};
  return "\n" + std::string(document_.substr(line, begin - line));
}

void XmlEdit::change(const XmlPlace& element, std::string_view class_name,
                     const std::set<std::string, std::less<>>& drop, const XmlParameters& add) {
  for (const XmlPlace::Attribute& attribute : element.attributes) {
    if (attribute.name == "class" && !class_name.empty() && attribute.value != class_name)
      changes_.push_back({attribute.begin, attribute.end, encoded(class_name)});
  }
  std::string before = line_before(element.begin);
  if (!before.empty()) before += "  ";
  for (const XmlPlace& child : element.children) before = line_before(child.begin);
  for (const XmlPlace& child : element.children) {
    const std::string name = child.attribute("name");
    const bool is_added = std::any_of(
        add.begin(), add.end(), [&](const auto& parameter) { return parameter.first == name; });
    if (child.name == "param" && (is_added || drop.contains(name))) remove(child);
  }
  std::string text;
  for (const auto& [name, value] : add) text += before + xml_parameter(name, value);
  if (text.empty()) return;
  if (element.content_begin == element.end) {  // <a/>
    std::size_t slash = element.end - 2;
    while (is_space(document_[slash - 1])) --slash;
    changes_.push_back(
        {slash, element.end, ">" + text + line_before(element.begin) + "</" + element.name + ">"});
  } else {
    changes_.push_back({element.content_begin, element.content_begin, text});
  }
}

void XmlEdit::remove(const XmlPlace& element) {
  std::size_t begin = element.begin;
  while (begin > 0 && is_space(document_[begin - 1])) --begin;
  changes_.push_back({begin, element.end, ""});
}

void XmlEdit::insert_first(const XmlPlace& element, std::string_view xml) {
  std::string before;
  if (!element.children.empty()) before = line_before(element.children[0].begin);
  changes_.push_back({element.content_begin, element.content_begin, before + std::string(xml)});
}

std::string XmlEdit::result() const {
  std::vector<Change> changes = changes_;
  std::stable_sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::string text;
  std::size_t at = 0;
  for (const Change& change : changes) {
    check_rule(change.begin >= at, "changes of a document do not overlap");
    text += document_.substr(at, change.begin - at);
    text += change.text;
    at = change.end;
  }
  text += document_.substr(at);
  return text;
}

std::string xml_parameter(std::string_view name, std::string_view value) {
  return "<param name=\"" + encoded(name) + "\" value=\"" + encoded(value) + "\"/>";
}

}  // namespace holdfast::profile::magnolia
