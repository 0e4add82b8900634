// SPDX-License-Identifier: Apache-2.0
// A receiver of SQL Server's backups with a certificate of its own, and programs that are its
// clients.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/json.h"
#include "engine/sqlserver/receiver/s3_receiver.h"
#include "tests/harness/program.h"

namespace holdfast::engine::sqlserver {

class ReceiverPlace {
 public:
  explicit ReceiverPlace(std::size_t memory_bytes = std::size_t{64} << 20U) {
    const test::Outcome made =
        run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
             "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost,DNS:*.backup.test,IP:127.0.0.1", "-keyout", key(),
             "-out", certificate()});
    if (made.exit_code != 0) throw std::runtime_error(made.text());
    options.address = "localhost:0";
    options.certificate = certificate();
    options.key = key();
    options.scratch_directory = directory.path() / "scratch";
    options.memory_bytes_max = memory_bytes;
    std::filesystem::create_directory(options.scratch_directory);
  }

  [[nodiscard]] std::string certificate() const { return (directory.path() / "cert.pem").string(); }
  [[nodiscard]] std::string key() const { return (directory.path() / "key.pem").string(); }
  [[nodiscard]] std::filesystem::path file(std::string_view name) const {
    return directory.path() / name;
  }
  S3Receiver& receiver() {
    if (!made_) made_.emplace(options, stop.get_token());
    return *made_;
  }
  void end() { made_.reset(); }

  [[nodiscard]] test::Started start(const std::vector<std::string>& argv,
                                    const std::filesystem::path& input = {}) const {
    const char* const path = std::getenv("PATH");
    return {argv,
            {{"PATH", path == nullptr ? "/usr/bin:/bin" : path}, {"PYTHONDONTWRITEBYTECODE", "1"}},
            directory.path(),
            input};
  }
  test::Outcome run(const std::vector<std::string>& argv,
                    const std::filesystem::path& input = {}) const {
    return start(argv, input).wait();
  }

  // Starts a script of ours with orders on its standard input: a secret stands in no argument.
  [[nodiscard]] test::Started start_script(const std::string& script, const Json& orders) {
    const std::filesystem::path input = file("orders-" + std::to_string(++orders_));
    test::write_text(input, orders.dump());
    return start({"python3", script, "--"}, input);
  }

  TemporaryDirectory directory{"holdfast-receiver"};
  S3Receiver::Options options;
  std::stop_source stop;

 private:
  std::optional<S3Receiver> made_;
  int orders_ = 0;
};

// Bytes that differ for each seed.
inline std::string noise(std::size_t size_bytes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string text(size_bytes, '\0');
  for (std::size_t at = 0; at + 8 <= size_bytes; at += 8) {
    const std::uint64_t word = random();
    std::memcpy(text.data() + at, &word, 8);
  }
  return text;
}

}  // namespace holdfast::engine::sqlserver
