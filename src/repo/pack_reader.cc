// SPDX-License-Identifier: Apache-2.0
// Runs of blobs read with one request each, and pack headers.
#include "repo/pack_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/error.h"
#include "repo/damage.h"

namespace holdfast::repo {
namespace {

using format::Id;
using format::PackedBlob;
using storage::FileKind;
using storage::FileRef;

constexpr std::uint64_t gap_bytes_max = 1U << 20U;
constexpr std::uint64_t run_bytes_max = 32U << 20U;
// Larger blobs are opened one at a time, for the memory they take.
constexpr std::size_t paired_bytes_max = 16U << 20U;
// So many are opened together; more than two only while all have so many bytes at most.
constexpr std::size_t group_max = 16;
constexpr std::size_t group_bytes = 1U << 20U;
// The last 15 entries and what seals them: one request for most headers.
constexpr std::uint64_t header_guess_bytes =
    15 * 41 + format::seal_overhead_bytes + format::pack_trailer_bytes;

std::uint64_t end_of(const PackedBlob& blob) noexcept {
  return std::uint64_t{blob.offset_bytes} + blob.size_bytes;
}

void check_size(const PackedBlob& blob) {
  if (blob.size_bytes <= blob_bytes_max && blob.plain_bytes() <= blob_bytes_max) return;
  throw Error(
      Errc::corrupt,
      fmt::format("{} blob {} claims to have {} bytes", blob_type_name(blob.blob.type),
                  blob.blob.id.hex(), std::max<std::size_t>(blob.size_bytes, blob.plain_bytes())));
}

template <typename Body>
void opening(const PackedBlob& blob, const Body& body) {
  try {
    body();
  } catch (Error& error) {
    error.add_context(
        fmt::format("opening {} blob {}", blob_type_name(blob.blob.type), blob.blob.id.hex()));
    throw;
  }
}

// Reads blobs of one pack; a run that cannot be read is taken apart.
class Reader {
 public:
  using Visit = std::function<void(const PackedBlob&, Bytes&)>;
  using Failed = std::function<void(const PackedBlob&, const Error&)>;

  Reader(Repository& repository, const Id& pack, Codec& codec, const Visit& visit,
         const Failed& failed)
      : storage_(repository.storage()),
        file_{FileKind::pack, pack.hex()},
        codec_(codec),
        visit_(visit),
        failed_(failed) {}

  void read_run(std::span<const PackedBlob> run) {
    const std::uint64_t begin = run.front().offset_bytes;
    std::uint64_t end = 0;
    for (const PackedBlob& blob : run) end = std::max(end, end_of(blob));
    const bool is_read = run.size() > 1 && try_read(begin, end - begin);
    const auto sealed_of = [&](const PackedBlob& blob) {
      return is_read ? ByteView(buffer()).subspan(blob.offset_bytes - begin, blob.size_bytes)
                     : ByteView();
    };
    while (!run.empty()) {
      const auto group = run.first(is_read ? group_size(run) : 1);
      if (group.size() > 1 && try_group(group, sealed_of)) {
        for (std::size_t i = 0; i < group.size(); ++i) visit_(group[i], plains_[i]);
      } else {
        for (const PackedBlob& blob : group) deliver(blob, sealed_of(blob));
      }
      run = run.subspan(group.size());
    }
  }

 private:
  [[nodiscard]] bool try_read(std::uint64_t offset_bytes, std::uint64_t size_bytes) {
    buffer().resize(size_bytes);
    try {
      storage_.read(file_, offset_bytes, buffer());
      return true;
    } catch (const Error& error) {  // one by one, the sound part may still be had
      if (!is_damage(error)) throw;
      return false;
    }
  }

  // How many blobs at the front are opened together: two, and more of small ones.
  [[nodiscard]] static std::size_t group_size(std::span<const PackedBlob> run) noexcept {
    std::size_t count = 0;
    std::size_t together = 0;
    while (count < run.size() && count < group_max) {
      const std::size_t plain = run[count].plain_bytes();
      if (plain > paired_bytes_max || (count >= 2 && together + plain > group_bytes)) break;
      together += plain;
      ++count;
    }
    return std::max<std::size_t>(count, 1);
  }

  // Opens several, which are hashed together in less time than one by one. False if any fails: each
  // is then read by itself.
  template <typename SealedOf>
  [[nodiscard]] bool try_group(std::span<const PackedBlob> blobs, const SealedOf& sealed_of) {
    std::array<ByteView, group_max> plains;
    try {
      for (std::size_t i = 0; i < blobs.size(); ++i) {
        unseal_blob(blobs[i], sealed_of(blobs[i]), codec_, plains_[i]);
        plains[i] = plains_[i];
      }
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      return false;
    }
    const std::vector<Id> ids = format::ids_of(std::span(plains).first(blobs.size()));
    return std::ranges::equal(ids, blobs, {}, {},
                              [](const PackedBlob& blob) { return blob.blob.id; });
  }

