// SPDX-License-Identifier: Apache-2.0
// Tree blobs: a directory's entries as JSON whose bytes, and so whose id, equal what restic writes.
//
// Source: restic internal/data/node.go, tree.go; docs/format.md "Trees".
// Held to it by: tree_test; interop tests re-encode every tree that restic wrote.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/timestamp.h"
#include "format/id.h"

namespace holdfast::format {

enum class NodeType : std::uint8_t { file, dir, symlink, dev, chardev, fifo, socket, irregular };
[[nodiscard]] std::string_view node_type_name(NodeType type) noexcept;

struct ExtendedAttribute {
  std::string name;
  std::optional<Bytes> value;  // null in some trees of rustic
  friend bool operator==(const ExtendedAttribute&, const ExtendedAttribute&) = default;
};

// A string of a tree whose JSON is not what we would write for it, kept so that a tree that is
// written again gets the same bytes: lossy texts of restic before 0.16, other Unicode versions.
struct KeptJson {
  std::string_view
      key;  // of the node, one of tree_reader.cc's; "extended_attributes" for a name in there
  std::string text;  // the member's value: the JSON holds only while it is still this
  std::string json;  // with quotes
};

// One entry of a directory. Which members count depends on the type (docs/format.md).
struct Node {
  std::string name;  // raw bytes, no slash, not empty
  NodeType type = NodeType::file;
  std::uint32_t mode = 0;  // Go's FileMode, see to_go_mode()
  Timestamp mtime, atime, ctime;
  std::uint32_t uid = 0, gid = 0;
  std::string user, group;
  std::uint64_t inode = 0, device_id = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t links = 0;
  std::string link_target;  // raw bytes
  std::vector<ExtendedAttribute> extended_attributes;
  std::string generic_attributes;  // raw JSON object text, kept as it came; empty if none
  std::uint64_t device = 0;
  std::optional<std::vector<Id>> content;  // files only; empty vector for an empty file
  std::optional<Id> subtree;               // directories only
  std::string error;
  std::vector<KeptJson> kept_json;  // set by reading only
};

// About the memory a node takes, itself and all it owns, for those who keep many: nodes are read
// from trees that others may have written.
[[nodiscard]] std::size_t memory_bytes(const Node& node) noexcept;

// Builds the bytes of one tree. Reusable; the nodes come in strictly ascending order of name bytes
// (Errc::bug otherwise: callers sort). Members that are zero or empty are left out as restic does,
// whatever the type; generic_attributes is written as it is, and so must be JSON.
class TreeWriter {
 public:
  TreeWriter() { clear(); }
  void add(const Node& node);
  // Ends the tree and gives its bytes, valid until the next call of clear(), which must come before
  // the next add().
  [[nodiscard]] ByteView finish();
  void clear();

 private:
  std::string text_;
  std::string last_name_;
  bool empty_ = true;
  bool finished_ = false;
};

// How many readable bytes must follow the JSON handed to read_tree_json() and read_index_json().
inline constexpr std::size_t json_padding_bytes = 64;
// Makes room for the padding behind `json` without changing its size (reserves capacity and zeroes
// the bytes behind the end), and returns the view to pass on.
[[nodiscard]] ByteView padded(Bytes& json);

// Calls `visit` for each node in order. Errc::corrupt, naming the entry, for malformed JSON, a name
// that is empty, `.`, `..`, above 4096 bytes, holds a slash or NUL, is out of order or repeated, an
// unknown type, a directory without subtree, a null id in content, a known key twice. A file
// without content has content nullopt. Unknown keys are passed over. Nodes are visited as they are
// read, so an error may come after some visits. `visit` may itself read trees. `json` is followed
// by json_padding_bytes of zeros.
void read_tree_json(ByteView json, const std::function<void(Node&&)>& visit);
[[nodiscard]] std::vector<Node> parse_tree(ByteView json);  // makes a padded copy if it must

// Unix st_mode to Go's FileMode bits and back (permission, type, setuid, setgid, sticky).
[[nodiscard]] std::uint32_t to_go_mode(std::uint32_t st_mode) noexcept;
[[nodiscard]] std::uint32_t to_unix_permissions(
    std::uint32_t go_mode) noexcept;  // 07777 of st_mode

// strconv.Quote without the outer quotes, with Unicode 13.0.0's printable runes (Go 1.19, as
// Debian's restic), and its reverse for any legal Go escape (nothing if malformed).
[[nodiscard]] std::string go_quote(std::string_view raw);
[[nodiscard]] std::optional<std::string> go_unquote(std::string_view quoted);

}  // namespace holdfast::format
