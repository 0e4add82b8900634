// SPDX-License-Identifier: Apache-2.0
// Writing trees, byte for byte as Go's encoder does. Hand-written appends: a backup writes each
// directory it sees. Reading is in tree_reader.cc.
#include "format/tree.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/error.h"
#include "base/json.h"
#include "format/go_quote.h"

namespace holdfast::format {

namespace {

// Go's io/fs.FileMode.
constexpr std::uint32_t go_dir = 1U << 31U;
constexpr std::uint32_t go_symlink = 1U << 27U;
constexpr std::uint32_t go_device = 1U << 26U;
constexpr std::uint32_t go_named_pipe = 1U << 25U;
constexpr std::uint32_t go_socket = 1U << 24U;
constexpr std::uint32_t go_setuid = 1U << 23U;
constexpr std::uint32_t go_setgid = 1U << 22U;
constexpr std::uint32_t go_char_device = 1U << 21U;
constexpr std::uint32_t go_sticky = 1U << 20U;
constexpr std::uint32_t go_irregular = 1U << 19U;

constexpr std::string_view tree_begin = R"({"nodes":[)";
constexpr std::string_view tree_end = "]}\n";

void append_number(std::string& to, std::uint64_t value) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  to.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

void append_number_unless_zero(std::string& to, std::string_view key, std::uint64_t value) {
  if (value == 0) return;
  to += key;
  append_number(to, value);
}

// Appends the JSON a text was read from, if it still is that text and would be written otherwise.
bool append_kept(std::string& to, const Node& node, std::string_view key, std::string_view text) {
  for (const KeptJson& kept : node.kept_json) {
    if (kept.key == key && kept.text == text) {
      to += kept.json;
      return true;
    }
  }
  return false;
}

void append_plain(std::string& to, std::string_view text) {
  to += '"';
  to += text;
  to += '"';
}

void append_text(std::string& to, const Node& node, std::string_view key, std::string_view text) {
  if (is_plain(text)) {
    append_plain(to, text);
  } else if (!append_kept(to, node, key, text)) {
    append_json_string(to, text);
  }
}

void append_text_unless_empty(std::string& to, const Node& node, std::string_view key,
                              std::string_view text) {
  if (text.empty()) return;
  to += ",\"";
  to += key;
  to += "\":";
  append_text(to, node, key, text);
}

void append_name(std::string& to, const Node& node) {
  if (is_plain(node.name)) {
    append_plain(to, node.name);
  } else if (!append_kept(to, node, "name", node.name)) {
    append_json_string(to, go_quote(node.name));
  }
}

bool are_shown_alike(const Timestamp& a, const Timestamp& b) noexcept {
  return a == b && a.utc_offset_seconds == b.utc_offset_seconds;
}

void append_times(std::string& to, const Node& node) {
  to += R"(,"mtime":")";
  const std::size_t mtime_begin = to.size();
  append_rfc3339(to, node.mtime);
  const std::size_t mtime_bytes = to.size() - mtime_begin;
  // Access and change times are most often the modification time again: copied, not formatted.
  const auto append_time = [&](std::string_view key, const Timestamp& moment) {
    to += key;
    if (are_shown_alike(moment, node.mtime)) {
      to.append(to, mtime_begin, mtime_bytes);
    } else {
      append_rfc3339(to, moment);
    }
  };
  append_time(R"(","atime":")", node.atime);
  append_time(R"(","ctime":")", node.ctime);
  to += '"';
}

void append_extended_attributes(std::string& to, const Node& node) {
  if (node.extended_attributes.empty()) return;
  to += R"(,"extended_attributes":)";
  char separator = '[';
  for (const ExtendedAttribute& attribute : node.extended_attributes) {
    to += separator;
    separator = ',';
    to += R"({"name":)";
    append_text(to, node, "extended_attributes", attribute.name);
    to += R"(,"value":)";
    if (attribute.value) {
      to += '"';
      to += to_base64(*attribute.value);
      to += "\"}";
    } else {
      to += "null}";
    }
  }
  to += ']';
}

void append_content(std::string& to, const std::optional<std::vector<Id>>& content) {
  to += R"(,"content":)";
  if (!content) {
    to += "null";
    return;
  }
  to += '[';
  for (std::size_t i = 0; i < content->size(); ++i) {
    to += i == 0 ? "\"" : ",\"";
    append_hex(to, (*content)[i]);
    to += '"';
  }
  to += ']';
}

void append_node(std::string& to, const Node& node) {
  to += R"({"name":)";
  append_name(to, node);
  to += R"(,"type":")";
  to += node_type_name(node.type);
  to += '"';
  append_number_unless_zero(to, R"(,"mode":)", node.mode);
  append_times(to, node);
  to += R"(,"uid":)";
  append_number(to, node.uid);
  to += R"(,"gid":)";
  append_number(to, node.gid);
  append_text_unless_empty(to, node, "user", node.user);
  append_text_unless_empty(to, node, "group", node.group);
  append_number_unless_zero(to, R"(,"inode":)", node.inode);
  append_number_unless_zero(to, R"(,"device_id":)", node.device_id);
  append_number_unless_zero(to, R"(,"size":)", node.size_bytes);
  append_number_unless_zero(to, R"(,"links":)", node.links);
  append_text_unless_empty(to, node, "linktarget", node.link_target);
  if (!node.link_target.empty() && !is_utf8(node.link_target)) {
    to += R"(,"linktarget_raw":")";
    to += to_base64(as_bytes(node.link_target));
    to += '"';
  }
  append_extended_attributes(to, node);
  if (!node.generic_attributes.empty()) {
    to += R"(,"generic_attributes":)";
    to += node.generic_attributes;
  }
  append_number_unless_zero(to, R"(,"device":)", node.device);
  append_content(to, node.content);
  if (node.subtree) {
    to += R"(,"subtree":")";
    append_hex(to, *node.subtree);
    to += '"';
  }
  append_text_unless_empty(to, node, "error", node.error);
  to += '}';
}

}  // namespace

