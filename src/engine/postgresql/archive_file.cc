// SPDX-License-Identifier: Apache-2.0
// The data of pg_dump's archives, format by format. archive_head.cc reads what stands in front.
#include "engine/postgresql/archive_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"
#include "base/fd.h"

namespace holdfast::engine::postgresql {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t buffer_bytes = 64U << 10U;
constexpr std::size_t missing_max = 20;

class FileRandom final : public model::RandomSource {
 public:
  explicit FileRandom(const fs::path& path) : path_(path), file_(open_file(path, O_RDONLY)) {
    struct ::stat status {};
    if (::fstat(file_.get(), &status) != 0)
      throw system_error(errno, "looking at " + path.native());
    size_bytes_ = static_cast<std::uint64_t>(status.st_size);
  }
  [[nodiscard]] std::uint64_t size_bytes() const override { return size_bytes_; }
  void read_at(std::uint64_t offset_bytes, std::span<std::byte> into) override {
    pread_exact(file_.get(), into, offset_bytes, path_.native());
  }

 private:
  fs::path path_;
  Fd file_;
  std::uint64_t size_bytes_ = 0;
};

using SharedFile = std::shared_ptr<model::RandomSource>;

// A stretch of a file as a stream.
class Slice final : public ByteSource {
 public:
  Slice(SharedFile file, std::uint64_t offset, std::uint64_t size_bytes)
      : file_(std::move(file)), at_(offset), left_(size_bytes) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), left_));
    if (count == 0) return 0;
    file_->read_at(at_, into.first(count));
    at_ += count;
    left_ -= count;
    return count;
  }

 private:
  SharedFile file_;
  std::uint64_t at_, left_;
};

SharedFile open_shared(const fs::path& path) {
  return std::make_shared<FileRandom>(path);
}

// Reads the custom format's small things at any place, through a buffer.
class Cursor {
 public:
  Cursor(SharedFile file, const ArchiveHead& head, std::uint64_t at)
      : file_(std::move(file)), integer_bytes_(head.integer_bytes), at_(at) {}

  [[nodiscard]] std::uint64_t at() const noexcept { return at_; }
  [[nodiscard]] bool at_end() const { return at_ >= file_->size_bytes(); }
  std::uint8_t byte() {
    if (at_ < from_ || at_ >= from_ + buffer_.size()) refill();
    return std::to_integer<std::uint8_t>(buffer_[static_cast<std::size_t>(at_++ - from_)]);
  }
  std::int64_t integer() {
    const bool negative = byte() != 0;
    std::uint64_t value = 0;
    for (unsigned i = 0; i < integer_bytes_; ++i) {
      const std::uint64_t digit = byte();
      if (i < 4) {
        value |= digit << (8 * i);
      } else if (digit != 0) {
        throw Error(Errc::corrupt, fmt::format("a number at byte {} is out of range", at_));
      }
    }
    return negative ? -static_cast<std::int64_t>(value) : static_cast<std::int64_t>(value);
  }
  // A piece of data; its length was read.
  void read(std::span<std::byte> into) {
    if (into.size() > file_->size_bytes() || at_ > file_->size_bytes() - into.size()) ends();
    file_->read_at(at_, into);
    at_ += into.size();
  }
  void skip(std::uint64_t count) {
    if (at_ > file_->size_bytes() || count > file_->size_bytes() - at_) ends();
    at_ += count;
  }
  // Length of the next piece of a block; 0 behind its last.
  std::uint64_t piece() {
    const std::int64_t length = integer();
    if (length < 0)
      throw Error(Errc::corrupt, fmt::format("a piece of data at byte {} has no length", at_));
    return static_cast<std::uint64_t>(length);
  }
  void skip_pieces() {
    while (const std::uint64_t length = piece()) skip(length);
  }

 private:
  [[noreturn]] void ends() const {
    throw Error(Errc::corrupt,
                fmt::format("the archive ends at byte {}, within its data", file_->size_bytes()));
  }
  void refill() {
    if (at_end()) ends();
    const std::uint64_t left = file_->size_bytes() - at_;
    buffer_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(left, 4096)));
    from_ = at_;
    file_->read_at(at_, buffer_);
  }

  SharedFile file_;
  unsigned integer_bytes_;
  std::uint64_t at_;
  Bytes buffer_;
  std::uint64_t from_ = 0;
};

