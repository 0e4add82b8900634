// SPDX-License-Identifier: Apache-2.0
// The bundle format 3, byte by byte.
#include "profile/magnolia/bundle.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <limits>

#include "base/error.h"

namespace holdfast::profile::magnolia {
namespace {

constexpr std::uint32_t format_read = 3;
// What stands in the place of an inline binary's length.
constexpr std::int32_t in_data_store = -2;
constexpr std::int32_t in_binval = -1;

class Reader {
 public:
  Reader(const NodeId& id, ByteView bytes, BundleVisitor& visitor)
      : id_(id), bytes_(bytes), visitor_(visitor) {}

  void read() {
    check_format();
    const Name type = name();
    const NodeId parent = node_id();
    static_cast<void>(varint());  // how often it was written: nobody's business
    const std::uint32_t flags = byte();
    visitor_.node(type, parent == no_parent_id ? std::nullopt : std::optional(parent),
                  (flags & 1U) != 0);
    for (std::uint32_t n = count(flags >> 7U, 1); n > 0; --n) visitor_.mixin(name());
    for (std::uint32_t n = count(flags >> 4U & 7U, 7); n > 0; --n) property();
    for (std::uint32_t n = count(flags >> 2U & 3U, 3); n > 0; --n) {
      const Name child = name();
      visitor_.child(child, node_id());
    }
    for (std::uint32_t n = count(flags >> 1U & 1U, 1); n > 0; --n)
      visitor_.shared_parent(node_id());
    if (at_ != bytes_.size()) fail(fmt::format("{} bytes are left over", bytes_.size() - at_));
  }

 private:
  [[noreturn]] void fail(std::string_view what) const {
    throw Error(Errc::corrupt,
                fmt::format("bundle of node {}: {} at offset {}", id_.text(), what, at_));
  }

  void check_format() {
    const std::uint32_t format = byte();
    if (format == format_read) return;
    Error error(Errc::unsupported,
                fmt::format("bundle of node {} is in format {}", id_.text(), format));
    if (format < format_read) {
      error.set_hint(
          "Jackrabbit before 2.2 wrote it; let the application write the node once more, or copy "
          "the repository with the application's own tool.");
    }
    throw error;
  }

  ByteView take(std::size_t size_bytes, std::string_view what) {
    if (size_bytes > bytes_.size() - at_) {
      fail(fmt::format("{} of {} bytes, {} are left", what, size_bytes, bytes_.size() - at_));
    }
    const ByteView taken = bytes_.subspan(at_, size_bytes);
    at_ += size_bytes;
    return taken;
  }

  std::uint32_t byte() { return std::to_integer<std::uint32_t>(take(1, "a number")[0]); }

  // Seven bits a byte, the least significant first; at most five bytes make 32 bits.
  std::uint32_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
      const std::uint32_t more = byte();
      value |= std::uint64_t{more & 0x7fU} << shift;
      if (more < 0x80) {
        if (value > std::numeric_limits<std::uint32_t>::max()) break;
        return static_cast<std::uint32_t>(value);
      }
    }
    fail("a number of more than 32 bits");
  }

  std::uint32_t length() {
    const std::uint32_t value = varint();
    if (value > std::uint32_t{std::numeric_limits<std::int32_t>::max()}) fail("a negative length");
    return value;
  }

  // A count that stands in a few bits of another byte, and after `base` as a number of its own.
  // Each thing counted has one byte at least, so that nobody counts to two thousand millions in
  // vain.
  std::uint32_t count(std::uint32_t bits, std::uint32_t base) {
    if (bits < base) return bits;
    const std::uint64_t all = std::uint64_t{length()} + base;
    if (all > bytes_.size() - at_) {
      fail(fmt::format("a count of {} with {} bytes left", all, bytes_.size() - at_));
    }
    return static_cast<std::uint32_t>(all);
  }