std::string_view node_type_name(NodeType type) noexcept {
  switch (type) {
    case NodeType::file:
      return "file";
    case NodeType::dir:
      return "dir";
    case NodeType::symlink:
      return "symlink";
    case NodeType::dev:
      return "dev";
    case NodeType::chardev:
      return "chardev";
    case NodeType::fifo:
      return "fifo";
    case NodeType::socket:
      return "socket";
    case NodeType::irregular:
      break;
  }
  return "irregular";
}

std::size_t memory_bytes(const Node& node) noexcept {
  // What malloc adds to a piece, about; a text that is short lives in its string.
  constexpr std::size_t piece_bytes = 16;
  static const std::size_t short_max = std::string().capacity();
  const auto text = [](const std::string& each) {
    return each.capacity() > short_max ? each.capacity() + 1 + piece_bytes : 0;
  };
  const auto list = [](const auto& each) {
    return each.capacity() == 0 ? 0 : each.capacity() * sizeof each[0] + piece_bytes;
  };
  std::size_t bytes = sizeof node + text(node.name) + text(node.user) + text(node.group) +
                      text(node.link_target) + text(node.generic_attributes) + text(node.error) +
                      list(node.extended_attributes) + list(node.kept_json);
  if (node.content) bytes += list(*node.content);
  for (const ExtendedAttribute& attribute : node.extended_attributes) {
    bytes += text(attribute.name);
    if (attribute.value) bytes += list(*attribute.value);
  }
  for (const KeptJson& kept : node.kept_json) bytes += text(kept.text) + text(kept.json);
  return bytes;
}

void TreeWriter::add(const Node& node) {
  check_rule(!finished_, "a finished tree takes no more nodes");
  if (node.name <= last_name_) {  // also refuses the empty name
    throw Error(Errc::bug, fmt::format("tree node {} comes behind {}", go_quote(node.name),
                                       go_quote(last_name_)));
  }
  if (!empty_) text_ += ',';
  append_node(text_, node);
  last_name_ = node.name;
  empty_ = false;
}

ByteView TreeWriter::finish() {
  if (!finished_) text_ += tree_end;
  finished_ = true;
  return as_bytes(text_);
}

void TreeWriter::clear() {
  text_ = tree_begin;
  last_name_.clear();
  empty_ = true;
  finished_ = false;
}

ByteView padded(Bytes& json) {
  json.reserve(json.size() + json_padding_bytes);
  std::memset(json.data() + json.size(), 0, json_padding_bytes);
  return json;
}

std::uint32_t to_go_mode(std::uint32_t st_mode) noexcept {
  std::uint32_t mode = st_mode & 0777U;
  switch (st_mode & S_IFMT) {
    case S_IFREG:
      break;
    case S_IFDIR:
      mode |= go_dir;
      break;
    case S_IFLNK:
      mode |= go_symlink;
      break;
    case S_IFBLK:
      mode |= go_device;
      break;
    case S_IFCHR:
      mode |= go_device | go_char_device;
      break;
    case S_IFIFO:
      mode |= go_named_pipe;
      break;
    case S_IFSOCK:
      mode |= go_socket;
      break;
    default:
      mode |= go_irregular;
      break;
  }
  if ((st_mode & S_ISUID) != 0) mode |= go_setuid;
  if ((st_mode & S_ISGID) != 0) mode |= go_setgid;
  if ((st_mode & S_ISVTX) != 0) mode |= go_sticky;
  return mode;
}

std::uint32_t to_unix_permissions(std::uint32_t go_mode) noexcept {
  std::uint32_t permissions = go_mode & 0777U;
  if ((go_mode & go_setuid) != 0) permissions |= S_ISUID;
  if ((go_mode & go_setgid) != 0) permissions |= S_ISGID;
  if ((go_mode & go_sticky) != 0) permissions |= S_ISVTX;
  return permissions;
}

}  // namespace holdfast::format
