// SPDX-License-Identifier: Apache-2.0
#include "engine/embedded/place.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/hash.h"

namespace holdfast::engine::embedded {
namespace {

constexpr std::string_view driver_option = "driver";

}  // namespace

std::filesystem::path path_of(const Kind& kind, const model::Endpoint& endpoint) {
  const auto refuse = [&](const std::string& why) {
    Error error(
        Errc::usage,
        fmt::format("{}: {}", endpoint.component.empty() ? "database" : endpoint.component, why));
    error.set_hint(kind.uri_hint());
    throw Error(error);
  };
  for (const auto& [name, value] : endpoint.options) {
    if (name != driver_option)
      refuse(fmt::format("the {} engine has no option `{}`", kind.name(), name));
    if (!value.starts_with('/')) refuse(fmt::format("`{}` is no absolute path", value));
  }
  std::string_view path = endpoint.uri;
  const std::string scheme = fmt::format("{}:", kind.name());
  if (path.starts_with(scheme)) {
    path.remove_prefix(scheme.size());
    if (path.starts_with("///")) path.remove_prefix(2);  // an empty authority, as in file:///
  }
  if (!path.starts_with('/')) refuse(fmt::format("`{}` is no absolute path", endpoint.uri));
  if (path.find('\0') != std::string_view::npos) refuse("the path holds a zero byte");
  if (path.find(';') != std::string_view::npos)
    refuse(fmt::format("`{}` has attributes of a JDBC URL", endpoint.uri));
  if (kind.is_directory()) {
    while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    if (path == "/") refuse("the root directory is no database");
  }
  if (path.ends_with('/') || !path.ends_with(kind.path_suffix()))
    refuse(fmt::format("`{}` does not end in `{}`", endpoint.uri, kind.path_suffix()));
  std::error_code ignored;
  std::filesystem::path resolved = std::filesystem::weakly_canonical(path, ignored);
  return ignored ? std::filesystem::path(path) : resolved;
}

std::filesystem::path driver_of(const model::Endpoint& endpoint) {
  const auto found = endpoint.options.find(std::string(driver_option));
  return found == endpoint.options.end() ? "" : found->second;
}

std::optional<PlaceFacts> place_facts(const std::filesystem::path& path) {
  struct statx found {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME,
              &found) != 0)
    return std::nullopt;
  const auto nanoseconds = [](const struct statx_timestamp& time) {
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
  };
  PlaceFacts facts;
  facts.regular = S_ISREG(found.stx_mode);
  facts.directory = S_ISDIR(found.stx_mode);
  facts.size_bytes = found.stx_size;
  facts.device = makedev(found.stx_dev_major, found.stx_dev_minor);
  facts.inode = found.stx_ino;
  facts.changed_ns = nanoseconds(found.stx_mtime);
  if ((found.stx_mask & STATX_BTIME) != 0) facts.born_ns = nanoseconds(found.stx_btime);
  facts.mode = found.stx_mode & 07777U;
  facts.uid = found.stx_uid;
  facts.gid = found.stx_gid;
  return facts;
}

bool holds_nothing(const std::filesystem::path& path) {
  const std::optional<PlaceFacts> facts = place_facts(path);
  if (!facts) return true;
  if (facts->regular) return facts->size_bytes == 0;
  std::error_code failure;
  return facts->directory && std::filesystem::is_empty(path, failure) && !failure;
}

bool may_read(const std::filesystem::path& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return false;
  const int wanted = S_ISDIR(found.st_mode) ? R_OK | X_OK : R_OK;
  return ::faccessat(AT_FDCWD, path.c_str(), wanted, AT_EACCESS) == 0;
}

std::filesystem::path beside(const std::filesystem::path& path) {
  std::array<std::byte, 6> random{};
  fill_random(random);
  return path.native() + ".holdfast-" + to_hex(ByteView(random));
}

std::optional<DriverVersion> version_in_name(const std::filesystem::path& jar) {
  std::error_code ignored;
  const std::filesystem::path resolved = std::filesystem::weakly_canonical(jar, ignored);
  const std::string name = (ignored ? jar : resolved).stem().native();
  const std::size_t at = name.find_first_of("0123456789", name.find('-') + 1);
  if (name.find('-') == std::string::npos || at == std::string::npos) return std::nullopt;
  DriverVersion version;
  version.text = name.substr(at);
  const char* const end = version.text.data() + version.text.size();
  const auto [after, error] = std::from_chars(version.text.data(), end, version.major);
  if (error != std::errc() || after == end || *after != '.') return std::nullopt;
  const auto [last, failure] = std::from_chars(after + 1, end, version.minor);
  if (failure != std::errc()) return std::nullopt;
  return version;
}

std::string literal_pattern(const std::string& path) {
  std::string pattern;
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

std::string file_times(const std::filesystem::path& directory) {
  std::vector<std::string> lines;
  std::error_code failure;
  std::filesystem::directory_iterator entries(directory, failure);
  for (; !failure && entries != std::filesystem::directory_iterator(); entries.increment(failure)) {
    const std::optional<PlaceFacts> facts = place_facts(entries->path());
    if (!facts || !facts->regular) continue;
    lines.push_back(fmt::format("{} {} {} {}\n", entries->path().filename().native(),
                                facts->size_bytes, facts->inode, facts->changed_ns));
  }
  if (failure) throw system_error(failure.value(), fmt::format("reading {}", directory.native()));
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

}  // namespace holdfast::engine::embedded