// The pieces of one block as a stream. The cursor outlives it and stands behind the block at its
// end.
class PieceSource final : public ByteSource {
 public:
  explicit PieceSource(Cursor& cursor) : cursor_(&cursor) {}
  explicit PieceSource(std::unique_ptr<Cursor> cursor)
      : own_(std::move(cursor)), cursor_(own_.get()) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override {
    if (into.empty() || ended_) return 0;
    if (left_ == 0) left_ = cursor_->piece();
    ended_ = left_ == 0;
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, into.size()));
    if (count > 0) cursor_->read(into.first(count));
    left_ -= count;
    return count;
  }
  void skip() {
    if (ended_) return;
    cursor_->skip(left_);
    cursor_->skip_pieces();
    ended_ = true;
  }

 private:
  std::unique_ptr<Cursor> own_;
  Cursor* cursor_;
  std::uint64_t left_ = 0;
  bool ended_ = false;
};

// Lends a source to who wants to own one.
class Borrowed final : public ByteSource {
 public:
  explicit Borrowed(ByteSource& source) : source_(source) {}
  [[nodiscard]] std::size_t read(std::span<std::byte> into) override { return source_.read(into); }

 private:
  ByteSource& source_;
};

std::string label(const ArchiveEntry& entry) {
  const std::string name = entry.schema.empty() ? entry.tag : entry.schema + "." + entry.tag;
  return fmt::format("{} {}", entry.description, name);
}

constexpr std::uint8_t data_block = 1, large_objects_block = 3;

class CustomArchive final : public ArchiveFile {
 public:
  CustomArchive(SharedFile file, ArchiveHead head)
      : ArchiveFile(std::move(head)), file_(std::move(file)) {
    bool searches = false;
    for (const ArchiveEntry& entry : this->head().entries)
      searches = searches || (!entry.offset && !entry.no_data);
    if (searches) search();
  }

  [[nodiscard]] std::unique_ptr<ByteSource> data(const ArchiveEntry& entry) const override {
    std::unique_ptr<Cursor> cursor = block(entry, data_block);
    if (!cursor) return nullptr;
    return decompress(std::make_unique<PieceSource>(std::move(cursor)), head().compression);
  }

  void large_objects(const ArchiveEntry& entry, const LargeObject& each) const override {
    const std::unique_ptr<Cursor> cursor = block(entry, large_objects_block);
    if (!cursor) return;
    while (const std::int64_t oid = cursor->integer()) {
      PieceSource pieces(*cursor);
      const auto content = decompress(std::make_unique<Borrowed>(pieces), head().compression);
      each(static_cast<std::uint32_t>(oid), *content);
      pieces.skip();
    }
  }

  [[nodiscard]] std::vector<std::string> find_missing() const override {
    std::vector<std::string> missing;
    const ArchiveEntry* last = nullptr;
    for (const ArchiveEntry& entry : head().entries) {
      if (entry.no_data) continue;
      if (entry.offset && (last == nullptr || *entry.offset > *last->offset)) last = &entry;
      note(missing, entry, [&] { static_cast<void>(block(entry, 0)); });
    }
    if (!search_failure_.empty()) missing.push_back(search_failure_);
    // What was written last is what a truncated file lacks.
    if (last != nullptr && missing.empty()) {
      note(missing, *last, [&] {
        std::uint8_t type = 0;
        const std::unique_ptr<Cursor> cursor = block(*last, 0, &type);
        if (cursor) skip_block(*cursor, type);
      });
    }
    return missing;
  }

 private:
  template <typename Body>
  static void note(std::vector<std::string>& missing, const ArchiveEntry& entry, Body body) {
    try {
      body();
    } catch (const Error& error) {
      if (error.code() != Errc::corrupt) throw;
      if (missing.size() < missing_max) missing.push_back(error.message());
      static_cast<void>(entry);
    }
  }

  void skip_block(Cursor& cursor, std::uint8_t type) const {
    if (type == data_block) return cursor.skip_pieces();
    while (cursor.integer() != 0) cursor.skip_pieces();
  }

