// SPDX-License-Identifier: Apache-2.0
// What the stand-in for TypeDB's server answers, apart from how it comes and goes.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "tests/harness/typedb_server.h"

namespace holdfast::test {

// How a call ends; thrown to end it early. Codes of grpc/status.h.
struct TypedbStatus {
  int code = 0;
  std::string message;
  std::string details;
};

class TypedbCall {
 public:
  virtual ~TypedbCall() = default;
  TypedbCall() = default;
  TypedbCall(const TypedbCall&) = delete;
  TypedbCall& operator=(const TypedbCall&) = delete;
  // Answers before there is a message, as the vendor's server begins its streams: its drivers send
  // nothing before that.
  virtual void begin() = 0;
  [[nodiscard]] virtual std::optional<std::string> read() = 0;
  virtual void write(std::string message) = 0;
  [[nodiscard]] virtual std::string token() const = 0;
};

struct TypedbContent {
  TypedbServerOptions options;
  std::string address;
  std::map<std::string, TypedbDatabase> databases;
  std::set<std::string> tokens;
  std::map<std::string, std::string> sessions;  // databases, by their ids
  std::set<std::string> written;                // databases that somebody writes to
  std::map<std::string, std::string> changes;   // schemas, by databases
  std::size_t given = 0;                        // tokens and ids so far
  std::size_t pulses = 0;
  std::size_t refusals = 0;  // to come
};

// `mutex` guards the content, and is not held while the call waits.
TypedbStatus answer_typedb(const std::string& path, TypedbCall& call, TypedbContent& content,
                           std::mutex& mutex);

}  // namespace holdfast::test
