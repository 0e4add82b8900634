// SPDX-License-Identifier: Apache-2.0
// An application that writes to SQLite databases: a process of its own, as it is in life, because
// SQLite's locks belong to processes. Commits a counter to all of its databases in one transaction,
// again and again, until SIGTERM.
//
//   write MODE BUSY_MS PAUSE_US DATABASE...  counts; prints "commits refusals" at the end; MODE may
//   be
//                                            "wal+delete", one for each database
//   rewrite DATABASE                         changes every row and takes in the log, over and over;
//                                            prints "rewritten" after the third time
//   lock DATABASE                            holds the writer's lock; prints "locked", ends on
//   SIGTERM linger DATABASE                          stays in a transaction that has reached the
//   file crash MODE DATABASE                      dies within a transaction that has reached the
//   file crash_in_commit AT DATABASE DATABASE     dies in the commit of a transaction over both,
//   before a
//                                            file is removed whose name holds AT
//   abandon DATABASE                         commits in WAL mode and dies, leaving the log
#include <sqlite3.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

volatile std::sig_atomic_t asked_to_stop = 0;
void on_signal(int /*number*/) {
  asked_to_stop = 1;
}

int run(sqlite3* database, const std::string& sql) {
  return sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr);
}

void must(sqlite3* database, const std::string& sql) {
  if (run(database, sql) == SQLITE_OK) return;
  std::fprintf(stderr, "sqlite_writer: %s: %s\n", sql.c_str(), sqlite3_errmsg(database));
  std::exit(1);
}

