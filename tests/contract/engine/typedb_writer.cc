// SPDX-License-Identifier: Apache-2.0
// A server of TypeDB 2 as far as its RocksDB directories go: a process of its own, as it is in
// life. Makes types in `schema` and things of them in `data`, flushes and compacts, so that files
// come and go; as much of it as it is allowed, until SIGTERM.
//
//   typedb_writer ENCODING DATABASE PROGRESS
//
// PROGRESS is a file of two numbers, of 8 bytes each as this machine has them: how many things it
// may have made, which others write, and how many it has made.
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>

#include "engine/typedb/test_rocks.h"
#include "tests/contract/engine/typedb_progress.h"

namespace {

using holdfast::engine::typedb::TestRocks;

volatile std::sig_atomic_t asked_to_stop = 0;
void on_signal(int /*number*/) {
  asked_to_stop = 1;
}

// Types are rarer than things. A flush or a compaction of all column families is some changes of
// the MANIFEST.
constexpr std::uint64_t things_per_type = 60, things_per_flush = 40, things_per_compaction = 120;

void write(int encoding, const std::filesystem::path& database,
           holdfast::test::TypedbProgress& progress) {
  TestRocks schema(database / "schema", encoding, false), data(database / "data", encoding, true);
  std::uint64_t type = 0;
  for (std::uint64_t number = 1; asked_to_stop == 0; ++number) {
    while (number > progress.allowed && asked_to_stop == 0) ::usleep(500);
    if (asked_to_stop != 0) return;
    if (number % things_per_type == 1) {
      schema.put(holdfast::test::type_key(type + 1), "a type");
      ++type;
    }
    data.commit(number, type);
    progress.made = number;
    if (number % things_per_flush == 0) data.flush();
    if (number % things_per_compaction == 0) {
      schema.flush();
      data.compact();
    }
  }
}

}  // namespace

int main(int count, char** words) {
  if (count != 4) return 2;
  std::signal(SIGTERM, on_signal);
  try {
    const holdfast::test::TypedbProgressFile progress(words[3]);
    write(std::atoi(words[1]), words[2], *progress);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "typedb_writer: %s\n", error.what());
    return 1;
  }
}
