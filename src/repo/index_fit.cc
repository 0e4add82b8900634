// SPDX-License-Identifier: Apache-2.0
#include "repo/index_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "base/crew.h"
#include "base/error.h"
#include "repo/damage.h"
#include "repo/pack_reader.h"
#include "repo/parallel.h"

namespace holdfast::repo {
namespace {

using format::Id;
using format::IndexedPack;
using storage::FileKind;

[[noreturn]] void refuse(std::string_view reason) {
  throw Error(Errc::corrupt, fmt::format("the index does not fit the packs: {}", reason))
      .set_hint("Run `holdfast repair index` first: it may bring back what now seems lost.");
}

// A pack that no index names.
struct Unnamed {
  Id pack;
  std::uint64_t file_bytes;
};

// What the storage has, compared with what the index says; those that it does not name.
std::vector<Unnamed> compare_packs(Repository& repository) {
  constexpr std::uint64_t no_size = std::numeric_limits<std::uint64_t>::max();
  const BlobIndex& index = repository.index();
  std::vector<std::uint64_t> file_bytes(index.pack_number_end(), no_size);
  std::vector<Unnamed> unnamed;
  repository.storage().list(FileKind::pack, [&](const storage::FoundFile& found) {
    const std::optional<Id> id = format::parse_id(found.file.name);
    if (!id) return;
    if (const auto number = index.pack_number(*id)) {
      file_bytes[*number] = found.size_bytes;
    } else {
      unnamed.push_back({*id, found.size_bytes});
    }
  });
  index.for_each_pack([&](std::uint32_t number, const IndexedPack& pack) {
    const std::uint64_t expected = format::pack_file_bytes(pack.blobs);
    if (file_bytes[number] == no_size) {
      refuse(fmt::format("pack {} is not there", pack.id.hex()));
    }
    if (file_bytes[number] != expected) {
      refuse(fmt::format("pack {} has {} bytes and should have {}", pack.id.hex(),
                         file_bytes[number], expected));
    }
  });
  return unnamed;
}

}  // namespace

void load_fitting_index(Repository& repository, model::Observer& observer,
                        const std::stop_token& stop) {
  std::optional<std::string> damaged, conflict;  // each callback comes one at a time
  repository.load_index(
      observer, stop,
      [&](const Id& id, const Error& error) {
        damaged = fmt::format("index {}: {}", id.hex(), error.message());
      },
      [&](const IndexedPack& pack, BlobIndex::Added added) {
        if (added != BlobIndex::Added::conflict) return;
        conflict = fmt::format("index files name different content of pack {}", pack.id.hex());
      });
  if (damaged) refuse(*damaged);
  if (conflict) refuse(*conflict);
  observer.phase("comparing packs with the index");
  const std::vector<Unnamed> unnamed = compare_packs(repository);
  for_each_parallel(
      unnamed.size(), std::max(cores_available(), repository.storage().connections_max()), stop,
      [&] {
        const auto codec = std::make_shared<Codec>(repository.codec());
        return [&, codec](std::size_t item) {
          const auto& [pack, file_bytes] = unnamed[item];
          std::vector<format::PackedBlob> blobs;
          try {
            blobs = read_pack_header(repository, pack, file_bytes, *codec);
          } catch (const Error& error) {  // torn: it counts for nothing
            if (error.code() != Errc::corrupt) throw;
            return;
          }
          for (const format::PackedBlob& blob : blobs) {
            if (repository.index().has(blob.blob)) continue;
            refuse(fmt::format("it does not name pack {}, which holds {} blob {}", pack.hex(),
                               format::blob_type_name(blob.blob.type), blob.blob.id.hex()));
          }
        };
      });
}

}  // namespace holdfast::repo
