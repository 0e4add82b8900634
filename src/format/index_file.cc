// SPDX-License-Identifier: Apache-2.0
// Index files, written by plain appends and read in one pass: they may name millions of blobs.
#include "format/index_file.h"

#include <array>
#include <charconv>
#include <limits>

#include "base/error.h"
#include "format/json_walk.h"

namespace holdfast::format {

namespace {

void append_number(std::string& to, std::uint32_t value) {
  std::array<char, 10> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  to.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

// Where in an index file the reader is; its name in errors.
struct IndexPlace {
  std::size_t pack = 0;
  std::size_t blob = 0;
  [[nodiscard]] std::string operator()() const {
    return fmt::format("index file, pack {}, blob {}", pack, blob);
  }
};

class IndexReader {
 public:
  IndexReader(IndexPlace& place, const std::function<void(IndexedPack&&)>& visit)
      : place_(place), visit_(visit) {}

  void read_packs(JsonArray packs) {
    for (auto pack : packs) {
      place_.blob = 0;
      visit_(read_pack(pack.get_object()));
      ++place_.pack;
    }
  }

  [[noreturn]] void fail(std::string_view reason) const {
    throw Error(Errc::corrupt, fmt::format("{}: {}", place_(), reason));
  }

 private:
  IndexedPack read_pack(JsonObject members) {
    IndexedPack pack;
    bool has_id = false;
    bool has_blobs = false;
    for (JsonMember member : members) {
      const std::string_view key = key_of(member);
      JsonValue value = member.value();
      if (key == "id") {
        if (has_id) fail("key id stands twice");
        has_id = true;
        pack.id = id(value);
      } else if (key == "blobs") {
        if (has_blobs) fail("key blobs stands twice");
        has_blobs = true;
        if (value.is_null()) continue;  // Go's empty list
        for (auto blob : value.get_array()) {
          pack.blobs.push_back(read_blob(blob.get_object()));
          ++place_.blob;
        }
      } else {
        pass_over(value);
      }
    }
    if (!has_id || !has_blobs) fail("the pack lacks id or blobs");
    return pack;
  }

  PackedBlob read_blob(JsonObject members) const {
    enum : unsigned { id_bit = 1, type_bit = 2, offset_bit = 4, length_bit = 8, plain_bit = 16 };
    PackedBlob blob;
    unsigned seen = 0;
    const auto mark = [&](unsigned bit) {
      if ((seen & bit) != 0) fail("a key stands twice");
      seen |= bit;
    };
    for (JsonMember member : members) {
      const std::string_view key = key_of(member);
      JsonValue value = member.value();
      if (key == "id") {
        mark(id_bit);
        blob.blob.id = id(value);
      } else if (key == "type") {
        mark(type_bit);
        blob.blob.type = blob_type(value);
      } else if (key == "offset") {
        mark(offset_bit);
        blob.offset_bytes = number32(value);
      } else if (key == "length") {
        mark(length_bit);
        blob.size_bytes = number32(value);
      } else if (key == "uncompressed_length") {
        mark(plain_bit);
        blob.plain_size_bytes = number32(value);
      } else {
        pass_over(value);
      }
    }
    if ((seen | plain_bit) != (id_bit | type_bit | offset_bit | length_bit | plain_bit)) {
      fail("the blob lacks id, type, offset or length");
    }
    if (blob.size_bytes < seal_overhead_bytes) fail("the blob is shorter than IV and MAC");
    if (std::uint64_t{blob.offset_bytes} + blob.size_bytes >
        std::numeric_limits<std::uint32_t>::max()) {
      fail("the blob ends above 4 GiB");
    }
    return blob;
  }

  Id id(JsonValue value) const {
    const auto text = raw_string(value);
    const auto parsed = text ? parse_id(*text) : std::nullopt;
    if (!parsed || parsed->is_null()) fail("an id is malformed or null");
    return *parsed;
  }

  BlobType blob_type(JsonValue value) const {
    const std::string_view name = text_of(value);
    if (name == blob_type_name(BlobType::data)) return BlobType::data;
    if (name != blob_type_name(BlobType::tree)) fail("the blob's type is unknown");
    return BlobType::tree;
  }

  std::uint32_t number32(JsonValue value) const {
    const std::uint64_t number = value.get_uint64();
    if (number > std::numeric_limits<std::uint32_t>::max()) fail("a number is out of range");
    return static_cast<std::uint32_t>(number);
  }

  IndexPlace& place_;
  const std::function<void(IndexedPack&&)>& visit_;
};

}  // namespace

void append_index_json(std::string& to, const std::vector<IndexedPack>& packs) {
  to += R"({"packs":[)";
  for (std::size_t i = 0; i < packs.size(); ++i) {
    to += i == 0 ? R"({"id":")" : R"(,{"id":")";
    append_hex(to, packs[i].id);
    to += R"(","blobs":[)";
    bool is_first = true;
    for (const PackedBlob& blob : packs[i].blobs) {
      to += is_first ? R"({"id":")" : R"(,{"id":")";
      is_first = false;
      append_hex(to, blob.blob.id);
      to += R"(","type":")";
      to += blob_type_name(blob.blob.type);
      to += R"(","offset":)";
      append_number(to, blob.offset_bytes);
      to += R"(,"length":)";
      append_number(to, blob.size_bytes);
      if (blob.plain_size_bytes != 0) {
        to += R"(,"uncompressed_length":)";
        append_number(to, blob.plain_size_bytes);
      }
      to += '}';
    }
    to += "]}";
  }
  to += "]}\n";
}

void read_index_json(ByteView json, const std::function<void(IndexedPack&&)>& visit) {
  IndexPlace place;
  walk_json(json, place, [&](JsonDocument& document) {
    IndexReader reader(place, visit);
    if (document.type().value() == simdjson::ondemand::json_type::array) {
      reader.read_packs(document.get_array());
      return;
    }
    bool has_packs = false;
    for (JsonMember member : document.get_object()) {
      const bool is_packs = key_of(member) == "packs";
      JsonValue value = member.value();
      if (!is_packs) {
        pass_over(value);
        continue;
      }
      if (has_packs) reader.fail("key packs stands twice");
      has_packs = true;
      if (!value.is_null()) reader.read_packs(value.get_array());
    }
    if (!has_packs) reader.fail("key packs is missing");
  });
}

}  // namespace holdfast::format
