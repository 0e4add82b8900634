// SPDX-License-Identifier: Apache-2.0
// What Holdfast knows about one kind of application. Room profile implements it, job runs it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/secret.h"
#include "model/copy_check.h"
#include "model/finding.h"
#include "model/instance.h"
#include "model/quiet_check.h"
#include "model/value.h"

namespace holdfast::model {

class Conversion;  // model/conversion.h

// The components of an instance as they are now.
struct Plan {
  std::vector<DatabaseSettings> databases;
  std::vector<FilesSettings> files;
  std::vector<Finding> findings;
  // Where each fact was read, by component; of "": of the whole instance.
  std::vector<std::pair<std::string, std::string>> comments;
  // Of what must not move while a copy is made, a line `name TAB value` for each thing: a copy
  // during which one changed is made again. Empty: nothing of that kind.
  std::string state;
  // What a restore has to know of the application's own configuration: the manifest keeps it, and
  // hands it back in RestoredInstance::facts. Holds no secret. One key is for everybody: `locks`,
  // the files that the application keeps locked while it runs.
  Json facts = Json::object();
  // Makes the check that a copy by this plan has to pass; empty: there is none.
  std::function<std::unique_ptr<CopyCheck>()> make_check;
  // Looks whether the application rests; null: that is of no matter.
  std::shared_ptr<QuietCheck> quiet;
};

// Where an application may be found: a directory, or a process as /proc shows it.
struct PlaceToLook {
  std::string directory;                   // absolute; of a process: where it works
  std::vector<std::string> argv, environ;  // of a process; else empty
};

// An application that was found, as a draft of its instance file.
struct FoundInstance {
  Instance instance;
  std::vector<std::pair<std::string, std::string>> comments;  // as Plan::comments
  // What Profile::plan() says now and the draft does not.
  std::vector<DatabaseSettings> databases;
  std::vector<FilesSettings> files;
};

// An application whose files and databases are in their places, as they were copied; `path` is
// always where something lay when it was copied.
struct RestoredInstance {
  struct Database {
    std::string component, engine, old_uri;
    std::string uri;  // empty: it was not restored
    // Who the instance file logs in as there; empty: nobody by name.
    std::string user = {};
    std::shared_ptr<const Secret> password = nullptr;
  };
  const Json& facts;                // Plan::facts of the backup
  bool is_clone = true;             // the one that was copied may go on living
  std::vector<Database> databases;  // all of the copy
  const NameMappings& names;        // of owners, that roles of the application's follow
  // Where it is now; empty: it was not restored.
  std::function<std::string(const std::string& path)> place_of;
  // Its content now; nothing if it was not restored or is no file there. Up to 16 MiB.
  std::function<std::optional<std::string>(const std::string& path)> read;
  // For check_restored(): Adaptation::left_databases of this restore.
  std::set<std::string> left_databases = {};
};

// What has to be other than it was, because the application is elsewhere.
struct FileChange {
  std::string path;                    // where it lay when it was copied
  std::optional<std::string> content;  // its new content; none: it goes, with all below it
  std::string what;                    // for the report: "connection of db-magnolia: jdbc:… "
  bool is_link = false;                // a symlink, and `content` what it leads to
};

struct Adaptation {
  std::vector<FileChange> changes;
  std::vector<std::string> by_hand;  // what somebody has to do before the application starts
  // Components to which `by_hand` says that the application must be led: it uses the old ones yet.
  std::set<std::string> left_databases = {};
};

// A part of an instance's content that can be brought back alone.
struct Workspace {
  std::string name;                 // unique among those of its repository
  std::string repository;           // what it shares with others
  std::string directory;            // absolute: where it lay when it was copied
  std::string component;            // of its database; empty: it has none
  bool owns_database = false;       // all of the database is its own, and goes as a whole
  std::vector<TableName> tables;    // else these; some need not be there. Without schema: any
  std::vector<std::string> stores;  // directories with files that it shares, named by content
  Json facts = Json::object();      // RestoredInstance::facts, of it alone
};

// Where a workspace goes in an instance that is there.
struct WorkspaceTarget {
  std::string directory;
  std::optional<DatabaseSettings> database;  // as the application knows it
  std::vector<std::string> stores;           // in the order of Workspace::stores
  std::vector<Finding> findings;             // why it would not fit there
};

class Profile {
 public:
  virtual ~Profile() = default;
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;  // "custom"
  // When [quiesce] is applied if the file does not say.
  [[nodiscard]] virtual QuiesceWhen quiesce_default() const noexcept = 0;
  // Looks at the instance as its file describes it and says which components it has. Reads only.
  [[nodiscard]] virtual Plan plan(const Instance& instance) const = 0;
  // Applications of this kind at a place; none if there is none. Reads only. Errc::cancelled soon
  // after a stop request.
  [[nodiscard]] virtual std::vector<FoundInstance> discover(const PlaceToLook& /*place*/,
                                                            std::stop_token /*stop*/) const {
    return {};
  }
  // How `source` becomes `target`, where that wants databases of another kind than the source has;
  // null where it does not. Reads the files of the source only.
  [[nodiscard]] virtual std::shared_ptr<const Conversion> convert(
      const Instance& /*source*/, const Instance& /*target*/) const {
    return nullptr;
  }
  // What must be changed in restored files before the application may start there. Errc::corrupt
  // for facts that are none.
  [[nodiscard]] virtual Adaptation adapt(const RestoredInstance& /*restored*/) const { return {}; }
  // Statements for a component's database that was restored and compared, before anybody else can
  // see it. Errc::corrupt for facts that are none.
  [[nodiscard]] virtual std::vector<std::string> restore_statements(
      const Json& /*facts*/, std::string_view /*component*/, bool /*is_clone*/,
      const NameMappings& /*names*/) const {
    return {};
  }
  // Whether an application that was restored whole, and adapted, will find all of it when it is
  // started as `target` describes it: read in its own configuration where that is now. A blocker
  // that nobody accepted fails the restore. Reads only.
  [[nodiscard]] virtual std::vector<Finding> check_restored(const RestoredInstance& /*restored*/,
                                                            const Instance& /*target*/) const {
    return {};
  }
  // What of a copy can be brought back alone, from Plan::facts of the backup. None unless there are
  // such parts. Errc::corrupt for facts that are none.
  [[nodiscard]] virtual std::vector<Workspace> workspaces(const Json& /*facts*/) const {
    return {};
  }
  // Where it goes in `target`, and whether it fits there. `read_copy` reads small files of the
  // copy, by where they lay. Reads only. Errc::unsupported if it cannot be brought back alone.
  [[nodiscard]] virtual WorkspaceTarget plan_workspace(
      const Workspace& /*workspace*/, const Instance& /*target*/,
      const std::function<std::optional<std::string>(const std::string& path)>& /*read_copy*/)
      const {
    return {};
  }
  // The engine that is asked which databases the server at `home` has: each is a component of its
  // own name, but where the instance file names one so. Empty: plan() knows all components.
  [[nodiscard]] virtual std::string_view served_engine() const noexcept { return {}; }
  // Whether a component may be restored without all others.
  [[nodiscard]] virtual bool goes_alone(std::string_view /*component*/) const noexcept {
    return true;
  }

 protected:
  Profile() = default;
};

}  // namespace holdfast::model
