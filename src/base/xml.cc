// SPDX-License-Identifier: Apache-2.0
#include "base/xml.h"

#include <expat.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>

#include "base/error.h"

namespace holdfast {
namespace {

// Takes expat's events. No exception may pass through expat's own frames: the first one is kept,
// and parsing ends.
class Tree {
 public:
  // `each`: null to keep all.
  explicit Tree(std::string_view file, std::size_t depth = 0, const XmlTaker* each = nullptr)
      : file_(file), parser_(XML_ParserCreate(nullptr)), depth_(depth), each_(each) {
    if (parser_ == nullptr) throw Error(Errc::bug, "no XML parser could be made");
    XML_SetUserData(parser_.get(), this);
    XML_SetElementHandler(parser_.get(), on_start, on_end);
    XML_SetCharacterDataHandler(parser_.get(), on_text);
    XML_SetEntityDeclHandler(parser_.get(), on_entity);
    XML_SetSkippedEntityHandler(parser_.get(), on_skipped);
    XML_SetParamEntityParsing(parser_.get(), XML_PARAM_ENTITY_PARSING_NEVER);
  }

  XmlElement read(std::string_view document) {
    if (document.size() > xml_size_bytes_max) {
      throw Error(Errc::corrupt, std::string(file_) + ": larger than " +
                                     std::to_string(xml_size_bytes_max) + " bytes");
    }
    feed(document, true);
    return std::move(root_);
  }

  XmlElement read(ByteSource& source) {
    Bytes piece(piece_bytes);
    std::uint64_t fed = 0;
    for (std::size_t count = 1; count > 0;) {
      count = source.read(piece);
      feed(as_text(ByteView(piece).first(count)), count == 0);
      fed += count;
      const auto begun = static_cast<std::uint64_t>(XML_GetCurrentByteIndex(parser_.get()));
      if (count > 0 && fed - begun > xml_tag_bytes_max)
        throw error(Errc::corrupt,
                    "a tag is longer than " + std::to_string(xml_tag_bytes_max) + " bytes");
    }
    return std::move(root_);
  }

 private:
  struct Freed {
    void operator()(XML_Parser parser) const noexcept { XML_ParserFree(parser); }
  };

  // What is held of the document.
  struct Held {
    std::size_t nodes = 0, bytes = 0;
  };
  static constexpr std::size_t piece_bytes = 64U << 10U;

  void feed(std::string_view piece, bool is_last) {
    const XML_Status status = XML_Parse(parser_.get(), piece.data(), static_cast<int>(piece.size()),
                                        is_last ? XML_TRUE : XML_FALSE);
    if (failure_) std::rethrow_exception(failure_);
    if (status != XML_STATUS_OK) {
      throw error(Errc::corrupt, std::string("no well-formed XML: ") +
                                     XML_ErrorString(XML_GetErrorCode(parser_.get())));
    }
  }
  [[nodiscard]] std::size_t line() const { return XML_GetCurrentLineNumber(parser_.get()); }
  [[nodiscard]] Error error(Errc code, const std::string& message) const {
    return Error(code, std::string(file_) + ":" + std::to_string(line()) + ": " + message);
  }

  template <typename Body>
  static void guarded(void* data, Body body) noexcept {
    auto* tree = static_cast<Tree*>(data);
    if (tree->failure_) return;
    try {
      body(*tree);
    } catch (...) {
      tree->failure_ = std::current_exception();
      XML_StopParser(tree->parser_.get(), XML_FALSE);
    }
  }

