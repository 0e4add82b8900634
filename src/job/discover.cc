// SPDX-License-Identifier: Apache-2.0
#include "job/discover.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/fd.h"
#include "base/units.h"
#include "base/uri.h"
#include "engine/registry.h"
#include "job/served_databases.h"
#include "profile/instance_file.h"
#include "profile/registry.h"

namespace holdfast::job {
namespace {

namespace fs = std::filesystem;

// A component's or instance's name: what is easily written on a command line.
std::string plain_name(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    name += plain ? c : '-';
  }
  while (!name.empty() && (name.front() == '.' || name.front() == '-')) name.erase(0, 1);
  return name;
}

fs::path path_of(const std::string& uri) {
  const std::string path = uri.substr(uri.find(':') + 1);
  return path.starts_with('/') ? fs::path(path) : fs::path();
}

class Draft {
 public:
  explicit Draft(std::stop_token stop) : stop_(std::move(stop)) {}

  Discovery discovery;

  [[nodiscard]] const std::stop_token& stop() const noexcept { return stop_; }

  void add(const model::Endpoint& endpoint, const std::string& comment) {
    if (!uris_.insert(endpoint.uri).second) return;
    model::DatabaseSettings database;
    const fs::path path = path_of(endpoint.uri);
    database.name =
        unique(plain_name(path.empty() ? endpoint.uri : path.stem().string()), "database");
    database.engine = endpoint.engine;
    database.uri = endpoint.uri;
    database.user = endpoint.user;
    database.options = endpoint.options;
    discovery.comments.emplace_back(database.name, comment);
    discovery.instance.databases.push_back(std::move(database));
  }

  // Every database below the directory, and, if something else is there too, the directory as a set
  // of files.
  void add_directory(const fs::path& directory, const std::string& comment) {
    std::set<fs::path> own;
    for (const engine::Engine* engine : engine::all_engines()) {
      for (const engine::Engine::Discovered& found : engine->discover(directory, stop_)) {
        add(found.endpoint, found.comment);
        own.insert(path_of(found.endpoint.uri));
      }
    }
    if (!holds_more(directory, own)) return;
    model::FilesSettings files;
    files.name = unique("files", "files");
    files.paths = {directory.string()};
    discovery.comments.emplace_back(files.name, comment);
    discovery.instance.files.push_back(std::move(files));
  }

  // The first suggestion counts.
  void suggest(const std::string& name, const std::string& home) {
    if (discovery.instance.name.empty()) discovery.instance.name = name;
    if (discovery.instance.home.empty()) discovery.instance.home = home;
  }
  void about(const std::string& sentence) { discovery.comments.emplace_back("", sentence); }

 private:
  std::string unique(std::string name, std::string_view otherwise) {
    if (name.empty()) name = otherwise;
    std::string chosen = name;
    for (unsigned number = 2; !names_.insert(chosen).second; ++number)
      chosen = name + "-" + std::to_string(number);
    return chosen;
  }

  // Whether a directory holds anything but databases and what engines put beside them
  // ("data.db-wal").
  static bool holds_more(const fs::path& directory, const std::set<fs::path>& own) {
    std::error_code failure;
    for (const auto& item : fs::directory_iterator(directory, failure)) {
      const std::string path = item.path().string();
      const bool belongs = std::any_of(own.begin(), own.end(), [&](const fs::path& database) {
        return path == database.string() || path.starts_with(database.string() + "-");
      });
      if (!belongs) return true;
    }
    if (failure) throw system_error(failure.value(), "reading " + directory.string());
    return false;
  }

