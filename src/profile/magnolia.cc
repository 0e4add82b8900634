// SPDX-License-Identifier: Apache-2.0
#include "profile/magnolia.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>

#include "base/ascii.h"
#include "base/error.h"
#include "base/path.h"
#include "base/uri.h"
#include "profile/magnolia/configuration_file.h"
#include "profile/magnolia/conversion.h"
#include "profile/magnolia/gathering.h"
#include "profile/magnolia/java_command.h"
#include "profile/magnolia/java_properties.h"
#include "profile/magnolia/jdbc_url.h"
#include "profile/magnolia/make_plan.h"
#include "profile/magnolia/relocate.h"
#include "profile/magnolia/restored_check.h"
#include "profile/magnolia/workspaces.h"

namespace holdfast::profile {
namespace {

namespace fs = std::filesystem;
using magnolia::MagnoliaFacts;
using magnolia::Tomcat;
using magnolia::Variables;

constexpr int depth_max = 3;
constexpr std::string_view found_around = "the directory around the web application";
constexpr std::size_t directories_max = 20'000;

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  return ascii_lower(name.data());
}

// A web application with what stands around it.
struct Surroundings {
  Variables properties;
  std::vector<std::string> environ;
  std::optional<Tomcat> tomcat;
  std::vector<std::string> neighbours;  // directories of all Magnolias of that Tomcat
  std::vector<model::Finding> findings;
};

// Tomcat makes system properties of its catalina.properties.
void read_catalina_properties(const std::string& base, Surroundings& around) {
  const std::string file = base + "/conf/catalina.properties";
  try {
    const auto text = magnolia::read_configuration_file(file);
    if (!text) return;
    for (const auto& one : magnolia::parse_java_properties(*text, file))
      around.properties.set(one.key, one.value, file + ":" + std::to_string(one.line));
  } catch (const Error& error) {
    around.findings.push_back(magnolia::unreadable_configuration(error.message()));
  }
}

// -D words of a setenv.sh that nobody has told us as properties.
void look_at_setenv(Surroundings& around) {
  std::string names;
  for (const std::string& word : around.tomcat->setenv_properties()) {
    const std::string name = word.substr(0, word.find('='));
    if (around.properties.find(name) == nullptr) names += (names.empty() ? "" : ", ") + name;
  }
  if (names.empty()) return;
  around.findings.push_back(magnolia::make_finding(
      "magnolia-setenv-properties", model::Severity::note, "",
      around.tomcat->directory() + "/bin/setenv.sh seems to set " + names,
      "it is not run, so what it sets is not known here and may move parts of the instance",
      "Discover the running process, pid:N, or name them in [magnolia.system_properties]."));
}

Surroundings surroundings_of(const std::string& directory, Variables properties,
                             std::vector<std::string> environ) {
  Surroundings around;
  around.properties = std::move(properties);
  around.environ = std::move(environ);
  const std::string applications = fs::path(directory).parent_path().string();
  const magnolia::Variable* named = around.properties.find("catalina.base");
  if (named == nullptr) named = around.properties.find("catalina.home");
  const std::string base =
      named != nullptr ? clean_path(named->value) : fs::path(applications).parent_path().string();
  if (base.starts_with('/')) {
    read_catalina_properties(base, around);
    around.tomcat = Tomcat::at(base, around.properties);
    for (const char* name : {"catalina.base", "catalina.home"}) {
      if (around.tomcat && around.properties.find(name) == nullptr)
        around.properties.set(name, base, std::string(found_around));
    }
  }
  if (around.tomcat) {
    look_at_setenv(around);
    for (const auto& application : around.tomcat->applications())
      around.neighbours.push_back(application.directory);
  } else {
    std::error_code failure;
    for (const auto& item : fs::directory_iterator(applications, failure))
      around.neighbours.push_back(item.path().string());
  }
  std::erase_if(around.neighbours,
                [](const std::string& one) { return !magnolia::is_magnolia(one); });
  std::sort(around.neighbours.begin(), around.neighbours.end());
  return around;
}

MagnoliaFacts facts_of(const std::string& directory, const Surroundings& around) {
  MagnoliaFacts facts =
      magnolia::gather_facts({.directory = directory,
                              .system_properties = around.properties,
                              .environ = around.environ,
                              .server_name = host_name(),
                              .tomcat = around.tomcat ? &*around.tomcat : nullptr});
  facts.findings.insert(facts.findings.end(), around.findings.begin(), around.findings.end());
  return facts;
}

struct Gathered {
  MagnoliaFacts facts;
  model::Plan plan;
};

Gathered gather(const model::Instance& instance, const Surroundings& around) {
  Gathered gathered;
  gathered.facts = facts_of(instance.home, around);
  std::vector<MagnoliaFacts> others;
  for (const std::string& directory : around.neighbours) {
    if (directory != instance.home) others.push_back(facts_of(directory, around));
  }
  std::vector<const MagnoliaFacts*> neighbours;
  for (const MagnoliaFacts& other : others) neighbours.push_back(&other);
  gathered.plan = magnolia::make_plan(gathered.facts, instance, neighbours);
  return gathered;
}

// The instance with what its file tells of it.
Gathered gather_told(const model::Instance& instance) {
  Variables properties;
  for (const auto& [name, value] : instance.magnolia.system_properties)
    properties.set(name, value, "[magnolia.system_properties] of " + instance.file);
  model::Instance cleaned = instance;
  cleaned.home = clean_path(instance.home);
  return gather(cleaned, surroundings_of(cleaned.home, std::move(properties), {}));
}

// Whether a system property's value may stand in an instance file.
bool is_printable(const MagnoliaFacts& facts, const std::string& name, const std::string& value) {
  if (facts.secret_properties.contains(name) || holds_password(value) ||
      holds_password("x?" + name + "=" + value))
    return false;
  if (!value.starts_with("jdbc:")) return true;
  try {
    return magnolia::parse_jdbc_url(value).password == nullptr;
  } catch (const Error&) {
    return false;
  }
}

model::FoundInstance draft(const std::string& directory, const Surroundings& around) {
  model::FoundInstance found;
  model::Instance& instance = found.instance;
  instance.name = fs::path(directory).filename().string();
  instance.profile = "magnolia";
  instance.quiesce.when = model::QuiesceWhen::needed;
  instance.home = directory;
  const Gathered gathered = gather(instance, around);
  std::string unprinted;
  for (const std::string& name : gathered.facts.used_properties) {
    const magnolia::Variable* property = around.properties.find(name);
    std::string value = property == nullptr ? "" : property->value;
    if (property == nullptr) {
      std::string variable;
      for (const char c : name) variable += c == '.' ? '_' : ascii_upper(c);
      value = magnolia::environment_value(around.environ, variable);
    } else if (property->where == found_around ||
               property->where.find("catalina.properties:") != std::string::npos) {
      continue;  // it is found there again
    }
    if (value.empty()) continue;
    if (is_printable(gathered.facts, name, value)) {
      instance.magnolia.system_properties[name] = value;
    } else {
      unprinted += (unprinted.empty() ? "" : ", ") + name;
    }
  }
  if (around.tomcat &&
      around.tomcat->directory() != fs::path(directory).parent_path().parent_path().string())
    instance.magnolia.system_properties["catalina.base"] = around.tomcat->directory();
  found.comments = gathered.plan.comments;
  found.databases = gathered.plan.databases;
  found.files = gathered.plan.files;
  for (auto& [component, comment] : found.comments) {
    if (component.empty() && !unprinted.empty())
      comment += "Not written here, as they hold passwords: " + unprinted + "\n";
    for (const model::DatabaseSettings& database : gathered.plan.databases) {
      const auto* connection = gathered.facts.connection(database.name);
      if (database.name == component && connection != nullptr && connection->path.empty())
        comment += "\nTo copy it as another user:\n" + magnolia::account_example(database);
    }
  }
  return found;
}

// Web applications at or below a directory.
class Search {
 public:
  explicit Search(std::stop_token stop) : stop_(std::move(stop)) {}