  void start(const XML_Char* name, const XML_Char** attributes) {
    if (open_.size() >= xml_depth_max) {
      throw error(Errc::corrupt,
                  "elements are nested deeper than " + std::to_string(xml_depth_max));
    }
    if (open_.size() == depth_) around_ = held_;
    XmlElement element;
    element.name = name;
    element.line = line();
    count_node(element.name.size());
    for (; *attributes != nullptr; attributes += 2) {
      count_node(std::strlen(attributes[0]) + std::strlen(attributes[1]));
      element.attributes.emplace_back(attributes[0], attributes[1]);
    }
    open_.push_back(std::move(element));
  }
  void end() {
    XmlElement element = std::move(open_.back());
    open_.pop_back();
    if (each_ != nullptr && open_.size() == depth_) {
      held_ = around_;
      return (*each_)(open_, std::move(element));
    }
    (open_.empty() ? root_ : open_.back().children.emplace_back()) = std::move(element);
  }
  void text(std::string_view characters) {
    if (open_.empty() || (each_ != nullptr && open_.size() <= depth_)) return;
    count_bytes(characters.size());
    open_.back().text.append(characters);
  }
  void count_node(std::size_t bytes) {
    if (++held_.nodes > xml_nodes_max) {
      throw error(Errc::corrupt,
                  "more than " + std::to_string(xml_nodes_max) + " elements and attributes");
    }
    count_bytes(bytes);
  }
  void count_bytes(std::size_t bytes) {
    held_.bytes += bytes;
    if (held_.bytes > xml_size_bytes_max) {
      throw error(Errc::corrupt,
                  "an element is larger than " + std::to_string(xml_size_bytes_max) + " bytes");
    }
  }

  static void on_start(void* data, const XML_Char* name, const XML_Char** attributes) noexcept {
    guarded(data, [&](Tree& tree) { tree.start(name, attributes); });
  }
  static void on_end(void* data, const XML_Char* /*name*/) noexcept {
    guarded(data, [](Tree& tree) { tree.end(); });
  }
  static void on_text(void* data, const XML_Char* text, int size) noexcept {
    guarded(data, [&](Tree& tree) { tree.text({text, static_cast<std::size_t>(size)}); });
  }
  static void on_entity(void* data, const XML_Char* name, int /*is_parameter*/,
                        const XML_Char* /*value*/, int /*size*/, const XML_Char* /*base*/,
                        const XML_Char* /*system*/, const XML_Char* /*pub*/,
                        const XML_Char* /*notation*/) noexcept {
    guarded(data, [&](Tree& tree) {
      throw tree.error(Errc::unsupported, "it declares the entity \"" + std::string(name) + "\"")
          .set_hint("Write what it stands for in its place.");
    });
  }
  static void on_skipped(void* data, const XML_Char* name, int /*is_parameter*/) noexcept {
    guarded(data, [&](Tree& tree) {
      throw tree.error(Errc::unsupported,
                       "the entity \"" + std::string(name) + "\" is declared elsewhere, if at all");
    });
  }

  std::string_view file_;
  std::unique_ptr<std::remove_pointer_t<XML_Parser>, Freed> parser_;
  std::vector<XmlElement> open_;
  XmlElement root_;
  std::size_t depth_;
  const XmlTaker* each_;
  Held held_, around_;
  std::exception_ptr failure_;
};

}  // namespace

const std::string* XmlElement::attribute(std::string_view wanted) const noexcept {
  for (const auto& [key, value] : attributes) {
    if (key == wanted) return &value;
  }
  return nullptr;
}

const XmlElement* XmlElement::child(std::string_view wanted) const noexcept {
  for (const XmlElement& element : children) {
    if (element.name == wanted) return &element;
  }
  return nullptr;
}

std::vector<const XmlElement*> XmlElement::all(std::string_view wanted) const {
  std::vector<const XmlElement*> found;
  for (const XmlElement& element : children) {
    if (element.name == wanted) found.push_back(&element);
  }
  return found;
}

std::string XmlElement::attribute_or(std::string_view wanted, std::string_view otherwise) const {
  const std::string* value = attribute(wanted);
  return value == nullptr ? std::string(otherwise) : *value;
}

XmlElement parse_xml(std::string_view document, std::string_view file) {
  return Tree(file).read(document);
}

XmlElement read_xml(ByteSource& source, std::string_view file, std::size_t depth,
                    const XmlTaker& each) {
  check_rule(depth > 0, "a document's root is not given away");
  return Tree(file, depth, &each).read(source);
}

}  // namespace holdfast
