// SPDX-License-Identifier: Apache-2.0
// Reading trees: one pass, one node at a time, whatever order the keys come in.
#include <array>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/json.h"
#include "format/go_quote.h"
#include "format/json_walk.h"
#include "format/tree.h"
#include "format/tree_damage.h"

namespace holdfast::format {

namespace {

enum class Field : std::uint8_t {
  name,
  type,
  mode,
  mtime,
  atime,
  ctime,
  uid,
  gid,
  user,
  group,
  inode,
  device_id,
  size,
  links,
  linktarget,
  linktarget_raw,
  extended_attributes,
  generic_attributes,
  device,
  content,
  subtree,
  error,
  unknown,
};

// In the order restic writes them.
constexpr std::array<std::string_view, static_cast<std::size_t>(Field::unknown)> field_names{
    "name",
    "type",
    "mode",
    "mtime",
    "atime",
    "ctime",
    "uid",
    "gid",
    "user",
    "group",
    "inode",
    "device_id",
    "size",
    "links",
    "linktarget",
    "linktarget_raw",
    "extended_attributes",
    "generic_attributes",
    "device",
    "content",
    "subtree",
    "error"};

constexpr std::array node_types{NodeType::file,   NodeType::dir,      NodeType::symlink,
                                NodeType::dev,    NodeType::chardev,  NodeType::fifo,
                                NodeType::socket, NodeType::irregular};

// No file system has longer ones by far; paths are made of thousands of them.
constexpr std::size_t name_bytes_max = 4096;

// Where in a tree the reader is; its name in errors.
struct TreePlace {
  std::size_t entry = 0;
  bool is_in_entry = false;
  std::string name;  // a copy: the node is gone when an error asks

  [[nodiscard]] std::string operator()() const {
    if (!is_in_entry) return "tree";
    if (name.empty()) return fmt::format("tree entry {}", entry);
    return fmt::format("tree entry {} \"{}\"", entry, go_quote(name));
  }
};

// Reads one node after the other. Holds what carries over from one to the next.
class NodeReader {
 public:
  NodeReader(TreePlace& place, bool is_tolerant) : place_(place), is_tolerant_(is_tolerant) {}

  Node read(JsonObject members) {
    Node node;
    place_.is_in_entry = true;
    place_.name.clear();
    seen_ = 0;
    link_target_json_ = {};
    std::size_t expected = 0;
    for (JsonMember member : members) {
      const Field field = find_field(key_of(member), expected);
      JsonValue value = member.value();
      if (field == Field::unknown) {
        pass_over(value);
        continue;
      }
      const auto at = static_cast<std::size_t>(field);
      expected = at + 1;
      if ((seen_ >> at & 1U) != 0) fail(fmt::format("key {} stands twice", field_names[at]));
      seen_ |= 1U << at;
      if (!value.is_null()) read_field(node, field, value);
    }
    finish(node);
    last_name_ = node.name;
    place_.is_in_entry = false;
    return node;
  }

 private:
  [[noreturn]] void fail(std::string_view reason) const {
    throw Error(Errc::corrupt, fmt::format("{}: {}", place_(), reason));
  }

  // Looks from the field on that restic would write next, so that its own trees hit at once.
  static Field find_field(std::string_view key, std::size_t expected) noexcept {
    for (std::size_t i = expected; i < field_names.size(); ++i) {
      if (field_names[i] == key) return static_cast<Field>(i);
    }
    for (std::size_t i = 0; i < expected; ++i) {
      if (field_names[i] == key) return static_cast<Field>(i);
    }
    return Field::unknown;
  }

  void read_field(Node& node, Field field, JsonValue value) {
    switch (field) {
      case Field::name:
        read_name(node, value);
        break;
      case Field::type:
        read_type(node, text_of(value));
        break;
      case Field::mode:
        node.mode = number32(value);
        break;
      case Field::mtime:
        node.mtime = time(value);
        break;
      case Field::atime:
        node.atime = time(value);
        break;
      case Field::ctime:
        node.ctime = time(value);
        break;
      case Field::uid:
        node.uid = number32(value);
        break;
      case Field::gid:
        node.gid = number32(value);
        break;
      case Field::user:
        node.user = text(node, "user", value);
        break;
      case Field::group:
        node.group = text(node, "group", value);
        break;
      case Field::inode:
        node.inode = value.get_uint64();
        break;
      case Field::device_id:
        node.device_id = value.get_uint64();
        break;
      case Field::size:
        node.size_bytes = value.get_uint64();
        break;
      case Field::links:
        node.links = value.get_uint64();
        break;
      default:
        read_rare_field(node, field, value);
    }
  }

