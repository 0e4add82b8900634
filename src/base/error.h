// SPDX-License-Identifier: Apache-2.0
// The one exception type of Holdfast.
//
// A function throws Error when it cannot do what its name says. An answer that a caller must reckon
// with in the ordinary course (no such blob, lock taken) is a return value, never an Error.
#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace holdfast {

// What the reader of the message has to do about it. The name is stable: it stands in --json and is
// the anchor in docs/errors.md. The cli alone maps names to exit codes.
enum class Errc : std::uint8_t {
  bug,             // Holdfast broke its own rule; report it
  usage,           // fix the command line or the configuration
  not_found,       // the named file, snapshot, table or path does not exist
  exists,          // something is already there and is not overwritten
  incomplete,      // the run finished, but some items are missing from the result
  unavailable,     // a service did not answer; trying again may help
  denied,          // a service or the system answered: not you
  no_space,        // a disk or quota is full
  io,              // the operating system failed to read or write
  corrupt,         // bytes do not match their hash, MAC or format
  unsupported,     // understood, and known to be something Holdfast cannot handle
  not_consistent,  // the engine or a profile's proof cannot vouch for the copy; no snapshot
  blocked,         // a preflight check says stop; nothing was touched
  differs,         // a drill or a comparison failed
  failed_child,    // a program that Holdfast ran reported failure
  no_repository,
  locked,
  wrong_password,
  cancelled,
};

// Every code in order of declaration, for tables and tests.
[[nodiscard]] std::span<const Errc> all_errc() noexcept;
// The stable name of a code: "no_space".
[[nodiscard]] std::string_view errc_name(Errc code) noexcept;

class Error final : public std::exception {
 public:
  Error(Errc code, std::string message,
        std::source_location where = std::source_location::current());

  [[nodiscard]] Errc code() const noexcept { return state_->code; }
  [[nodiscard]] bool retryable() const noexcept { return code() == Errc::unavailable; }
  [[nodiscard]] const std::source_location& where() const noexcept { return state_->where; }

  // "message (while A) (while B); hint", innermost context first. Never holds a secret.
  [[nodiscard]] const char* what() const noexcept override { return state_->text.c_str(); }
  // The message with its contexts, without the hint.
  [[nodiscard]] const std::string& message() const noexcept { return state_->message; }
  // The next step, a whole sentence; empty if there is none.
  [[nodiscard]] const std::string& hint() const noexcept { return state_->hint; }

  Error& add_context(std::string_view doing);  // "reading pack 3f2a90c1"
  Error& set_hint(std::string_view sentence);  // "Run `holdfast unlock` if no other run is active."

 private:
  struct State {
    Errc code;
    std::string message;
    std::string hint;
    std::string text;
    std::source_location where;
  };
  void render();  // makes the text anew from message and hint

  std::shared_ptr<State> state_;  // shared, so that copying an Error cannot throw
};

// An Error for a failed system call: the code follows `error_number` (ENOENT not_found, EEXIST
// exists, EACCES/EPERM/EROFS denied, ENOSPC/EDQUOT no_space, others io), the text is "doing:
// reason".
[[nodiscard]] Error system_error(int error_number, std::string_view doing,
                                 std::source_location where = std::source_location::current());

// Throws Errc::bug unless `condition` holds: an own rule was broken. Never aborts, because a
// database may be held still at that moment.
void check_rule(bool condition, std::string_view rule,
                std::source_location where = std::source_location::current());

// Runs `body`; an Error that leaves it has gained the context `doing`. Catches here, so that call
// sites stay free of try blocks.
template <std::invocable Body>
decltype(auto) in_context(std::string_view doing, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (Error& error) {
    error.add_context(doing);
    throw;
  }
}

}  // namespace holdfast
