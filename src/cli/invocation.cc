// SPDX-License-Identifier: Apache-2.0
#include "cli/invocation.h"

#include <fmt/format.h>

#include <array>
#include <functional>

#include "base/error.h"
#include "base/path.h"
#include "base/process.h"
#include "base/separate.h"
#include "base/units.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "job/read_instance.h"

namespace holdfast::cli {

namespace {

constexpr std::size_t password_file_bytes_max = std::size_t{1} << 20U;
constexpr std::uint64_t pack_size_mib_min = 4;
constexpr std::uint64_t pack_size_mib_max = 128;

constexpr std::array global_table{
    Option{.name = "instance",
           .letter = 'I',
           .kind = OptionKind::value,
           .value_name = "file",
           .help = "the instance file: a path, or a name that is looked up in /etc/holdfast/; it "
                   "says where the repository is, and \"latest\" and filters mean this instance's "
                   "snapshots"},
    Option{.name = "repo",
           .letter = 'r',
           .kind = OptionKind::value,
           .value_name = "repository",
           .help = "the repository's location",
           .variable = "REPOSITORY",
           .values = "DIRECTORY"},
    Option{.name = "repository-file",
           .kind = OptionKind::value,
           .value_name = "file",
           .help = "read the repository's location from this file",
           .variable = "REPOSITORY_FILE"},
    Option{.name = "password-file",
           .letter = 'p',
           .kind = OptionKind::value,
           .value_name = "file",
           .help = "read the repository's password from this file",
           .variable = "PASSWORD_FILE"},
    Option{.name = "password-command",
           .kind = OptionKind::value,
           .value_name = "command",
           .help = "run this command to get the repository's password",
           .variable = "PASSWORD_COMMAND"},
    Option{.name = "insecure-no-password",
           .help = "the repository's password is empty (insecure); needed with every verb then"},
    Option{.name = "key-hint",
           .kind = OptionKind::value,
           .value_name = "key",
           .help = "try the key with this id first",
           .variable = "KEY_HINT"},
    Option{.name = "json", .help = "print JSON for programs instead of text for people"},
    Option{.name = "quiet", .letter = 'q', .help = "print results and trouble only"},
    Option{.name = "verbose",
           .letter = 'v',
           .kind = OptionKind::count,
           .help = "say more; -vv or --verbose=2: name every item"},
    Option{.name = "no-lock",
           .help = "do not lock the repository; for reading where nothing can be written"},
    Option{.name = "retry-lock",
           .kind = OptionKind::value,
           .value_name = "duration",
           .help = "if the repository is locked, try again for this long, such as 5m or 2h"},
    Option{.name = "cache-dir",
           .kind = OptionKind::value,
           .value_name = "directory",
           .help = "where copies of a remote repository's index are kept, and what of a large one "
                   "is too much for memory",
           .variable = "CACHE_DIR"},
    Option{.name = "no-cache", .help = "keep neither"},
    Option{.name = "compression",
           .kind = OptionKind::value,
           .value_name = "mode",
           .help = "auto, off, fastest, better or max (repositories of version 2)",
           .variable = "COMPRESSION",
           .values = "auto off fastest better max"},
    Option{.name = "pack-size",
           .kind = OptionKind::value,
           .value_name = "MiB",
           .help = "size that pack files aim at, 4 to 128",
           .variable = "PACK_SIZE"},
    Option{.name = "no-extra-verify",
           .help = "do not prove before upload that what was sealed can be opened"},
    Option{.name = "limit-upload",
           .kind = OptionKind::value,
           .value_name = "KiB/s",
           .help = "write to the repository no faster than this"},
    Option{.name = "limit-download",
           .kind = OptionKind::value,
           .value_name = "KiB/s",
           .help = "read from the repository no faster than this"},
    Option{.name = "option",
           .letter = 'o',
           .kind = OptionKind::list,
           .value_name = "key=value",
           .help = "an extended option: local.connections=N",
           .values = "local.connections="},
    Option{.name = "help", .letter = 'h', .help = "explain the verb"},
};

// A password as it stands in a file or a command's output.
std::shared_ptr<const Secret> to_password(std::string text, std::string_view source) {
  Secret raw(std::move(text));
  Secret decoded(decode_text(raw.reveal()));
  auto password = std::make_shared<const Secret>(std::string(trimmed(decoded.reveal())));
  if (password->empty()) {
    Error error(Errc::usage, fmt::format("the password from {} is empty", source));
    error.set_hint("An empty password must be asked for with --insecure-no-password.");
    throw error;
  }
  return password;
}

std::shared_ptr<const Secret> read_password_file(const std::string& path, std::stop_token stop) {
  return to_password(
      in_context("reading the password file",
                 [&] { return read_named_file(path, password_file_bytes_max, std::move(stop)); }),
      path);
}

std::shared_ptr<const Secret> run_password_command(std::vector<std::string> argv,
                                                   std::stop_token stop) {
  if (argv.empty()) throw Error(Errc::usage, "the password command is empty");
  const std::string shown = argv.front();
  holdfast::Command command;
  command.argv = std::move(argv);
  command.fetches_password = true;
  ProcessResult result = run_process(command, {}, std::move(stop), password_file_bytes_max);
  if (result.exit_code != 0) {
    wipe(result.output.data(), result.output.size());
    Error error(Errc::failed_child, fmt::format("the password command `{}` ended with exit code {}",
                                                shown, result.exit_code));
    const std::string_view reason = trimmed(result.errors);
    if (!reason.empty())
      error.set_hint(fmt::format("It said: {}", printable(fitting_front(reason, 300))));
    throw error;
  }
  return to_password(std::move(result.output), "the password command");
}

bool is_local(std::string_view location) {
  const std::size_t colon = location.find(':');
  return colon == std::string_view::npos || location.find('/') < colon ||
         location.starts_with("local:");
}

std::uint64_t rate_limit(const Arguments& arguments, std::string_view name) {
  return arguments.number(name, UINT64_C(1) << 40U).value_or(0) * 1024;
}

void apply_extended_options(const Arguments& arguments, job::RepositoryAccess& access) {
  for (const std::string& given : arguments.list("option")) {
    for (const std::string& option : split(given, ',')) {
      const std::size_t equals = option.find('=');
      const std::string_view key = trimmed(std::string_view(option).substr(0, equals));
      const std::string_view value = equals == std::string::npos
                                         ? std::string_view{}
                                         : trimmed(std::string_view(option).substr(equals + 1));
      if (key != "local.connections") {
        Error error(Errc::usage, fmt::format("unknown extended option \"{}\"", printable(key)));
        error.set_hint("Known is local.connections=N.");
        throw error;
      }
      unsigned connections = 0;
      for (const char digit : value) {
        if (digit < '0' || digit > '9' || connections > 1000) {
          connections = 0;
          break;
        }
        connections = connections * 10 + static_cast<unsigned>(digit - '0');
      }
      if (connections == 0 || connections > 1000) {
        throw Error(
            Errc::usage,
            fmt::format("invalid value \"{}\" of local.connections: not a number from 1 to 1000",
                        printable(value)));
      }
      access.connections = connections;
    }
  }
}

}  // namespace

std::span<const Option> global_options() noexcept {
  return global_table;
}

struct Invocation::Naming {
  std::string_view prefix;     // of options: "" or "from-"
  std::string_view variables;  // of variables: "" or "FROM_"
  std::string_view noun;       // "repository" for messages