  void read_rare_field(Node& node, Field field, JsonValue value) {
    switch (field) {
      case Field::linktarget: {
        link_target_json_ = json_of(value);
        const std::string_view target = text_of(value);
        // The raw form wins, whichever came first.
        if (!was_seen(Field::linktarget_raw) || node.link_target.empty()) node.link_target = target;
        break;
      }
      case Field::linktarget_raw: {
        const Bytes target = base64(text_of(value));
        if (!target.empty()) node.link_target = as_text(target);
        break;
      }
      case Field::extended_attributes:
        for (auto attribute : value.get_array()) {
          node.extended_attributes.push_back(extended_attribute(node, attribute.get_object()));
        }
        break;
      case Field::generic_attributes:
        read_generic_attributes(node, value.get_object());
        break;
      case Field::device:
        node.device = value.get_uint64();
        break;
      case Field::content:
        node.content.emplace();
        for (auto item : value.get_array()) node.content->push_back(entry_id(item.value()));
        break;
      case Field::subtree:
        if (const Id tree = entry_id(value); !tree.is_null()) node.subtree = tree;
        break;
      case Field::error:
        node.error = text(node, "error", value);
        break;
      default:
        fail("key without a reader");
    }
  }

  [[nodiscard]] bool was_seen(Field field) const noexcept {
    return (seen_ >> static_cast<unsigned>(field) & 1U) != 0;
  }

  // Remembers the JSON of a text, `written` as JSON by us, if the two differ.
  static void keep(Node& node, std::string_view key, std::string_view text,
                   std::string_view written, std::string_view json) {
    std::string ours;
    append_json_string(ours, written);
    if (ours != json) node.kept_json.push_back({key, std::string(text), std::string(json)});
  }

  static std::string text(Node& node, std::string_view key, JsonValue value) {
    const std::string_view json = json_of(value);
    std::string found(text_of(value));
    if (!is_plain(found)) keep(node, key, found, found, json);
    return found;
  }

  void read_name(Node& node, JsonValue value) const {
    const std::string_view json = json_of(value);
    auto name = go_unquote(text_of(value));
    if (!name) fail("the quoting of its name is malformed");
    node.name = std::move(*name);
    place_.name = node.name.substr(0, name_bytes_max);
    if (node.name.size() > name_bytes_max) {
      fail(fmt::format("its name has {} bytes, more than any file's", node.name.size()));
    }
    if (node.name.empty() || node.name == "." || node.name == "..") {
      fail("its name is not one of a file");
    }
    if (node.name.find('/') != std::string::npos || node.name.find('\0') != std::string::npos) {
      fail("its name holds a slash or a NUL");
    }
    if (node.name <= last_name_) {
      fail(fmt::format("it repeats or comes before \"{}\"", go_quote(last_name_)));
    }
    if (!is_plain(node.name)) keep(node, "name", node.name, go_quote(node.name), json);
  }

  void read_type(Node& node, std::string_view type_name) const {
    for (const NodeType type : node_types) {
      if (node_type_name(type) == type_name) {
        node.type = type;
        return;
      }
    }
    if (!is_tolerant_) fail(fmt::format("its type \"{}\" is unknown", go_quote(type_name)));
    node.type = NodeType::irregular;
  }

  std::uint32_t number32(JsonValue value) const {
    const std::uint64_t number = value.get_uint64();
    if (number > std::numeric_limits<std::uint32_t>::max()) {
      fail(fmt::format("number {} is out of range", number));
    }
    return static_cast<std::uint32_t>(number);
  }