  const std::stop_token stop_;
  std::set<std::string> names_, uris_;
};

void discover_directory(const fs::path& directory, Draft& draft) {
  draft.suggest(plain_name(directory.filename().string()), directory.string());
  draft.add_directory(directory,
                      "everything below " + directory.string() + " but the databases above");
  draft.about("Found by looking at " + directory.string() + ".");
}

void discover_uri(const std::string& uri, Draft& draft) {
  if (holds_password(uri)) {
    throw Error(Errc::denied, redacted_uri(uri) + " holds a password")
        .set_hint(
            "Others see command lines: leave it out; an instance file names a password_file.");
  }
  std::string scheme = uri.substr(0, uri.find(':'));
  if (scheme == "postgres") scheme = "postgresql";  // libpq knows both
  const engine::Engine* engine = engine::find_engine(scheme);
  if (engine == nullptr) {
    throw Error(Errc::usage, uri + " is neither a directory, nor a database, nor pid:N");
  }
  model::Endpoint endpoint;
  endpoint.engine = scheme;
  endpoint.uri = uri;
  engine->check_endpoint(endpoint);
  const engine::Probe probe = engine->probe(endpoint, draft.stop());
  if (!probe.exists) throw Error(Errc::not_found, "there is no database " + uri);
  draft.add(endpoint, scheme + (probe.version.empty() ? "" : " " + probe.version) + ", " +
                          format_bytes(probe.size_bytes) + ", found by opening it");
  draft.suggest(draft.discovery.instance.databases.back().name, "");
  draft.about("Found by looking at " + uri + ".");
}

void discover_file(const fs::path& file, Draft& draft) {
  for (const engine::Engine* engine : engine::all_engines()) {
    const auto inspection = engine->inspect(file, {}, draft.stop());
    if (!inspection) continue;
    model::Endpoint endpoint;
    endpoint.engine = engine->name();
    endpoint.uri = std::string(engine->name()) + ":" + file.string();
    try {
      engine->check_endpoint(endpoint);
    } catch (const Error&) {
      throw Error(Errc::usage, file.string() + " is no database, but a " + inspection->kind)
          .set_hint("`holdfast import` loads it into one.");
    }
    return discover_uri(std::string(engine->name()) + ":" + file.string(), draft);
  }
  throw Error(Errc::usage, file.string() + " is no database that this build knows")
      .set_hint("Name the directory of the application, or the URI of a database.");
}

std::string read_link(const fs::path& link) {
  std::error_code failure;
  const fs::path target = fs::read_symlink(link, failure);
  if (failure) throw system_error(failure.value(), "looking at " + link.string());
  return target.string();
}

// Databases that a process has open, told by the files themselves.
void add_open_databases(const fs::path& process, const std::string& pid, Draft& draft) {
  std::error_code failure;
  std::set<std::string> files;
  for (const auto& item : fs::directory_iterator(process / "fd", failure)) {
    std::error_code gone;
    const fs::path target = fs::read_symlink(item.path(), gone);
    if (!gone && target.is_absolute() && fs::is_regular_file(target, gone))
      files.insert(target.string());
  }
  if (failure) throw system_error(failure.value(), "looking at the open files of process " + pid);
  for (const std::string& file : files) {
    for (const engine::Engine* engine : engine::all_engines()) {
      const auto inspection = engine->inspect(file, {}, draft.stop());
      if (!inspection) continue;
      model::Endpoint endpoint;
      endpoint.engine = engine->name();
      endpoint.uri = std::string(engine->name()) + ":" + file;
      try {
        engine->check_endpoint(endpoint);
      } catch (const Error&) {
        break;  // a dump or another file that is known but is no database one could copy
      }
      draft.add(endpoint, inspection->kind + ", open in process " + pid);
      break;
    }
  }
}

fs::path process_directory(const std::string& pid) {
  if (pid.empty() || pid.size() > 10 || pid.find_first_not_of("0123456789") != std::string::npos) {
    throw Error(Errc::usage, "\"pid:" + pid + "\" names no process");
  }
  const fs::path process = fs::path("/proc") / pid;
  std::error_code ignored;
  if (!fs::exists(process, ignored)) throw Error(Errc::not_found, "there is no process " + pid);
  return process;
}

// The texts of a file of /proc, each of which a NUL ends.
std::vector<std::string> texts_of(const fs::path& file) {
  const std::string all = read_text_file(file, 8U << 20U);
  std::vector<std::string> texts;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find('\0', at), all.size());
    texts.push_back(all.substr(at, end - at));
    at = end + 1;
  }
  return texts;
}

// What the profiles know of a place, which is a directory or that of a process in /proc; and the
// engines that they ask.
std::vector<Discovery> ask_profiles(const model::PlaceToLook& look, const fs::path& place,
                                    const std::stop_token& stop) {
  std::vector<Discovery> found;
  const auto add = [&](std::vector<model::FoundInstance> instances) {
    for (model::FoundInstance& one : instances) {
      one.instance.name = plain_name(one.instance.name);
      if (one.instance.name.empty()) one.instance.name = "instance";
      found.push_back({std::move(one.instance), std::move(one.comments), std::move(one.databases),
                       std::move(one.files)});
    }
  };
  for (const model::Profile* profile : profile::all_profiles()) add(profile->discover(look, stop));
  add(discover_served(place, stop));
  return found;
}