  [[nodiscard]] std::string option(std::string_view name) const {
    return std::string(prefix) + std::string(name);
  }
  [[nodiscard]] std::string variable(std::string_view start, std::string_view name) const {
    return std::string(start) + std::string(variables) + std::string(name);
  }
};

// Each source of a setting has a rank: the command line, the instance file, HOLDFAST_*, RESTIC_*.
// The first rank that says anything decides; within one rank two sources contradict each other.
std::string Invocation::location(const Naming& naming,
                                 const model::RepositorySettings* instance_file) {
  const auto from_file = [&](const std::string& path) {
    return std::string(trimmed(decode_text(in_context("reading the repository's location", [&] {
      return read_named_file(path, 1U << 20U, environment_.stop.get_token());
    }))));
  };
  const auto pick = [&](const std::optional<std::string>& direct,
                        const std::optional<std::string>& file, const std::string& direct_name,
                        const std::string& file_name) -> std::optional<std::string> {
    if (direct && file) {
      throw Error(Errc::usage,
                  fmt::format("{} and {} cannot be used together", direct_name, file_name));
    }
    if (direct) return direct;
    if (file) return from_file(*file);
    return std::nullopt;
  };
  const std::string direct_option = naming.option("repo");
  const std::string file_option = naming.option("repository-file");
  const auto on_line = [&](const std::string& name) -> std::optional<std::string> {
    return arguments_.on_command_line(name) ? arguments_.value(name) : std::nullopt;
  };
  if (auto found = pick(on_line(direct_option), on_line(file_option), "--" + direct_option,
                        "--" + file_option)) {
    return *found;
  }
  std::optional<std::string> instance_location;
  if (instance_file != nullptr && !instance_file->location.empty())
    instance_location = instance_file->location;
  for (const std::string_view start : {"HOLDFAST_", "RESTIC_"}) {
    const std::string direct = naming.variable(start, "REPOSITORY");
    const std::string file = naming.variable(start, "REPOSITORY_FILE");
    const auto found = pick(environment_.variables.find_exactly(direct),
                            environment_.variables.find_exactly(file), direct, file);
    if (!found) continue;
    if (!instance_location) return *found;
    if (*found != *instance_location) {
      output_.note(fmt::format(
          "{} names another repository than the instance file; the instance file counts", direct));
    }
  }
  if (instance_location) return *instance_location;
  Error error(Errc::usage, fmt::format("no {} is given", naming.noun));
  error.set_hint(
      fmt::format("Name it with --{} or $HOLDFAST_{}REPOSITORY.", direct_option, naming.variables));
  throw error;
}

std::shared_ptr<const Secret> Invocation::password(const Naming& naming,
                                                   const model::RepositorySettings* instance_file,
                                                   bool twice) {
  const auto exclusive = [](bool file, bool command, const std::string& file_name,
                            const std::string& command_name) {
    if (file && command) {
      throw Error(Errc::usage,
                  fmt::format("{} and {} cannot be used together", file_name, command_name));
    }
  };
  const std::stop_token stop = environment_.stop.get_token();
  const std::string file_option = naming.option("password-file");
  const std::string command_option = naming.option("password-command");
  const bool file_given = arguments_.on_command_line(file_option);
  const bool command_given = arguments_.on_command_line(command_option);
  exclusive(file_given, command_given, "--" + file_option, "--" + command_option);
  const std::string none_option = naming.option("insecure-no-password");
  if (arguments_.flag(none_option)) {
    exclusive(file_given || command_given, true, "a password source", "--" + none_option);
    return std::make_shared<const Secret>();
  }
  if (file_given) return read_password_file(*arguments_.value(file_option), stop);
  if (command_given)
    return run_password_command(split_command_line(*arguments_.value(command_option)), stop);
  if (instance_file != nullptr && !instance_file->password.empty())
    return instance_password(*instance_file);
  for (const std::string_view start : {"HOLDFAST_", "RESTIC_"}) {
    const std::string file_name = naming.variable(start, "PASSWORD_FILE");
    const std::string command_name = naming.variable(start, "PASSWORD_COMMAND");
    const auto file = environment_.variables.find_exactly(file_name);
    const auto command = environment_.variables.find_exactly(command_name);
    exclusive(file.has_value(), command.has_value(), file_name, command_name);
    if (file) return read_password_file(*file, stop);
    if (command) return run_password_command(split_command_line(*command), stop);
    if (const Secret* secret =
            environment_.variables.find_secret(naming.variable(start, "PASSWORD"))) {
      return std::make_shared<const Secret>(secret->clone());
    }
  }
  return std::make_shared<const Secret>(
      ask_password(fmt::format("enter password for {}: ", twice ? "new " + std::string(naming.noun)
                                                                : std::string(naming.noun)),
                   twice));
}

std::shared_ptr<const Secret> Invocation::instance_password(
    const model::RepositorySettings& settings) {
  const std::stop_token stop = environment_.stop.get_token();
  return settings.password.file.empty() ? run_password_command(settings.password.command, stop)
                                        : read_password_file(settings.password.file, stop);
}

Secret Invocation::ask_password(std::string_view question, bool twice) {
  if (!environment_.ask_secret) {
    if (input_is_data_) {
      Error error(Errc::usage, "standard input cannot be both data and password");
      error.set_hint("Use --password-file, --password-command or $HOLDFAST_PASSWORD.");
      throw error;
    }
    // Not a terminal: the first line of standard input, as restic takes it.
    std::string line;
    std::byte byte{};
    while (line.size() < password_file_bytes_max && environment_.input->read({&byte, 1}) == 1 &&
           byte != std::byte{'\n'}) {
      line.push_back(static_cast<char>(byte));
    }
    if (line.ends_with('\r')) line.pop_back();
    Secret password(std::move(line));
    if (!password.empty()) return password;
    Error error(Errc::usage, "no password is given");
    error.set_hint("Use --password-file, --password-command or $HOLDFAST_PASSWORD.");
    throw error;
  }
  Secret password = environment_.ask_secret(question, environment_.stop.get_token());
  if (password.empty()) {
    Error error(Errc::usage, "the password is empty");
    error.set_hint("An empty password must be asked for with --insecure-no-password.");
    throw error;
  }
  if (twice) {
    const Secret again =
        environment_.ask_secret("enter password again: ", environment_.stop.get_token());
    if (again.reveal() != password.reveal()) throw Error(Errc::usage, "the two passwords differ");
  }
  password_was_typed_ = true;
  return password;
}

std::filesystem::path Invocation::cache_directory() const {
  if (arguments_.flag("no-cache")) return {};
  if (const auto directory = arguments_.value("cache-dir")) return *directory;
  if (const auto base = environment_.variables.find_exactly("XDG_CACHE_HOME"))
    return std::filesystem::path(*base) / "holdfast";
  if (const auto home = environment_.variables.find_exactly("HOME"))
    return std::filesystem::path(*home) / ".cache" / "holdfast";
  return {};
}

job::RepositoryAccess Invocation::common_access(std::string location) {
  job::RepositoryAccess access;
  access.location = std::move(location);
  access.no_lock = arguments_.flag("no-lock");
  if (const auto text = arguments_.value("retry-lock")) {
    access.retry_lock = in_context("reading --retry-lock", [&] { return parse_duration(*text); });
  }
  access.cache_directory = cache_directory();
  // Of one on this machine no copies are kept.
  if (access.cache_directory.empty() && !arguments_.flag("no-cache") &&
      !is_local(access.location)) {
    output_.note("nothing is kept in a cache: neither --cache-dir, XDG_CACHE_HOME nor HOME is set");
  }
  access.limit_upload = rate_limit(arguments_, "limit-upload");
  access.limit_download = rate_limit(arguments_, "limit-download");
  if (const auto mode = arguments_.value("compression")) {
    access.compression = in_context("reading " + arguments_.origin("compression"),
                                    [&] { return format::parse_compression(*mode); });
  }
  if (const auto size = arguments_.number("pack-size", pack_size_mib_max)) {
    if (*size < pack_size_mib_min) {
      throw Error(Errc::usage, fmt::format("invalid value \"{}\" of {}: not from {} to {} MiB",
                                           *size, arguments_.origin("pack-size"), pack_size_mib_min,
                                           pack_size_mib_max));
    }
    access.pack_size_bytes = static_cast<std::size_t>(*size) << 20U;
  }
  access.verify = !arguments_.flag("no-extra-verify");
  apply_extended_options(arguments_, access);
  return access;
}

namespace {

// What the instance file says of a location, however that is spelled: of one of its
// `extra_locations` that has a password of its own, that one.
const model::RepositorySettings* settings_of(const std::string& location,
                                             const model::RepositorySettings* instance_file) {
  if (instance_file == nullptr) return nullptr;
  for (const model::RepositorySettings& extra : instance_file->extra_locations) {
    if (!extra.password.empty() && absolute_path(extra.location) == absolute_path(location))
      return &extra;
  }
  return instance_file;
}

}  // namespace

job::RepositoryAccess Invocation::repository_access(
    const model::RepositorySettings* instance_file) {
  const Naming naming{"", "", "repository"};
  job::RepositoryAccess access = common_access(location(naming, instance_file));
  access.key_hint = arguments_.value_or("key-hint", "");
  access.password = password(naming, settings_of(access.location, instance_file), false);
  access.password_typed = password_was_typed_;
  return access;
}

job::RepositoryAccess Invocation::repository_access() {
  return repository_access(instance_settings());
}

std::vector<job::RepositoryAccess> Invocation::backup_accesses() {
  const Naming naming{"", "", "repository"};
  const model::RepositorySettings* const settings = instance_settings();
  if (settings == nullptr || settings->extra_locations.empty()) return {repository_access()};
  if (arguments_.on_command_line("repo") || arguments_.on_command_line("repository-file")) {
    output_.note(
        "--repo names one repository, so that the others of the instance file get no copy");
    return {repository_access()};
  }
  std::vector<job::RepositoryAccess> accesses;
  const auto add = [&](job::RepositoryAccess access,
                       const std::function<std::shared_ptr<const Secret>()>& password) {
    try {
      access.password = password();
    } catch (const Error& error) {  // becomes the repository's failure
      if (error.code() == Errc::usage || error.code() == Errc::cancelled) throw;
      access.failure = separate(error);
    }
    accesses.push_back(std::move(access));
  };
  job::RepositoryAccess main = common_access(location(naming, settings));
  main.key_hint = arguments_.value_or("key-hint", "");
  add(std::move(main), [&] { return this->password(naming, settings, false); });
  accesses.front().password_typed = password_was_typed_;
  for (const model::RepositorySettings& extra : settings->extra_locations) {
    add(common_access(extra.location), [&] {
      if (!extra.password.empty()) return instance_password(extra);
      if (accesses.front().failure) throw separate(*accesses.front().failure);
      return accesses.front().password;
    });
  }
  return accesses;
}

const model::Instance& Invocation::instance() {
  if (instance_) return *instance_;
  const auto name = arguments_.value("instance");
  if (!name || name->empty()) {
    Error error(Errc::usage, "no instance is named");
    error.set_hint("Name its file with -I FILE.toml; `holdfast discover` drafts one.");
    throw error;
  }
  return instance_.emplace(job::read_instance(*name));
}

const model::RepositorySettings* Invocation::instance_settings() {
  return has_instance() ? &instance().repository : nullptr;
}

job::RepositoryAccess Invocation::new_repository_access() {
  const Naming naming{"", "", "repository"};
  job::RepositoryAccess access = common_access(location(naming, instance_settings()));
  access.password = password(naming, settings_of(access.location, instance_settings()), true);
  return access;
}

job::RepositoryAccess Invocation::second_repository_access() {
  const Naming naming{"from-", "FROM_", "source repository"};
  job::RepositoryAccess access = common_access(location(naming, nullptr));
  access.key_hint = arguments_.value_or("from-key-hint", "");
  access.password = password(naming, nullptr, false);
  return access;
}

std::shared_ptr<const Secret> Invocation::new_password(const std::optional<std::string>& file,
                                                       bool allow_empty) {
  if (allow_empty) {
    if (file) {
      throw Error(Errc::usage,
                  "--new-password-file and --new-insecure-no-password cannot be used together");
    }
    return std::make_shared<const Secret>();
  }
  if (file) return read_password_file(*file, environment_.stop.get_token());
  const bool typed_before = password_was_typed_;
  auto password = std::make_shared<const Secret>(ask_password("enter new password: ", true));
  password_was_typed_ = typed_before;
  return password;
}

std::unique_ptr<Progress> Invocation::progress(ProgressShape shape) {
  const auto interval = tick_interval(environment_.variables, output_);
  auto view =
      output_.json() ? make_json_progress(output_, shape) : make_text_progress(output_, shape);
  return std::make_unique<Progress>(std::move(view), interval,
                                    output_.is_terminal() && !output_.json(),
                                    environment_.status_requests);
}

void Invocation::expect_words(std::size_t least, std::size_t most, std::string_view what) const {
  const std::size_t count = arguments_.words().size();
  if (count >= least && count <= most) return;
  Error error(Errc::usage, count < least ? fmt::format("`{}` needs {}", command_.name, what)
                           : most == 0
                               ? fmt::format("`{}` takes no words, but got \"{}\"", command_.name,
                                             printable(arguments_.words().front()))
                               : fmt::format("`{}` takes only {}, but got {} words", command_.name,
                                             what, count));
  error.set_hint(fmt::format("See `holdfast help {}`.", command_.name));
  throw error;
}

}  // namespace holdfast::cli
