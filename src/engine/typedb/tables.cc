// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/tables.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/fd.h"
#include "engine/typedb/rocks_manifest.h"
#include "engine/typedb/stored_file.h"
#include "engine/typedb/table_file.h"

namespace holdfast::engine::typedb {
namespace {

namespace fs = std::filesystem;

void verify(const fs::path& rocks, const std::stop_token& stop) {
  const std::string name = parse_rocks_current(read_text_file(rocks / "CURRENT", 4096));
  StoredFile source(rocks / name, stop);
  const RocksManifest manifest = parse_rocks_manifest(source);
  if (manifest.torn)
    throw Error(Errc::corrupt, fmt::format("{} ends in an edit that is not whole", name));
  for (const auto& [number, table] : manifest.tables) {
    const fs::path path = rocks / fmt::format("{:06}.sst", number);
    in_context(fmt::format("reading {}", path.filename().native()), [&] {
      StoredFile file(path, stop);
      if (file.size_bytes() != table.size_bytes)
        throw Error(Errc::corrupt, fmt::format("it has {} bytes, the MANIFEST says {}",
                                               file.size_bytes(), table.size_bytes));
      verify_table(file, stop);
    });
  }
}

}  // namespace

std::string why_unproven(const fs::path& rocks, const std::stop_token& stop) {
  try {
    verify(rocks, stop);
    return {};
  } catch (const Error& error) {
    if (error.code() != Errc::corrupt && error.code() != Errc::not_found &&
        error.code() != Errc::unsupported)
      throw;
    return fmt::format("{}: {}", rocks.filename().native(), error.message());
  }
}

}  // namespace holdfast::engine::typedb