  Timestamp time(JsonValue value) {
    const std::string_view text = text_of(value);
    if (text != last_time_text_) {
      last_time_ = in_context("reading a tree", [&] { return parse_rfc3339(text); });
      last_time_text_ = text;
    }
    return last_time_;
  }

  // One that, for a tolerant reader, may be null.
  Id entry_id(JsonValue value) const {
    if (is_tolerant_ && value.is_null()) return {};
    const auto text = raw_string(value);
    const auto parsed = text ? parse_id(*text) : std::nullopt;
    if (!parsed || (parsed->is_null() && !is_tolerant_)) fail("an id is malformed or null");
    return *parsed;
  }

  Bytes base64(std::string_view text) const {
    auto bytes = from_base64(text);
    if (!bytes) fail("base64 is malformed");
    return std::move(*bytes);
  }

  ExtendedAttribute extended_attribute(Node& node, JsonObject members) const {
    ExtendedAttribute attribute;
    bool has_name = false;
    for (JsonMember member : members) {
      const std::string_view key = key_of(member);
      JsonValue value = member.value();
      if (key == "name" && !has_name) {
        attribute.name = text(node, "extended_attributes", value);
        has_name = true;
      } else if (key == "value" && !attribute.value) {
        if (!value.is_null()) attribute.value = base64(text_of(value));
      } else {
        pass_over(value);
      }
    }
    if (!has_name || attribute.name.empty()) fail("an extended attribute has no name");
    return attribute;
  }

  void read_generic_attributes(Node& node, JsonObject members) const {
    std::string_view text = members.raw_json();
    text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
    const Json checked = Json::parse(text, "generic_attributes");
    if (!checked.is_object()) fail("generic_attributes is no object");
    if (!checked.as_object().empty()) node.generic_attributes = text;
  }

  void finish(Node& node) const {
    if (!was_seen(Field::name) || node.name.empty()) fail("it has no name");
    if (!was_seen(Field::type)) {
      if (!is_tolerant_) fail("it has no type");
      node.type = NodeType::irregular;
    }
    if (node.type == NodeType::dir && !node.subtree && !is_tolerant_) {
      fail("it is a directory without subtree");
    }
    if (!link_target_json_.empty() && !is_plain(node.link_target)) {
      keep(node, "linktarget", node.link_target, node.link_target, link_target_json_);
    }
  }

  TreePlace& place_;
  const bool is_tolerant_;
  std::uint32_t seen_ = 0;  // a bit for each Field
  std::string_view link_target_json_;
  std::string last_name_;
  std::string last_time_text_;
  Timestamp last_time_;
};
static_assert(static_cast<unsigned>(Field::unknown) <= 32);

void read_tree(ByteView json, bool is_tolerant, const std::function<void(Node&&)>& visit) {
  TreePlace place;
  walk_json(json, place, [&](JsonDocument& document) {
    NodeReader reader(place, is_tolerant);
    bool has_nodes = false;
    for (JsonMember member : document.get_object()) {
      const bool is_nodes = key_of(member) == "nodes";
      JsonValue value = member.value();
      if (!is_nodes) {
        pass_over(value);
        continue;
      }
      if (has_nodes) throw Error(Errc::corrupt, "tree: key nodes stands twice");
      has_nodes = true;
      if (value.is_null()) continue;  // Go's empty list
      for (auto node : value.get_array()) {
        visit(reader.read(node.get_object()));
        ++place.entry;
      }
    }
    if (!has_nodes) throw Error(Errc::corrupt, "tree: key nodes is missing");
  });
}

}  // namespace

void read_tree_json(ByteView json, const std::function<void(Node&&)>& visit) {
  read_tree(json, false, visit);
}

void read_damaged_tree_json(ByteView json, const std::function<void(Node&&)>& visit) {
  read_tree(json, true, visit);
}

std::vector<Node> parse_tree(ByteView json) {
  Bytes copy;
  copy.reserve(json.size() + json_padding_bytes);
  append(copy, json);
  std::vector<Node> nodes;
  read_tree_json(padded(copy), [&](Node&& node) { nodes.push_back(std::move(node)); });
  return nodes;
}

}  // namespace holdfast::format