  // A cursor behind the head of the entry's block; nothing if it has none.
  [[nodiscard]] std::unique_ptr<Cursor> block(const ArchiveEntry& entry, std::uint8_t type_wanted,
                                              std::uint8_t* type_found = nullptr) const {
    if (entry.no_data) return nullptr;
    std::optional<std::uint64_t> offset = entry.offset;
    if (!offset) {
      const auto found = found_.find(entry.dump_id);
      if (found == found_.end())
        throw Error(Errc::corrupt, fmt::format("the data of {} are missing", label(entry)));
      offset = found->second;
    }
    if (*offset < head().size_bytes || *offset >= file_->size_bytes()) {
      throw Error(Errc::corrupt,
                  fmt::format("the data of {} should be at byte {}, the archive has {} bytes",
                              label(entry), *offset, file_->size_bytes()));
    }
    auto cursor = std::make_unique<Cursor>(file_, head(), *offset);
    const std::uint8_t type = cursor->byte();
    if (type_found != nullptr) *type_found = type;
    const std::int64_t id = cursor->integer();
    const bool known = type == data_block || type == large_objects_block;
    if (!known || id != entry.dump_id || (type_wanted != 0 && type != type_wanted)) {
      throw Error(Errc::corrupt, fmt::format("at byte {}, where the data of {} should be, is "
                                             "something else",
                                             *offset, label(entry)));
    }
    return cursor;
  }

  // Where the places were not written down, as to a pipe: block after block.
  void search() {
    Cursor cursor(file_, head(), head().size_bytes);
    try {
      while (!cursor.at_end()) {
        const std::uint64_t at = cursor.at();
        const std::uint8_t type = cursor.byte();
        const std::int64_t id = cursor.integer();
        if (type != data_block && type != large_objects_block)
          throw Error(Errc::corrupt, fmt::format("at byte {} no data begin", at));
        skip_block(cursor, type);
        found_.emplace(static_cast<std::int32_t>(id), at);
      }
    } catch (const Error& error) {
      if (error.code() != Errc::corrupt) throw;
      search_failure_ = error.message();
    }
  }

  SharedFile file_;
  std::map<std::int32_t, std::uint64_t> found_;
  std::string search_failure_;
};

// What a directory and a tar have in common: entries with files, large objects in a list of files.
class ArchiveOfFiles : public ArchiveFile {
 public:
  [[nodiscard]] std::unique_ptr<ByteSource> data(const ArchiveEntry& entry) const override {
    if (entry.file.empty()) return nullptr;
    return file(checked_file_of(entry));
  }

  void large_objects(const ArchiveEntry& entry, const LargeObject& each) const override {
    const std::unique_ptr<ByteSource> list = data(entry);
    if (!list) return;
    std::string line;
    Bytes buffer(buffer_bytes);
    while (const std::size_t count = list->read(buffer)) {
      for (const char c : as_text(ByteView(buffer).first(count))) {
        if (c != '\n') {
          line += c;
          if (line.size() > 4096)
            throw Error(Errc::corrupt, "a line of " + entry.file + " is impossibly long");
          continue;
        }
        one_large_object(line, each);
        line.clear();
      }
    }
    if (!line.empty()) one_large_object(line, each);
  }

  [[nodiscard]] std::vector<std::string> find_missing() const override {
    std::vector<std::string> missing;
    for (const ArchiveEntry& entry : head().entries) {
      if (entry.file.empty() || missing.size() >= missing_max) continue;
      try {
        const std::string name = checked_file_of(entry);
        if (!has(name))
          missing.push_back(fmt::format("{} is missing, with the data of {}", name, label(entry)));
      } catch (const Error& error) {
        if (error.code() != Errc::corrupt) throw;
        missing.push_back(error.message());
      }
    }
    return missing;
  }

 protected:
  using ArchiveFile::ArchiveFile;
  [[nodiscard]] virtual std::unique_ptr<ByteSource> file(const std::string& name) const = 0;
  [[nodiscard]] virtual bool has(const std::string& name) const = 0;

  static void check_name(const std::string& name) {
    if (name.find('/') != std::string::npos || name == "." || name == ".." ||
        name.find('\0') != std::string::npos) {
      throw Error(Errc::corrupt, "the archive names a file outside of itself: " + name);
    }
  }

 private:
  [[nodiscard]] std::string checked_file_of(const ArchiveEntry& entry) const {
    check_name(entry.file);
    // A tar names a file here that it does not have, and lists large objects elsewhere.
    if (entry.description != "BLOBS" || has(entry.file)) return entry.file;
    const std::string newer = fmt::format("blobs_{}.toc", entry.dump_id);
    return has(newer) ? newer : "blobs.toc";
  }

