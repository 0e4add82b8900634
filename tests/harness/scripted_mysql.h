// SPDX-License-Identifier: Apache-2.0
// The thin face of a MySQL server: speaks its protocol on a socket, and answers statements with
// what a test has written down. Keeps no data.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace holdfast::test {

class ScriptedMysql {
 public:
  using Line = std::vector<std::optional<std::string>>;
  struct Answer {
    std::vector<std::string> columns = {};  // none: OK
    std::vector<Line> lines = {};
    unsigned error = 0;
    std::string message = {};
    bool waits = false;       // until another session says KILL QUERY: then error 1317
    bool takes_file = false;  // asks for a local file and keeps it
  };

  // `version` as the server says it: "8.4.3".
  explicit ScriptedMysql(std::string version);
  ~ScriptedMysql();
  ScriptedMysql(const ScriptedMysql&) = delete;
  ScriptedMysql& operator=(const ScriptedMysql&) = delete;

  // What is answered to statements that hold `words`; the last rule that fits. Others: OK.
  void answer(std::string words, Answer with);
  // One column, one line.
  void answer(std::string words, std::string value);

  [[nodiscard]] std::string socket() const { return socket_; }
  // All that was said so far, in the order of arrival.
  [[nodiscard]] std::vector<std::string> statements() const;
  [[nodiscard]] std::string file() const;

 private:
  struct Rule {
    std::string words;
    Answer with;
  };
  class Session;
  void serve();
  [[nodiscard]] Answer find(const std::string& sql);

  std::string version_;
  TemporaryDirectory home_{"hf-mysql", "/tmp"};
  std::string socket_;
  Fd listener_;
  mutable std::mutex mutex_;  // guards the next
  std::condition_variable killed_;
  std::vector<Rule> rules_;
  std::vector<std::string> statements_;
  std::string file_;
  unsigned kills_ = 0;
  std::vector<int> open_;
  std::vector<std::thread> sessions_;
  std::atomic<bool> ends_{false};
  std::thread server_;
};

}  // namespace holdfast::test
