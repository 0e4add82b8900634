// SPDX-License-Identifier: Apache-2.0
#include "engine/typedb/connection.h"

#include <fmt/format.h>

#include <utility>

#include "base/error.h"
#include "engine/typedb/releases.h"

namespace holdfast::engine::typedb {
namespace {

Errc errc_of(RpcCode code) noexcept {
  switch (code) {
    case RpcCode::unavailable:
    case RpcCode::deadline_exceeded:
    case RpcCode::cancelled:
    case RpcCode::aborted:
      return Errc::unavailable;
    case RpcCode::unauthenticated:
    case RpcCode::permission_denied:
      return Errc::denied;
    case RpcCode::not_found:
      return Errc::not_found;
    case RpcCode::already_exists:
      return Errc::exists;
    case RpcCode::unimplemented:
    case RpcCode::resource_exhausted:
      return Errc::unsupported;
    default:
      return Errc::io;
  }
}

std::string_view hint_of(RpcCode code) noexcept {
  switch (code) {
    case RpcCode::unavailable:
      return "Check the server's address and port, and whether it wants TLS.";
    case RpcCode::unauthenticated:
    case RpcCode::permission_denied:
      return "Check the user and the password.";
    case RpcCode::resource_exhausted:
      return "Servers before 3.10.1 take messages of 4 MiB at most, and Holdfast those of 256 MiB, "
             "which a single thing can have.";
    default:
      return {};
  }
}

}  // namespace

Connection::Connection(ServerAccess access, std::stop_token stop)
    : access_(std::move(access)), channel_(open_channel(access_.target)) {
  find_generation(stop);
  if (generation_ != Generation::v3) return;
  const RpcAnswer answer = channel_->call(path("server_version"), {}, stop);
  if (answer.status.ok()) version_ = parse_version(answer.message);
}

RpcStatus Connection::sign_in(std::uint32_t version, const std::stop_token& stop) {
  const std::string_view password = access_.password ? access_.password->reveal() : "";
  Bytes request = open_request(version, access_.user, password);
  RpcAnswer answer = channel_->call(path("connection_open"), request, stop);
  wipe(request.data(), request.size());
  if (answer.status.ok()) {
    channel_->set_token(parse_token(answer.message));
    wipe(answer.message.data(), answer.message.size());
    protocol_version_ = version;
  }
  return std::move(answer.status);
}

std::string Connection::release() const {
  if (generation_ != Generation::v3 || !version_.empty()) return version_;
  const bool is_newest = protocol_version_ == protocol_versions.front();
  return display(release_ranges[*range_of(is_newest ? "3.11.0" : "3.4.0")]);
}

void Connection::find_generation(const std::stop_token& stop) {
  RpcStatus status;
  for (const std::uint32_t version : protocol_versions) {
    status = sign_in(version, stop);
    if (status.ok()) return;
    if (status.code != RpcCode::failed_precondition) break;
  }
  if (status.code == RpcCode::failed_precondition) {
    throw Error(Errc::unsupported, fmt::format("TypeDB at {} speaks no protocol that exports: {}",
                                               address(), describe(status)))
        .set_hint(
            "Releases 3.0 to 3.3 have no export: upgrade to 3.4 or later, or copy the "
            "directory.");
  }
  if (status.code != RpcCode::internal && status.code != RpcCode::unimplemented) {
    refuse(status, "signing in");
  }
  for (const Generation generation : {Generation::v2, Generation::grakn}) {
    generation_ = generation;
    const RpcAnswer answer = channel_->call(path("databases_all"), {}, stop);
    if (answer.status.ok()) return;
    if (answer.status.code != RpcCode::unimplemented) refuse(status, "signing in");
  }
  // A matter of the configuration, and not of what we can.
  throw Error(Errc::usage, fmt::format("what answers at {} is no TypeDB server", address()))
      .set_hint(
          "Name the port of TypeDB's own protocol, which is 1729 unless it was changed; that "
          "of HTTP is another.");
}

std::string Connection::path(std::string_view method) const {
  const bool is_grakn = generation_ == Generation::grakn;
  return fmt::format("{}{}", is_grakn ? grakn_service : typedb_service, method);
}

void Connection::refuse(const RpcStatus& status, std::string_view doing) const {
  Error error(errc_of(status.code), fmt::format("TypeDB at {}: {}", address(), describe(status)));
  error.add_context(doing);
  if (const std::string_view hint = hint_of(status.code); !hint.empty()) error.set_hint(hint);
  throw error;
}

std::unique_ptr<RpcCall> Connection::begin(std::string_view method, const std::stop_token& stop) {
  return channel_->begin(path(method), stop);
}

std::unique_ptr<RpcCall> Connection::begin_job(std::string_view method,
                                               const std::stop_token& stop) {
  return channel_->begin(fmt::format("{}{}", migrator_service, method), stop);
}

RpcAnswer Connection::call(std::string_view method, ByteView request, const std::stop_token& stop) {
  RpcAnswer answer = channel_->call(path(method), request, stop);
  if (answer.status.code != RpcCode::unauthenticated || protocol_version_ == 0) return answer;
  // A token is good for some hours only.
  const RpcStatus signed_in = sign_in(protocol_version_, stop);
  if (!signed_in.ok()) refuse(signed_in, "signing in again");
  return channel_->call(path(method), request, stop);
}

Bytes Connection::ask(std::string_view method, ByteView request, std::string_view doing,
                      const std::stop_token& stop) {
  RpcAnswer answer = call(method, request, stop);
  if (!answer.status.ok()) refuse(answer.status, doing);
  return std::move(answer.message);
}

std::vector<std::string> Connection::databases(const std::stop_token& stop) {
  return parse_databases(ask("databases_all", {}, "listing databases", stop));
}

bool Connection::contains(std::string_view database, const std::stop_token& stop) {
  return parse_contains(ask("databases_contains", name_request(database),
                            fmt::format("looking for database {}", database), stop));
}

void Connection::create(std::string_view database, const std::stop_token& stop) {
  static_cast<void>(ask("databases_create", name_request(database),
                        fmt::format("making database {}", database), stop));
}

void Connection::remove(std::string_view database, const std::stop_token& stop) {
  static_cast<void>(ask("database_delete", name_request(database),
                        fmt::format("removing database {}", database), stop));
}

std::string Connection::schema(std::string_view database, const std::stop_token& stop) {
  return parse_schema(ask("database_schema", name_request(database),
                          fmt::format("reading the schema of {}", database), stop));
}

}  // namespace holdfast::engine::typedb