  // "16401 blob_16401.dat"
  void one_large_object(std::string_view line, const LargeObject& each) const {
    std::uint32_t oid = 0;
    const auto [end, failure] = std::from_chars(line.data(), line.data() + line.size(), oid);
    const auto digits = static_cast<std::size_t>(end - line.data());
    if (failure != std::errc() || digits + 1 >= line.size() || line[digits] != ' ')
      throw Error(Errc::corrupt, "the archive's list of large objects is malformed");
    const std::string name(line.substr(digits + 1));
    check_name(name);
    each(oid, *file(name));
  }
};

class DirectoryArchive final : public ArchiveOfFiles {
 public:
  DirectoryArchive(fs::path directory, ArchiveHead head)
      : ArchiveOfFiles(std::move(head)), directory_(std::move(directory)) {}

 private:
  struct Ending {
    const char* suffix;
    Compression compression;
  };
  static constexpr std::array<Ending, 4> endings{{{"", Compression::none},
                                                  {".gz", Compression::gzip},
                                                  {".lz4", Compression::lz4},
                                                  {".zst", Compression::zstd}}};

  [[nodiscard]] std::unique_ptr<ByteSource> file(const std::string& name) const override {
    std::error_code failure;
    for (const Ending& ending : endings) {
      const fs::path path = directory_ / (name + ending.suffix);
      if (!fs::is_regular_file(path, failure)) continue;
      SharedFile shared = open_shared(path);
      const std::uint64_t size_bytes = shared->size_bytes();
      return decompress(std::make_unique<Slice>(std::move(shared), 0, size_bytes),
                        ending.compression);
    }
    throw Error(Errc::corrupt, fmt::format("{} is missing in {}", name, directory_.native()));
  }
  [[nodiscard]] bool has(const std::string& name) const override {
    std::error_code failure;
    return std::any_of(endings.begin(), endings.end(), [&](const Ending& ending) {
      return fs::is_regular_file(directory_ / (name + ending.suffix), failure);
    });
  }

  fs::path directory_;
};

struct TarMember {
  std::uint64_t offset = 0, size_bytes = 0;
};

constexpr std::size_t tar_block_bytes = 512;

// The member whose header that is. Errc::corrupt.
std::pair<std::string, std::uint64_t> parse_tar_header(ByteView block) {
  const std::string_view text = as_text(block);
  std::uint64_t sum = 0, expected = 0, size_bytes = 0;
  for (std::size_t i = 0; i < block.size(); ++i)
    sum += i >= 148 && i < 156 ? ' ' : std::to_integer<std::uint8_t>(block[i]);
  const auto octal = [&](std::size_t from, std::size_t count) {
    std::uint64_t value = 0;
    for (const char c : text.substr(from, count)) {
      if (c >= '0' && c <= '7') {
        value = value * 8 + static_cast<std::uint64_t>(c - '0');
      } else if (c != ' ' && c != '\0') {
        throw Error(Errc::corrupt, "a tar header holds no number where one should be");
      }
    }
    return value;
  };
  expected = octal(148, 8);
  if (sum != expected) throw Error(Errc::corrupt, "a tar header does not match its checksum");
  if ((std::to_integer<std::uint8_t>(block[124]) & 0x80U) != 0) {
    for (std::size_t i = 128; i < 136; ++i)  // big-endian, of which eight bytes are enough
      size_bytes = size_bytes << 8U | std::to_integer<std::uint8_t>(block[i]);
  } else {
    size_bytes = octal(124, 12);
  }
  const std::string_view name = text.substr(0, 100);
  return {std::string(name.substr(0, name.find('\0'))), size_bytes};
}

class TarArchive final : public ArchiveOfFiles {
 public:
  TarArchive(SharedFile file, ArchiveHead head, std::map<std::string, TarMember> members,
             std::string failure)
      : ArchiveOfFiles(std::move(head)),
        file_(std::move(file)),
        members_(std::move(members)),
        failure_(std::move(failure)) {}

  [[nodiscard]] std::vector<std::string> find_missing() const override {
    std::vector<std::string> missing = ArchiveOfFiles::find_missing();
    if (!failure_.empty()) missing.push_back(failure_);
    return missing;
  }