sqlite3* open(const char* path) {
  sqlite3* database = nullptr;
  if (sqlite3_open(path, &database) != SQLITE_OK) std::exit(1);
  sqlite3_busy_timeout(database, 10'000);
  return database;
}

std::string schema_name(std::size_t index) {
  return index == 0 ? "main" : "d" + std::to_string(index);
}

// The mode of one database: each has its own, or the last one given.
std::string mode_of(const std::string& modes, std::size_t index) {
  std::size_t begin = 0;
  for (; index > 0; --index) {
    const std::size_t plus = modes.find('+', begin);
    if (plus == std::string::npos) break;
    begin = plus + 1;
  }
  return modes.substr(begin, modes.find('+', begin) - begin);
}

int write(int argc, char** argv) {
  const std::string mode = argv[2];
  const int busy_ms = std::atoi(argv[3]);
  const auto pause_us = static_cast<useconds_t>(std::atoi(argv[4]));
  sqlite3* const database = open(argv[5]);
  std::vector<std::string> schemas;
  for (int i = 5; i < argc; ++i) {
    const std::string schema = schema_name(schemas.size());
    if (i > 5) must(database, "ATTACH '" + std::string(argv[i]) + "' AS " + schema);
    must(database, "PRAGMA " + schema + ".journal_mode=" + mode_of(mode, schemas.size()));
    must(database, "PRAGMA " + schema + ".synchronous=OFF");
    must(database, "CREATE TABLE IF NOT EXISTS " + schema + ".counter (n INTEGER NOT NULL)");
    must(database, "CREATE TABLE IF NOT EXISTS " + schema +
                       ".log (id INTEGER PRIMARY KEY, n INTEGER, filler TEXT)");
    must(database, "INSERT INTO " + schema + ".counter SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM " +
                       schema + ".counter)");
    schemas.push_back(schema);
  }
  sqlite3_busy_timeout(database, busy_ms);
  long commits = 0;
  long refusals = 0;
  while (asked_to_stop == 0) {
    int result = run(database, "BEGIN IMMEDIATE");
    for (const std::string& schema : schemas) {
      if (result != SQLITE_OK) break;
      result = run(database, "UPDATE " + schema + ".counter SET n = n + 1; INSERT INTO " + schema +
                                 ".log (n, filler) SELECT n, hex(randomblob(200)) FROM " + schema +
                                 ".counter; DELETE FROM " + schema +
                                 ".log WHERE id <= (SELECT max(id) FROM " + schema + ".log) - 300");
    }
    if (result == SQLITE_OK) result = run(database, "COMMIT");
    if (result == SQLITE_OK) {
      if (++commits == 1) {
        std::printf("ready\n");
        std::fflush(stdout);
      }
    } else {
      if ((result & 0xff) != SQLITE_BUSY) {
        std::fprintf(stderr, "sqlite_writer: %s\n", sqlite3_errmsg(database));
        return 1;
      }
      ++refusals;
      run(database, "ROLLBACK");
    }
    // A log that is taken in and begun anew as often as possible, under the eyes of whoever reads
    // it.
    if (mode.find("wal") != std::string::npos && commits % 20 == 0)
      run(database, "PRAGMA wal_checkpoint(PASSIVE)");
    if (pause_us > 0) usleep(pause_us);
  }
  sqlite3_close(database);
  std::printf("%ld %ld\n", commits, refusals);
  return 0;
}

int rewrite(char** argv) {
  sqlite3* const database = open(argv[2]);
  sqlite3_busy_timeout(database, 100);
  std::printf("ready\n");
  std::fflush(stdout);
  long commits = 0;
  while (asked_to_stop == 0) {
    must(database, "UPDATE items SET price = price + 1, photo = randomblob(300)");
    run(database, "PRAGMA wal_checkpoint(TRUNCATE)");
    if (++commits != 3) continue;
    std::printf("rewritten\n");
    std::fflush(stdout);
  }
  sqlite3_close(database);
  std::printf("%ld 0\n", commits);
  return 0;
}

int lock(char** argv) {
  sqlite3* const database = open(argv[2]);
  must(database, "BEGIN IMMEDIATE");
  std::printf("locked\n");
  std::fflush(stdout);
  while (asked_to_stop == 0) usleep(1000);
  sqlite3_close(database);
  return 0;
}

int crash(char** argv) {
  sqlite3* const database = open(argv[3]);
  must(database, "PRAGMA journal_mode=" + std::string(argv[2]));
  must(database, "PRAGMA cache_size=1");  // so that changed pages reach the file before the commit
  must(database, "BEGIN IMMEDIATE");
  must(database, "UPDATE items SET name = name || ' torn', price = price + 1");
  must(database,
       "INSERT INTO items (name, price, photo) SELECT hex(randomblob(500)), 1, randomblob(500) "
       "FROM items");
  sqlite3_db_cacheflush(database);
  kill(getpid(), SIGKILL);
  return 1;
}

// Leaves a transaction half written to the file, and lives on.
int linger(char** argv) {
  sqlite3* const database = open(argv[2]);
  must(database, "PRAGMA cache_size=1");
  must(database, "BEGIN EXCLUSIVE");
  must(database, "DELETE FROM items WHERE id % 2 = 0");
  must(database,
       "INSERT INTO items (name, price, photo) SELECT hex(randomblob(500)), 1, randomblob(500) "
       "FROM items");
  sqlite3_db_cacheflush(database);
  std::printf("ready\n");
  std::fflush(stdout);
  while (asked_to_stop == 0) usleep(1000);
  must(database, "ROLLBACK");
  sqlite3_close(database);
  return 0;
}

// Where in the commit of a transaction over two databases it dies.
std::string dies_before_removing;
int (*remove_file)(sqlite3_vfs*, const char*, int) = nullptr;
int die_before_removing(sqlite3_vfs* vfs, const char* name, int sync) {
  if (std::string(name).find(dies_before_removing) != std::string::npos) kill(getpid(), SIGKILL);
  return remove_file(vfs, name, sync);
}

// Adds a row to both databases in one transaction and dies in its commit, before the file is
// removed whose name holds `at`.
int crash_in_commit(char** argv) {
  static sqlite3_vfs dying = *sqlite3_vfs_find(nullptr);
  remove_file = dying.xDelete;
  dying.xDelete = die_before_removing;
  dying.zName = "dying";
  sqlite3_vfs_register(&dying, 1);
  sqlite3* const database = open(argv[3]);
  must(database, "ATTACH '" + std::string(argv[4]) + "' AS other");
  must(database, "BEGIN IMMEDIATE");
  for (const char* schema : {"main", "other"})
    must(database, "INSERT INTO " + std::string(schema) + ".items (name) VALUES ('of both')");
  dies_before_removing = argv[2];
  must(database, "COMMIT");
  return 1;
}

int abandon(char** argv) {
  sqlite3* const database = open(argv[2]);
  must(database, "PRAGMA journal_mode=WAL");
  must(database, "PRAGMA wal_autocheckpoint=0");
  must(database, "INSERT INTO items (name, price) VALUES ('only in the log', 1)");
  kill(getpid(), SIGKILL);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGTERM, on_signal);
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "write" && argc > 5) return write(argc, argv);
  if (verb == "rewrite" && argc == 3) return rewrite(argv);
  if (verb == "lock" && argc == 3) return lock(argv);
  if (verb == "crash" && argc == 4) return crash(argv);
  if (verb == "linger" && argc == 3) return linger(argv);
  if (verb == "crash_in_commit" && argc == 5) return crash_in_commit(argv);
  if (verb == "abandon" && argc == 3) return abandon(argv);
  std::fprintf(stderr, "usage: see the top of sqlite_writer.cc\n");
  return 1;
}