  void deliver(const PackedBlob& blob, ByteView sealed) {
    std::optional<Error> failure = sealed.empty() ? try_alone(blob) : try_open(blob, sealed);
    if (failure) failure = try_alone(blob);  // the fault may have been on the way
    if (failure) {
      failed_(blob, *failure);
    } else {
      visit_(blob, plain_);
    }
  }

  [[nodiscard]] std::optional<Error> try_open(const PackedBlob& blob, ByteView sealed) {
    try {
      open_blob(blob, sealed, codec_, plain_);
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      return error;
    }
    return std::nullopt;
  }

  [[nodiscard]] std::optional<Error> try_alone(const PackedBlob& blob) {
    try {
      check_size(blob);
      if (blob.size_bytes > run_bytes_max) check_within(blob);
      alone_.resize(blob.size_bytes);
      storage_.read(file_, blob.offset_bytes, alone_);
      open_blob(blob, alone_, codec_, plain_);
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      return error;
    }
    return std::nullopt;
  }

  // Before much memory is taken on the word of an index.
  void check_within(const PackedBlob& blob) {
    const std::optional<std::uint64_t> size_bytes = storage_.size_bytes(file_);
    if (size_bytes && end_of(blob) <= *size_bytes) return;
    throw Error(Errc::corrupt, fmt::format("{} ends before {} blob {}", display(file_),
                                           blob_type_name(blob.blob.type), blob.blob.id.hex()));
  }

  [[nodiscard]] Bytes& buffer() const noexcept { return codec_.run; }

  storage::Storage& storage_;
  const FileRef file_;
  Codec& codec_;
  const Visit& visit_;
  const Failed& failed_;
  Bytes alone_;
  Bytes plain_;
  std::array<Bytes, group_max> plains_;
};

}  // namespace

void unseal_blob(const PackedBlob& blob, ByteView sealed, Codec& codec, Bytes& plain) {
  check_size(blob);
  opening(blob, [&] {
    if (blob.plain_size_bytes == 0) {
      codec.sealer.open(sealed, plain);
    } else {
      codec.sealer.open(sealed, codec.scratch);
      codec.decompressor.decompress(codec.scratch, blob.plain_size_bytes, plain);
    }
  });
}

void check_id(const PackedBlob& blob, const Id& found) {
  opening(blob, [&] {
    if (found != blob.blob.id) throw Error(Errc::corrupt, "the content does not match its id");
  });
}

void open_blob(const PackedBlob& blob, ByteView sealed, Codec& codec, Bytes& plain) {
  unseal_blob(blob, sealed, codec, plain);
  check_id(blob, format::id_of(plain));
}

void read_pack_blobs(Repository& repository, const Id& pack, std::span<const PackedBlob> blobs,
                     Codec& codec,
                     const std::function<void(const PackedBlob&, Bytes& plain)>& visit,
                     const std::function<void(const PackedBlob&, const Error&)>& failed) {
  std::vector<PackedBlob> sorted(blobs.begin(), blobs.end());
  std::sort(sorted.begin(), sorted.end(), [](const PackedBlob& a, const PackedBlob& b) {
    return a.offset_bytes < b.offset_bytes;
  });
  Reader reader(repository, pack, codec, visit, failed);
  for (std::size_t begin = 0; begin < sorted.size();) {
    std::size_t end = begin + 1;
    std::uint64_t run_end = end_of(sorted[begin]);
    while (end < sorted.size() && sorted[end].offset_bytes <= run_end + gap_bytes_max &&
           std::max(run_end, end_of(sorted[end])) - sorted[begin].offset_bytes <= run_bytes_max) {
      run_end = std::max(run_end, end_of(sorted[end]));
      ++end;
    }
    reader.read_run(std::span(sorted).subspan(begin, end - begin));
    begin = end;
  }
}

std::vector<PackedBlob> read_pack_header(Repository& repository, const Id& pack,
                                         std::uint64_t file_bytes, Codec& codec) {
  const FileRef file{FileKind::pack, pack.hex()};
  return in_context(fmt::format("reading the header of {}", display(file)), [&] {
    if (file_bytes < format::pack_file_bytes_min) {
      throw Error(Errc::corrupt, fmt::format("a file of {} bytes is no pack", file_bytes));
    }
    Bytes tail(std::min<std::uint64_t>(file_bytes, header_guess_bytes));
    repository.storage().read(file, file_bytes - tail.size(), tail);
    const std::size_t sealed_bytes =
        format::sealed_header_bytes(ByteView(tail).last(format::pack_trailer_bytes), file_bytes);
    const std::size_t needed = sealed_bytes + format::pack_trailer_bytes;
    if (needed > tail.size()) {
      tail.resize(needed);
      repository.storage().read(file, file_bytes - needed, tail);
    }
    Bytes plain;
    codec.sealer.open(ByteView(tail).last(needed).first(sealed_bytes), plain);
    return format::parse_pack_header(plain, file_bytes - needed);
  });
}

}  // namespace holdfast::repo
