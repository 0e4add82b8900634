// SPDX-License-Identifier: Apache-2.0
// The messages of TypeDB's servers, as far as databases are listed, made, exported and imported.
//
// Sources: typedb/typedb-protocol, proto/*.proto of 3.4.0 to 3.12.0-rc0, core/ and common/*.proto
// of 2.0.0 to 2.18.1, proto/*.proto of 2.24.0 to 2.28.4; typedb/typedb, migrator/*.proto of 2.0.0
// to 2.29.1. One name often means another message in another release, but all of a kind have the
// same numbers where they have the same fields, which is why they are read and written here by
// number; items go through as the bytes they are.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/secret.h"
#include "engine/typedb/rpc.h"

namespace holdfast::engine::typedb {

// Paths of services. 2.0.x are still named Grakn.
inline constexpr std::string_view grakn_service = "/grakn.protocol.GraknCore/";
inline constexpr std::string_view typedb_service = "/typedb.protocol.TypeDB/";
inline constexpr std::string_view migrator_service = "/migrator.Migrator/";

// Versions of the protocol whose servers export and import, the newest first (enum Version of
// version.proto): 3.11 and later, 3.4 to 3.10.
inline constexpr std::array<std::uint32_t, 2> protocol_versions{8, 7};

// Fields of a message, one after the other.
class WireWriter {
 public:
  // With room for a secret, growing leaves no copies of it behind.
  explicit WireWriter(std::size_t room_bytes = 0) { message_.reserve(room_bytes); }
  WireWriter& number(std::uint32_t field, std::uint64_t value);
  WireWriter& bytes(std::uint32_t field, ByteView content);
  WireWriter& text(std::uint32_t field, std::string_view content) {
    return bytes(field, as_bytes(content));
  }
  // A varint without a field.
  WireWriter& bare(std::uint64_t value);
  [[nodiscard]] const Bytes& message() const noexcept { return message_; }
  [[nodiscard]] Bytes take() noexcept { return std::exchange(message_, {}); }

 private:
  Bytes message_;
};

// Connection.Open.Req: 1 version, 2 driver_lang, 3 driver_version, 4 authentication (1 password:
// 1 username, 2 password). Holds the password: to be wiped.
[[nodiscard]] Bytes open_request(std::uint32_t version, std::string_view user,
                                 std::string_view password);
// Connection.Open.Res: 4 authentication (1 token). Errc::corrupt without one.
[[nodiscard]] Secret parse_token(ByteView answer);
// All messages about one database, but Export, have its name as 1, in every release.
[[nodiscard]] Bytes name_request(std::string_view database);
// DatabaseManager.All.Res: 1 each, a message with the name as 1, or, to 2.18, the name itself.
[[nodiscard]] std::vector<std::string> parse_databases(ByteView answer);
[[nodiscard]] bool parse_contains(ByteView answer);        // 1 contains
[[nodiscard]] std::string parse_schema(ByteView answer);   // 1 schema
[[nodiscard]] std::string parse_version(ByteView answer);  // Server.Version.Res: 2 version

// Database.Export.Req: 1 req (1 name).
[[nodiscard]] Bytes export_request(std::string_view database);
// Database.Export.Server: 1 server: one of 1 initial_res (1 schema), 2 res_part (1 items), 3 done.
struct ExportMessage {
  enum class Kind : std::uint8_t { schema, items, done } kind = Kind::done;
  std::string_view schema;      // a view into the message
  std::vector<ByteView> items;  // the same
};
// `into` keeps its memory. Errc::corrupt for what is none of these.
void parse_export_message(ByteView message, ExportMessage& into);

// DatabaseManager.Import.Client: 1 client: one of 1 initial_req (1 name, 2 schema), 2 req_part
// (1 items), 3 done.
[[nodiscard]] Bytes import_begin(std::string_view database, std::string_view schema);
[[nodiscard]] Bytes import_done();
// Items of one message, gathered.
class ImportPart {
 public:
  void add(ByteView item) { items_.bytes(1, item), ++count_; }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return items_.message().size(); }
  // The message; afterwards there are none.
  [[nodiscard]] Bytes take();

 private:
  WireWriter items_;
  std::size_t count_ = 0;
};
// DatabaseManager.Import.Server: 1 server (1 done). Errc::corrupt for anything else.
void check_import_done(ByteView message);

// Migrator's Export.Req and Import.Req: 1 database, 2 the file of data, 3 that of the schema (from
// 2.19.0 on; empty: not said).
[[nodiscard]] Bytes migrator_request(std::string_view database, std::string_view data_file,
                                     std::string_view schema_file);
// What a job of the migrator says of itself about once a second.
struct MigratorProgress {
  std::uint64_t done = 0, total = 0;  // things
};
// Export.Progress: 1 attributes_current, 2 attributes, 3 and 4 entities, 5 and 6 relations.
// Import.Progress: 1 initialising, and the same from 2 on; then ownerships and roles. 2.0.0:
// 1 progress (1 total, 2 current).
enum class MigratorJob : std::uint8_t { exports, imports };
[[nodiscard]] MigratorProgress parse_progress(ByteView message, MigratorJob job);

// Session.Open.Req: 1 database, 2 type (1 schema), 3 options (how long to wait for its lock: to 2.5
// number 8, from 2.6.0 on 9, where 8 is how long a transaction may take; before, 9 is whether any
// replica may be read, which a server that is none does not look at). As nothing tells the release,
// both are sent.
[[nodiscard]] Bytes schema_session_request(std::string_view database,
                                           std::uint32_t lock_wait_millis);
[[nodiscard]] Bytes parse_session(ByteView answer);       // Session.Open.Res: 1 session_id
[[nodiscard]] Bytes session_request(ByteView session);    // 1 session_id
[[nodiscard]] bool parse_session_alive(ByteView answer);  // Session.Pulse.Res: 1 alive

// A transaction of a schema session that defines types, to 2.18: one stream of messages both ways.
// Transaction.Client: 1 reqs: 1 req_id (16 bytes, in 2.0 a text), and one of 3 open_req
// (1 session_id, 2 type (1 write), 3 options (8 as above)), 5 commit_req, 7 query_manager_req (100
// define_req (1 query)).
enum class DefineStep : std::uint8_t { open, define, commit };
// `content` is the session, the text, or nothing.
[[nodiscard]] Bytes define_request(DefineStep step, ByteView content);
// Transaction.Server: 2 res: one of 2 open_res, 5 query_manager_res, 3 commit_res. Errc::corrupt
// for the answer to another.
void check_define_answer(ByteView answer, DefineStep step);

// What the server says of a failure: from 3.0 on the message is the kind of it only, and what went
// wrong stands in the details (google.rpc.Status: 3 details of type_url 1 and value 2; ErrorInfo:
// 1 reason; DebugInfo: 1 stack_entries). One line; details that cannot be read are left out.
[[nodiscard]] std::string describe(const RpcStatus& status);

}  // namespace holdfast::engine::typedb
