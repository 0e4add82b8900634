// SPDX-License-Identifier: Apache-2.0
// What the run() of a verb is given: its arguments, the world outside, the repository that was
// asked for, and the password to open it.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cli/arguments.h"
#include "cli/environment.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "model/instance.h"

namespace holdfast::cli {

// The options every verb takes, before or behind its name.
[[nodiscard]] std::span<const Option> global_options() noexcept;
// --from-repo and the others that name a second repository.
inline constexpr std::array second_repository_options{
    Option{.name = "from-repo",
           .kind = OptionKind::value,
           .value_name = "repository",
           .help = "the other repository's location",
           .variable = "FROM_REPOSITORY",
           .values = "DIRECTORY"},
    Option{.name = "from-repository-file",
           .kind = OptionKind::value,
           .value_name = "file",
           .help = "read the other repository's location from this file",
           .variable = "FROM_REPOSITORY_FILE"},
    Option{.name = "from-password-file",
           .kind = OptionKind::value,
           .value_name = "file",
           .help = "read the other repository's password from this file",
           .variable = "FROM_PASSWORD_FILE"},
    Option{.name = "from-password-command",
           .kind = OptionKind::value,
           .value_name = "command",
           .help = "run this command to get the other repository's password",
           .variable = "FROM_PASSWORD_COMMAND"},
    Option{.name = "from-key-hint",
           .kind = OptionKind::value,
           .value_name = "key",
           .help = "try the other repository's key with this id first",
           .variable = "FROM_KEY_HINT"},
    Option{.name = "from-insecure-no-password", .help = "the other repository's password is empty"},
};

class Invocation {
 public:
  Invocation(const Command& command, const Arguments& arguments, Environment& environment,
             Output& output)
      : command_(command), arguments_(arguments), environment_(environment), output_(output) {}

  [[nodiscard]] const Command& command() const noexcept { return command_; }
  [[nodiscard]] const Arguments& arguments() const noexcept { return arguments_; }
  [[nodiscard]] Output& output() noexcept { return output_; }
  [[nodiscard]] Environment& environment() noexcept { return environment_; }
  [[nodiscard]] const job::Environment& job() const noexcept { return environment_.job; }
  [[nodiscard]] std::stop_source& stop() noexcept { return environment_.stop; }

  // The instance of -I. Errc::usage if it is missing.
  [[nodiscard]] const model::Instance& instance();
  [[nodiscard]] bool has_instance() const { return arguments_.given("instance"); }

  // Where the repository is and how to open it: flags, then `instance_file` (if given), then
  // HOLDFAST_*, then RESTIC_*. Asks for the password if nothing names it. Errc::usage for no
  // location, or two contradicting sources at the same rank. A variable that differs from the
  // instance file is noted and not followed.
  [[nodiscard]] job::RepositoryAccess repository_access(
      const model::RepositorySettings* instance_file);
  // With the instance file of -I, if there is one.
  [[nodiscard]] job::RepositoryAccess repository_access();
  // Those for a backup of the instance: the main one, then its `extra_locations`, unless --repo or
  // --repository-file says that one alone is meant. Where there are several, one whose password
  // cannot be had says so in `failure`.
  [[nodiscard]] std::vector<job::RepositoryAccess> backup_accesses();
  // The same for a repository that is about to be made: a typed password is asked for twice.
  [[nodiscard]] job::RepositoryAccess new_repository_access();
  // The second repository, of --from-repo and the others (second_repository_options must be in the
  // verb's tables).
  [[nodiscard]] job::RepositoryAccess second_repository_access();
  // Below which directory copies of remote repositories' files are kept; empty: nowhere, because of
  // --no-cache or because neither --cache-dir, XDG_CACHE_HOME nor HOME is set.
  [[nodiscard]] std::filesystem::path cache_directory() const;
  // A password for a new key: from the file, or typed twice. Never empty unless `allow_empty`.
  [[nodiscard]] std::shared_ptr<const Secret> new_password(const std::optional<std::string>& file,
                                                           bool allow_empty);

  // Begins to show how far the verb is. Ends with the returned object.
  [[nodiscard]] std::unique_ptr<Progress> progress(ProgressShape shape);

  // Standard input is data: a password is then never read from it.
  void reserve_input() noexcept { input_is_data_ = true; }

  // Errc::usage unless the number of words is within the range; `what` says what they are.
  void expect_words(std::size_t least, std::size_t most, std::string_view what) const;

  // Whether the password was typed, so that a wrong one may be asked for again.
  [[nodiscard]] bool password_was_typed() const noexcept { return password_was_typed_; }

 private:
  // The names of one repository's options and variables: "" or "from-".
  struct Naming;
  [[nodiscard]] std::string location(const Naming& naming,
                                     const model::RepositorySettings* instance_file);
  [[nodiscard]] std::shared_ptr<const Secret> password(
      const Naming& naming, const model::RepositorySettings* instance_file, bool twice);
  // The one that an instance file names.
  [[nodiscard]] std::shared_ptr<const Secret> instance_password(
      const model::RepositorySettings& settings);
  [[nodiscard]] Secret ask_password(std::string_view question, bool twice);
  [[nodiscard]] job::RepositoryAccess common_access(std::string location);
  [[nodiscard]] const model::RepositorySettings* instance_settings();

  const Command& command_;
  const Arguments& arguments_;
  Environment& environment_;
  Output& output_;
  std::optional<model::Instance> instance_;  // once it has been read
  bool password_was_typed_ = false;
  bool input_is_data_ = false;
};

}  // namespace holdfast::cli
