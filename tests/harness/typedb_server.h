// SPDX-License-Identifier: Apache-2.0
// A stand-in for TypeDB's server, written from the published protocol: it has databases in memory,
// exports and imports them over gRPC as releases of 2.x and 3.x do, and misbehaves on demand at
// every single message. It shares no code with what it tests.
//
// Sources: as of src/engine/typedb/protocol.h and connection.h; typedb/typedb,
// server/service/grpc/migration/*.rs of 3.12.3, migrator/CoreMigratorService.java of 2.29.1.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::test {

// What it takes itself for: the shapes in which releases differ on the wire.
enum class TypedbRelease : std::uint8_t {
  grakn_2_0,  // service of another name, migrator's methods in lower case
  v2_1,       // no connection_open; ExportData of a data file alone
  v2_18,      // connection_open refuses, INTERNAL
  v2_29,      // ExportDatabase with a schema file; databases as messages
  v3_3,       // protocol 6: no export
  v3_4,       // protocol 7
  v3_12,      // protocol 8, server_version
};

// What goes wrong at a message.
enum class TypedbFault : std::uint8_t {
  none,
  error,    // the call ends with INTERNAL, "planted"
  close,    // the call is broken off
  stall,    // nothing more comes until the client gives up
  drop,     // a message to be sent is not
  twice,    // it is sent twice
  cut,      // its second half is missing
  garbage,  // something else is sent in its place
  end,      // the call ends with OK
};
inline constexpr TypedbFault typedb_faults[]{
    TypedbFault::error, TypedbFault::close, TypedbFault::stall,   TypedbFault::drop,
    TypedbFault::twice, TypedbFault::cut,   TypedbFault::garbage, TypedbFault::end,
};

struct TypedbDatabase {
  std::string schema;
  std::vector<std::string> items;  // messages, from header to checksums
  // Instead of items: as many people, each with a name and an employment, who are made while they
  // are exported.
  std::uint64_t people = 0;
};

struct TypedbServerOptions {
  TypedbRelease release = TypedbRelease::v3_12;
  std::string user = "admin", password = "password";
  bool tls = false;
  bool migrator = true;  // 2.x: whether that service is there
  std::size_t items_per_message = 250;
};

class TypedbServer {
 public:
  explicit TypedbServer(TypedbServerOptions options = {});
  ~TypedbServer();  // ends all calls
  TypedbServer(const TypedbServer&) = delete;
  TypedbServer& operator=(const TypedbServer&) = delete;

  [[nodiscard]] std::string address() const;             // "127.0.0.1:12345"
  [[nodiscard]] const std::string& certificate() const;  // PEM; with TLS

  void put(const std::string& name, TypedbDatabase database);
  [[nodiscard]] std::map<std::string, TypedbDatabase> databases() const;
  // At the message of that number, from 0 on and counted in both directions, of the next calls of
  // that method.
  void plant(std::string method, std::size_t message, TypedbFault fault);
  // How many messages the last call of that method had.
  [[nodiscard]] std::size_t messages(const std::string& method) const;
  // All tokens are forgotten, as after some hours.
  void forget_tokens();
  // Whether a schema session is open.
  [[nodiscard]] bool has_session(const std::string& database) const;
  [[nodiscard]] std::size_t pulses() const;
  // A transaction that writes: keeps schema sessions out (2.x) until it is over.
  void write(const std::string& database, bool is_writing);
  // So many databases will not be removed, nor imports begun: it has not let go of them yet (3.x).
  void refuse_next(std::size_t count);
  // Somebody changes the types right after the next export has begun.
  void change_at_export(const std::string& database, std::string schema);

 private:
  struct State;
  class Call;
  std::unique_ptr<State> state_;
};

// Messages of a `.typedb` file, which has each behind its length.
[[nodiscard]] std::vector<std::string> typedb_items(std::string_view file);

// At least that many things, which need no memory.
[[nodiscard]] TypedbDatabase generated_typedb(std::uint64_t things);

}  // namespace holdfast::test
