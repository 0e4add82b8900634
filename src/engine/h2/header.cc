// SPDX-License-Identifier: Apache-2.0
#include "engine/h2/header.h"

#include <algorithm>
#include <charconv>

namespace holdfast::engine::h2 {
namespace {

constexpr std::string_view checksum_name = "fletcher";
constexpr std::uint64_t chunk_id_max = (1U << 26U) - 1;
constexpr std::uint64_t blocks_max = std::uint64_t{1} << 51U;  // a file has 2^63 bytes at most

bool is_padding(char c) noexcept {
  return static_cast<unsigned char>(c) <= ' ';
}

std::string_view without_padding(std::string_view text) noexcept {
  while (!text.empty() && is_padding(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_padding(text.back())) text.remove_suffix(1);
  return text;
}

// A value from `at` on, which then is past its end. In quotes a backslash guards the next byte.
std::string take_value(std::string_view text, std::size_t& at) {
  std::string value;
  bool quoted = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      quoted = !quoted;
    } else if (quoted && c == '\\' && at + 1 < text.size()) {
      value += text[++at];
    } else if (!quoted && c == ',') {
      break;
    } else {
      value += c;
    }
  }
  return value;
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::uint32_t fletcher32(ByteView bytes) noexcept {
  std::uint32_t low = 0xffff;
  std::uint32_t high = 0xffff;
  const auto fold = [](std::uint32_t sum) { return (sum & 0xffffU) + (sum >> 16U); };
  const auto byte = [&](std::size_t at) { return static_cast<std::uint32_t>(bytes[at]); };
  constexpr std::size_t words_without_fold = 360;
  std::size_t words = 0;
  std::size_t at = 0;
  for (; at + 1 < bytes.size(); at += 2) {
    low += byte(at) << 8U | byte(at + 1);
    high += low;
    if (++words % words_without_fold == 0) {
      low = fold(low);
      high = fold(high);
    }
  }
  low = fold(low);
  high = fold(high);
  if (at < bytes.size()) {
    low += byte(at) << 8U;
    high += low;
  }
  return fold(high) << 16U | (fold(low) & 0xffffU);
}

std::optional<Fields> parse_fields(std::string_view text) {
  Fields fields;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t colon = text.find(':', at);
    if (colon == std::string_view::npos) return std::nullopt;
    std::string name(text.substr(at, colon - at));
    at = colon + 1;
    fields[std::move(name)] = take_value(text, at);
    ++at;  // the comma
  }
  return fields;
}

std::optional<Fields> parse_checked(ByteView bytes) {
  const std::string_view text = without_padding(as_text(bytes));
  std::size_t sum_at = text.rfind(checksum_name);
  if (sum_at == std::string_view::npos || sum_at == 0 || text[sum_at - 1] != ',')
    return std::nullopt;
  std::optional<Fields> fields = parse_fields(text);
  if (!fields) return std::nullopt;
  const auto sum = hex_field(*fields, std::string(checksum_name));
  if (!sum || *sum != fletcher32(as_bytes(text.substr(0, sum_at - 1)))) return std::nullopt;
  fields->erase(std::string(checksum_name));
  return fields;
}

std::optional<std::uint64_t> hex_field(const Fields& fields, const std::string& name) {
  const auto found = fields.find(name);
  return found == fields.end() ? std::nullopt : number_of(found->second);
}

std::optional<Header> parse_header(ByteView block) {
  const std::optional<Fields> fields = parse_checked(block);
  if (!fields || hex_field(*fields, "H") != 2U) return std::nullopt;
  Header header;
  header.format = hex_field(*fields, "format").value_or(1);
  header.block_size = hex_field(*fields, "blockSize").value_or(block_bytes);
  header.created_ms = hex_field(*fields, "created").value_or(0);
  header.chunk = hex_field(*fields, "chunk");
  header.block = hex_field(*fields, "block");
  header.version = hex_field(*fields, "version");
  header.clean = hex_field(*fields, "clean").value_or(0) != 0;
  return header;
}

std::optional<Chunk> parse_chunk(std::string_view text) {
  const std::optional<Fields> fields = parse_fields(without_padding(text));
  if (!fields) return std::nullopt;
  const auto number = [&](const char* name, std::uint64_t otherwise) {
    return hex_field(*fields, name).value_or(otherwise);
  };
  Chunk chunk;
  chunk.id = number("chunk", 0);
  chunk.block = number("block", 0);
  chunk.blocks = number("len", 0);
  chunk.pages = number("pages", 0);
  chunk.live_pages = number("livePages", chunk.pages);
  chunk.root = number("root", 0);
  chunk.next = number("next", 0);
  chunk.version = number("version", chunk.id);
  chunk.table = number("toc", 0);
  if (chunk.id == 0 || chunk.id > chunk_id_max) return std::nullopt;
  return chunk;
}

std::optional<ChunkHeader> parse_chunk_header(ByteView bytes) {
  const std::string_view text = as_text(bytes.first(std::min(bytes.size(), chunk_header_max)));
  if (!text.starts_with("chunk:")) return std::nullopt;
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::optional<Chunk> chunk = parse_chunk(text.substr(0, end));
  if (!chunk || chunk->blocks == 0 || chunk->blocks >= blocks_max) return std::nullopt;
  return ChunkHeader{*chunk, end + 1};
}

std::optional<Footer> parse_footer(ByteView bytes) {
  const std::optional<Fields> fields = parse_checked(bytes);
  if (!fields) return std::nullopt;
  Footer footer;
  footer.id = hex_field(*fields, "chunk").value_or(0);
  footer.version = hex_field(*fields, "version").value_or(footer.id);
  footer.block = hex_field(*fields, "block").value_or(0);
  footer.blocks = hex_field(*fields, "len").value_or(0);
  if (footer.id == 0 || footer.id > chunk_id_max || footer.block >= blocks_max ||
      footer.blocks >= blocks_max)
    return std::nullopt;
  return footer;
}

bool is_encrypted(ByteView front) noexcept {
  return as_text(front).starts_with("H2encrypt\n");
}

bool begins_as_store(ByteView front) noexcept {
  return as_text(front).starts_with("H:2,") || is_encrypted(front);
}

}  // namespace holdfast::engine::h2