 private:
  [[nodiscard]] std::unique_ptr<ByteSource> file(const std::string& name) const override {
    const auto found = members_.find(name);
    if (found == members_.end())
      throw Error(Errc::corrupt, fmt::format("the archive has no {}", name));
    return std::make_unique<Slice>(file_, found->second.offset, found->second.size_bytes);
  }
  [[nodiscard]] bool has(const std::string& name) const override { return members_.contains(name); }

  SharedFile file_;
  std::map<std::string, TarMember> members_;
  std::string failure_;
};

bool is_tar(model::RandomSource& file) {
  if (file.size_bytes() < tar_block_bytes) return false;
  Bytes block(tar_block_bytes);
  file.read_at(0, block);
  return as_text(block).starts_with(std::string_view("toc.dat\0", 8));
}

std::unique_ptr<ArchiveFile> open_tar(SharedFile file) {
  std::map<std::string, TarMember> members;
  std::string failure;
  std::uint64_t at = 0;
  bool has_end = false;
  Bytes block(tar_block_bytes);
  while (file->size_bytes() - at >= tar_block_bytes) {
    file->read_at(at, block);
    has_end = std::all_of(block.begin(), block.end(), [](std::byte b) { return b == std::byte{}; });
    if (has_end) break;
    std::string name;
    std::uint64_t size_bytes = 0;
    try {
      std::tie(name, size_bytes) = parse_tar_header(block);
    } catch (const Error& error) {
      failure = fmt::format("{} (at byte {})", error.message(), at);
      break;
    }
    at += tar_block_bytes;
    const std::uint64_t left = file->size_bytes() - at;
    if (size_bytes > left) {
      failure = fmt::format("the archive ends within {}: {} of {} bytes are there", name, left,
                            size_bytes);
      break;
    }
    members.emplace(name, TarMember{at, size_bytes});
    const std::uint64_t padded =
        (size_bytes + tar_block_bytes - 1) / tar_block_bytes * tar_block_bytes;
    at += std::min(padded, left);
  }
  if (!has_end && failure.empty()) failure = "the archive ends without the mark of a tar's end";
  const auto toc = members.find("toc.dat");
  if (toc == members.end())
    throw Error(Errc::corrupt, failure.empty() ? "the archive has no table of contents" : failure);
  Slice source(file, toc->second.offset, toc->second.size_bytes);
  ArchiveHead head = read_archive_head(source);
  if (head.format != ArchiveFormat::tar)
    throw Error(Errc::corrupt, "the table of contents in this tar is of another format");
  return std::make_unique<TarArchive>(std::move(file), std::move(head), std::move(members),
                                      std::move(failure));
}

}  // namespace

std::unique_ptr<ArchiveFile> open_archive(std::shared_ptr<model::RandomSource> file) {
  Bytes front(static_cast<std::size_t>(std::min<std::uint64_t>(file->size_bytes(), 5)));
  file->read_at(0, front);
  if (is_archive(front)) {
    Slice source(file, 0, file->size_bytes());
    ArchiveHead head = read_archive_head(source);
    if (head.format != ArchiveFormat::custom) {
      throw Error(Errc::unsupported, "this is the table of contents of an archive, not the archive")
          .set_hint("Name the directory that it lies in.");
    }
    return std::make_unique<CustomArchive>(std::move(file), std::move(head));
  }
  return is_tar(*file) ? open_tar(std::move(file)) : nullptr;
}

std::unique_ptr<ArchiveFile> open_archive(const fs::path& path) {
  std::error_code failure;
  if (fs::is_directory(path, failure)) {
    if (!fs::is_regular_file(path / "toc.dat", failure)) return nullptr;
    SharedFile toc = open_shared(path / "toc.dat");
    const std::uint64_t size_bytes = toc->size_bytes();
    Slice source(std::move(toc), 0, size_bytes);
    ArchiveHead head = read_archive_head(source);
    // Written by the code for tar, and marked as that.
    if (head.format == ArchiveFormat::custom)
      throw Error(Errc::corrupt, "the toc.dat in " + path.native() + " is of another format");
    head.format = ArchiveFormat::directory;
    return std::make_unique<DirectoryArchive>(path, std::move(head));
  }
  if (!fs::is_regular_file(path, failure)) return nullptr;
  return open_archive(open_shared(path));
}

}  // namespace holdfast::engine::postgresql