void discover_process(const std::string& pid, Draft& draft) {
  const fs::path process = process_directory(pid);
  const std::string directory = read_link(process / "cwd");
  std::string command = read_text_file(process / "comm", 4096);
  while (!command.empty() && command.back() == '\n') command.pop_back();
  // Services often run in "/", which says nothing of where their files are.
  draft.suggest(plain_name(command), directory == "/" ? "" : directory);
  add_open_databases(process, pid, draft);
  if (directory != "/") draft.add_directory(directory, "working directory of process " + pid);
  draft.about("Found by looking at process " + pid + " (" + command + ").");
}

// As profiles see it; without a directory where it is neither a directory nor a process.
model::PlaceToLook place_to_look(const std::string& place, const fs::path& clean) {
  std::error_code failure;
  if (place.starts_with("pid:")) {
    const fs::path process = process_directory(place.substr(4));
    return {.directory = read_link(process / "cwd"),
            .argv = texts_of(process / "cmdline"),
            .environ = texts_of(process / "environ")};
  }
  if (!fs::is_directory(clean, failure)) return {};
  return {.directory = clean.string(), .argv = {}, .environ = {}};
}

}  // namespace

std::vector<Discovery> discover(std::span<const std::string> places, std::stop_token stop) {
  if (places.empty()) throw Error(Errc::usage, "no place to look at is named");
  Draft draft(std::move(stop));
  std::vector<Discovery> found;
  bool has_draft = false;
  for (const std::string& place : places) {
    std::error_code failure;
    const fs::path path = fs::absolute(fs::path(place)).lexically_normal();
    const fs::path clean = path.has_filename() || path == "/" ? path : path.parent_path();
    const std::size_t known_before = found.size();
    if (const model::PlaceToLook look = place_to_look(place, clean); !look.directory.empty()) {
      const fs::path where = place.starts_with("pid:") ? process_directory(place.substr(4)) : clean;
      for (Discovery& one : ask_profiles(look, where, draft.stop()))
        found.push_back(std::move(one));
    }
    if (found.size() > known_before) continue;
    has_draft = true;
    if (place.starts_with("pid:")) {
      discover_process(place.substr(4), draft);
    } else if (fs::is_directory(clean, failure)) {
      discover_directory(clean, draft);
    } else if (fs::exists(clean, failure)) {
      discover_file(clean, draft);
    } else if (place.find(':') != std::string::npos) {
      discover_uri(place, draft);
    } else {
      throw system_error(ENOENT, clean.string());
    }
  }
  if (!has_draft) return found;
  if (draft.discovery.instance.name.empty()) draft.discovery.instance.name = "instance";
  found.push_back(std::move(draft.discovery));
  return found;
}

namespace {

// What a profile finds anew at each backup: for people, and to be completed by them.
std::string components_of_profile(const Discovery& discovery) {
  const model::Instance& instance = discovery.instance;
  std::string text;
  for (const auto& [component, comment] : discovery.comments) {
    const auto is_it = [&](const auto& one) { return one.name == component; };
    if (component.empty() ||
        std::any_of(instance.databases.begin(), instance.databases.end(), is_it) ||
        std::any_of(instance.files.begin(), instance.files.end(), is_it))
      continue;
    text += "#\n# " + component + ": ";
    for (const char c : comment) {
      if (c == '\n') {
        text += "\n# ";
      } else {
        text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
      }
    }
    text += "\n";
  }
  if (text.empty()) return text;
  return "\n# Its components, which profile " + instance.profile +
         " finds anew for each backup and which need not stand here:\n" + text;
}

}  // namespace

std::string to_instance_file(const Discovery& discovery) {
  std::vector<std::pair<std::string, std::string>> comments = discovery.comments;
  std::string about;
  for (const auto& [component, comment] : comments) {
    if (component.empty()) about += comment + "\n";
  }
  std::erase_if(comments, [](const auto& entry) { return entry.first.empty(); });
  const std::string found = components_of_profile(discovery);
  about +=
      "Read it, correct it, and say at its end where the copies go:\n"
      "    [repository]\n"
      "    location = \"/srv/backup\"\n"
      "    password_file = \"/etc/holdfast/password\"\n"
      "Then: holdfast preflight -I THIS_FILE";
  comments.emplace_back("", about);
  return profile::to_toml(discovery.instance, comments) + found;
}

}  // namespace holdfast::job