  void look(const std::string& directory, int depth) {
    if (stop_.stop_requested()) throw Error(Errc::cancelled, "interrupted");
    if (magnolia::is_magnolia(directory)) {
      found.push_back(directory);
      return;
    }
    if (depth >= depth_max) return;
    std::vector<std::string> below;
    std::error_code failure;
    for (const auto& item : fs::directory_iterator(directory, failure)) {
      std::error_code gone;
      if (++seen_ > directories_max) return;
      if (item.is_directory(gone) && !item.is_symlink(gone)) below.push_back(item.path().string());
    }
    std::sort(below.begin(), below.end());
    for (const std::string& one : below) look(one, depth + 1);
  }

  std::vector<std::string> found;

 private:
  std::stop_token stop_;
  std::size_t seen_ = 0;
};

std::string text_or_nothing(const std::string& path) {
  try {
    return magnolia::read_configuration_file(path).value_or("");
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

model::Plan MagnoliaProfile::plan(const model::Instance& instance) const {
  if (instance.home.empty() || !magnolia::is_magnolia(instance.home)) {
    model::Plan plan;
    plan.databases = instance.databases;
    plan.files = instance.files;
    plan.findings.push_back(magnolia::make_finding(
        "magnolia-home-missing", model::Severity::blocker, "",
        instance.home.empty() ? "`home` is not set"
                              : instance.home + " is no web application of Magnolia",
        "nothing of the instance can be found without it",
        "Set `home` to the directory with WEB-INF/config in it."));
    return plan;
  }
  return gather_told(instance).plan;
}

std::shared_ptr<const model::Conversion> MagnoliaProfile::convert(
    const model::Instance& source, const model::Instance& target) const {
  if (target.magnolia.persistence.empty() && target.magnolia.data_store.empty()) return nullptr;
  if (!magnolia::is_magnolia(source.home))
    throw Error(Errc::usage, source.home + " is no web application of Magnolia");
  const Gathered gathered = gather_told(source);
  return magnolia::make_conversion(magnolia::at_real_places(gathered.facts), source, gathered.plan,
                                   target);
}

std::vector<model::FoundInstance> MagnoliaProfile::discover(const model::PlaceToLook& place,
                                                            std::stop_token stop) const {
  Variables properties;
  Search search(stop);
  if (place.argv.empty()) {
    if (const auto tomcat = Tomcat::at(place.directory, {})) {
      properties.set("catalina.base", tomcat->directory(), "the directory that was named");
      for (const auto& application : tomcat->applications()) {
        if (magnolia::is_magnolia(application.directory))
          search.found.push_back(application.directory);
      }
    } else {
      search.look(place.directory, 0);
    }
  } else {
    const auto absolute = [&](const std::string& path) {
      return clean_path(path.starts_with('/') ? path : place.directory + "/" + path);
    };
    const auto command = magnolia::read_java_command(
        place.argv, place.environ,
        [&](const std::string& path) { return text_or_nothing(absolute(path)); });
    if (!command.is_java) return {};
    properties = command.system_properties;
    const magnolia::Variable* base = properties.find("catalina.base");
    if (base == nullptr) base = properties.find("catalina.home");
    if (base == nullptr) return {};
    const std::string directory = absolute(base->value);
    properties.set("catalina.base", directory, "the command line of the process");
    const auto tomcat = Tomcat::at(directory, properties);
    if (!tomcat) return {};
    for (const auto& application : tomcat->applications()) {
      if (magnolia::is_magnolia(application.directory))
        search.found.push_back(application.directory);
    }
  }
  std::vector<model::FoundInstance> found;
  for (const std::string& directory : search.found) {
    if (stop.stop_requested()) throw Error(Errc::cancelled, "interrupted");
    found.push_back(draft(directory, surroundings_of(directory, properties, place.environ)));
  }
  return found;
}

model::Adaptation MagnoliaProfile::adapt(const model::RestoredInstance& restored) const {
  return magnolia::adapt_instance(restored);
}

std::vector<model::Finding> MagnoliaProfile::check_restored(const model::RestoredInstance& restored,
                                                            const model::Instance& target) const {
  // Without `home` it is where it was restored to.
  const std::string home = target.home.empty()
                               ? restored.place_of(restored.facts.string_or("directory", ""))
                               : clean_path(target.home);
  if (home.empty()) return {};
  Variables properties;
  for (const auto& [name, value] : target.magnolia.system_properties)
    properties.set(name, value, "[magnolia.system_properties] of " + target.file);
  const Surroundings around = surroundings_of(home, std::move(properties), {});
  return magnolia::check_restored_instance(restored,
                                           magnolia::at_real_places(facts_of(home, around)));
}

std::vector<model::Workspace> MagnoliaProfile::workspaces(const Json& facts) const {
  return magnolia::workspaces_of(facts);
}

model::WorkspaceTarget MagnoliaProfile::plan_workspace(
    const model::Workspace& workspace, const model::Instance& target,
    const std::function<std::optional<std::string>(const std::string& path)>& read_copy) const {
  if (target.home.empty() || !magnolia::is_magnolia(target.home)) {
    throw Error(Errc::usage, "a workspace is restored into an instance that is there")
        .set_hint("Set `home` to its web application.");
  }
  Variables properties;
  for (const auto& [name, value] : target.magnolia.system_properties)
    properties.set(name, value, "[magnolia.system_properties] of " + target.file);
  model::Instance cleaned = target;
  cleaned.home = clean_path(target.home);
  const Gathered gathered =
      gather(cleaned, surroundings_of(cleaned.home, std::move(properties), {}));
  return magnolia::place_workspace(workspace, magnolia::at_real_places(gathered.facts),
                                   gathered.plan.databases, read_copy);
}

}  // namespace holdfast::profile