  std::int64_t long_number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const std::uint64_t more = byte();
      if (shift == 63 && more > 1) fail("a number of more than 64 bits");
      value |= (more & 0x7fU) << shift;
      if (more < 0x80) break;
    }
    const std::uint64_t half = value >> 1U;
    return static_cast<std::int64_t>((value & 1U) != 0 ? ~half : half);
  }

  bool boolean() {
    const std::uint32_t value = byte();
    if (value > 1) fail("neither true nor false");
    return value == 1;
  }

  std::string_view text() {
    const std::uint32_t size_bytes = length();
    return as_text(take(size_bytes, "a text"));
  }

  NodeId node_id() {
    const ByteView bytes = take(16, "a node id");
    return {load_be64(bytes.data()), load_be64(bytes.data() + 8)};
  }

  // One byte: 0…125 are common names; else bit 7, three bits for the namespace (7: it follows, and
  // is not kept) and four for the length of the local part, less one (15: the rest of it follows).
  Name name() {
    const std::uint32_t head = byte();
    if (head < 0x80) {
      if (head >= common_names().size()) fail(fmt::format("common name number {}", head));
      return common_names()[head];
    }
    const std::size_t place = head >> 4U & 7U;
    std::string_view uri;
    if (place < uris_.size() && (uris_known_ >> place & 1U) != 0) {
      uri = uris_[place];
    } else {
      uri = text();
      if (!uri.empty()) visitor_.uri(uri);
      if (place < uris_.size()) {
        uris_[place] = uri;
        uris_known_ |= 1U << place;
      }
    }
    const std::uint64_t size_bytes =
        (head & 15U) < 15 ? std::uint64_t{head & 15U} + 1 : std::uint64_t{length()} + 16;
    return {uri, as_text(take(size_bytes, "a name"))};
  }

  void property() {
    const Name property_name = name();
    const std::uint32_t head = byte();
    const std::uint32_t type = head & 15U;
    if (type < 1 || type > 12) fail(fmt::format("property type {}", type));
    // Four bits: 0 for a single value, else how many there are, plus one.
    const std::uint32_t bits = head >> 4U;
    const std::uint32_t values = bits == 0 ? 1 : count(bits, 15) - 1;
    static_cast<void>(varint());  // how often it was written
    PropertyValue value;
    value.type = static_cast<PropertyType>(type);
    visitor_.property(property_name, value.type, bits != 0, values);
    for (std::uint32_t n = values; n > 0; --n) {
      read_value(value);
      visitor_.value(value);
    }
  }

  void read_value(PropertyValue& value) {
    switch (value.type) {
      case PropertyType::binary:
        return read_binary(value);
      case PropertyType::long_number:
      case PropertyType::date:
        value.number = long_number();
        return;
      case PropertyType::double_number:
        value.real = std::bit_cast<double>(load_be64(take(8, "a number").data()));
        return;
      case PropertyType::boolean:
        value.number = boolean() ? 1 : 0;
        return;
      case PropertyType::name:
        value.name = name();
        return;
      case PropertyType::reference:
      case PropertyType::weak_reference:
        value.id = node_id();
        return;
      case PropertyType::decimal:
        value.text = boolean() ? text() : std::string_view();
        return;
      case PropertyType::string:
      case PropertyType::path:
      case PropertyType::uri:
        value.text = text();
        return;
    }
  }

  void read_binary(PropertyValue& value) {
    const auto size = static_cast<std::int32_t>(load_be32(take(4, "a length").data()));
    if (size == in_data_store || size == in_binval) {
      value.place = size == in_data_store ? BinaryPlace::data_store : BinaryPlace::binval;
      value.text = text();
      return;
    }
    if (size < 0) fail(fmt::format("a length of {} bytes", size));
    value.place = BinaryPlace::here;
    value.text = as_text(take(static_cast<std::size_t>(size), "a binary"));
  }

  NodeId id_;
  ByteView bytes_;
  std::size_t at_ = 0;
  BundleVisitor& visitor_;
  // The first seven namespaces of the bundle, the empty one before all.
  std::array<std::string_view, 7> uris_{};
  unsigned uris_known_ = 1;
};

}  // namespace

void read_bundle(const NodeId& id, ByteView bundle, BundleVisitor& visitor) {
  Reader(id, bundle, visitor).read();
}

}  // namespace holdfast::profile::magnolia
