// SPDX-License-Identifier: Apache-2.0
// The product with storages that misbehave: the same main, and every storage it opens behind a
// FaultStorage. Tests start it where they would start holdfast.
//
//   HOLDFAST_TEST_FAULT  faults as FaultPlan::add() takes them, separated by spaces
//   HOLDFAST_TEST_ARMED  a path: faults count only while it is there
//   HOLDFAST_TEST_CALLS  a file that gets a line for each call: "put pack"
//   HOLDFAST_TEST_PAUSE  CALL:FILEKIND:DIRECTORY: the first such call made while DIRECTORY/armed is
//                        there makes DIRECTORY/paused and waits for DIRECTORY/go
//   HOLDFAST_TEST_CHEAP_KEYS  new keys cost nothing
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "cli/program.h"
#include "harness/fault_storage.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string next_word(std::string_view& text, char end) {
  const std::string word(text.substr(0, text.find(end)));
  text.remove_prefix(std::min(word.size() + 1, text.size()));
  return word;
}

bool is_there(const fs::path& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

// Waits at the first call that fits.
class Pause {
 public:
  explicit Pause(std::string_view text) {
    call_ = next_word(text, ':');
    file_ = next_word(text, ':');
    directory_ = text;
  }
  void meet(const Call& call) {
    if (call_ != call_kind_name(call.kind) || file_ != storage::file_kind_name(call.file.kind))
      return;
    if (!is_there(directory_ / "armed") || done_.exchange(true)) return;
    static_cast<void>(open_file(directory_ / "paused", O_WRONLY | O_CREAT));
    while (!is_there(directory_ / "go")) ::usleep(2000);
  }

 private:
  std::string call_, file_;
  fs::path directory_;
  std::atomic<bool> done_ = false;
};

std::shared_ptr<FaultPlan> plan_of_environment() {
  auto plan = std::make_shared<FaultPlan>();
  const std::string faults = variable("HOLDFAST_TEST_FAULT");
  for (std::string_view rest = faults; !rest.empty();) plan->add(next_word(rest, ' '));
  if (const std::string armed = variable("HOLDFAST_TEST_ARMED"); !armed.empty()) {
    plan->set_condition([armed] { return is_there(armed); });
  }
  std::shared_ptr<Fd> calls;
  if (const std::string path = variable("HOLDFAST_TEST_CALLS"); !path.empty()) {
    calls = std::make_shared<Fd>(open_file(path, O_WRONLY | O_CREAT | O_APPEND));
  }
  std::shared_ptr<Pause> pause;
  if (const std::string text = variable("HOLDFAST_TEST_PAUSE"); !text.empty()) {
    pause = std::make_shared<Pause>(text);
  }
  plan->set_observer([calls, pause](const Call& call) {
    if (calls) {
      const std::string line = std::string(call_kind_name(call.kind)) + " " +
                               std::string(storage::file_kind_name(call.file.kind)) + "\n";
      write_all(calls->get(), as_bytes(line), "the record of calls");
    }
    if (pause) pause->meet(call);
  });
  return plan;
}

}  // namespace
}  // namespace holdfast::test

int main(int count, char** words) {
  using namespace holdfast;
  cli::ProgramOptions options;
  options.wrap_storage =
      [plan = test::plan_of_environment()](std::unique_ptr<storage::Storage> below) {
        return std::make_unique<test::FaultStorage>(
            std::shared_ptr<storage::Storage>(std::move(below)), plan);
      };
  if (!test::variable("HOLDFAST_TEST_CHEAP_KEYS").empty()) options.key_cost = {128, 1, 1};
  return cli::run_program(count, words, options);
}
