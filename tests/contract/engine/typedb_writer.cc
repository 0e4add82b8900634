// SPDX-License-Identifier: Apache-2.0
// A server of TypeDB 2 as far as its RocksDB directories go: a process of its own, as it is in
// life. Makes types in `schema` and things of them in `data`, flushes and compacts, so that files
// come and go; as much of it as it is allowed, until SIGTERM.
//
//   typedb_writer ENCODING DATABASE PROGRESS [SECOND_DATABASE]
//
// With a second database it takes connections too, and each thing is made in both, in transactions
// of their own, for which schema sessions are waited. PROGRESS is a file of two numbers, of 8 bytes
// each as this machine has them: how many things it may have made, which others write, and how many
// it has made.
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/typedb/test_rocks.h"
#include "tests/contract/engine/typedb_progress.h"
#include "tests/harness/typedb_server.h"

namespace {

using holdfast::engine::typedb::TestRocks;
using holdfast::test::TypedbServer;

holdfast::test::TypedbServerOptions server_options() {
  holdfast::test::TypedbServerOptions options;
  options.release = holdfast::test::TypedbRelease::v2_29;
  return options;
}

volatile std::sig_atomic_t asked_to_stop = 0;
void on_signal(int /*number*/) {
  asked_to_stop = 1;
}

// Types are rarer than things. A flush or a compaction of all column families is some changes of
// the MANIFEST.
constexpr std::uint64_t things_per_type = 60, things_per_flush = 40, things_per_compaction = 120;

class Database {
 public:
  Database(int encoding, const std::filesystem::path& path)
      : schema_(path / "schema", encoding, false), data_(path / "data", encoding, true) {}

  void make(std::uint64_t number) {
    if (number % things_per_type == 1) {
      schema_.put(holdfast::test::type_key(type_ + 1), "a type");
      ++type_;
    }
    data_.commit(number, type_);
    if (number % things_per_flush == 0) data_.flush();
    if (number % things_per_compaction == 0) {
      schema_.flush();
      data_.compact();
    }
  }

 private:
  TestRocks schema_, data_;
  std::uint64_t type_ = 0;
};

// A transaction that writes, which a schema session keeps out, and which keeps that out.
class Transaction {
 public:
  Transaction(TypedbServer& server, std::string database)
      : server_(server), database_(std::move(database)) {
    for (;; ::usleep(500)) {
      server_.write(database_, true);
      if (asked_to_stop != 0 || !server_.has_session(database_)) return;
      server_.write(database_, false);
    }
  }
  ~Transaction() { server_.write(database_, false); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

 private:
  TypedbServer& server_;
  std::string database_;
};

void write(int encoding, const std::vector<std::filesystem::path>& paths,
           holdfast::test::TypedbProgress& progress) {
  std::vector<std::unique_ptr<Database>> databases;
  std::optional<TypedbServer> server;
  if (paths.size() > 1) server.emplace(server_options());
  for (const std::filesystem::path& path : paths) {
    databases.push_back(std::make_unique<Database>(encoding, path));
    if (server) server->put(path.filename(), {});
  }
  for (std::uint64_t number = 1; asked_to_stop == 0; ++number) {
    while (number > progress.allowed && asked_to_stop == 0) ::usleep(500);
    for (std::size_t i = 0; i < paths.size() && asked_to_stop == 0; ++i) {
      std::optional<Transaction> transaction;
      if (server) transaction.emplace(*server, paths[i].filename());
      databases[i]->make(number);
    }
    if (asked_to_stop == 0) progress.made = number;
  }
}

}  // namespace

int main(int count, char** words) {
  if (count != 4 && count != 5) return 2;
  std::signal(SIGTERM, on_signal);
  try {
    const holdfast::test::TypedbProgressFile progress(words[3]);
    std::vector<std::filesystem::path> databases{words[2]};
    if (count == 5) databases.emplace_back(words[4]);
    write(std::atoi(words[1]), databases, *progress);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "typedb_writer: %s\n", error.what());
    return 1;
  }
}
