// SPDX-License-Identifier: Apache-2.0
// A Tomcat's server.xml, its context.xml and its setenv.sh: applications and resources, or
// findings.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "fuzz_target.h"
#include "profile/magnolia/tomcat.h"

namespace fuzz = holdfast::fuzz;
namespace magnolia = holdfast::profile::magnolia;

namespace {

void write_file(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
}

// A base with conf/ and bin/, for all inputs; gone with the program.
class Base {
 public:
  Base() {
    fuzz::require(::mkdtemp(path_.data()) != nullptr, "no directory");
    for (const char* const below : {"/conf", "/bin", "/webapps/author/WEB-INF"})
      std::filesystem::create_directories(path_ + below);
  }
  ~Base() {
    std::error_code failure;
    std::filesystem::remove_all(path_, failure);
  }
  Base(const Base&) = delete;
  Base& operator=(const Base&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/holdfast-tomcat-fuzz-XXXXXX";
};

const std::string& base() {
  static const Base the_base;
  return the_base.path();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  write_file(base() + "/conf/server.xml", text);
  write_file(base() + "/conf/context.xml", text);
  write_file(base() + "/bin/setenv.sh", text);
  fuzz::allow_errors([&] {
    const auto tomcat = magnolia::Tomcat::at(base(), {});
    fuzz::require(tomcat.has_value(), "a base with a server.xml is a Tomcat's");
    for (const auto& application : tomcat->applications())
      fuzz::require(application.directory.starts_with('/'), "a place that is relative");
    std::vector<holdfast::model::Finding> findings;
    for (const char* const name : {"jdbc/MagnoliaAuthor", "jdbc/global"})
      static_cast<void>(tomcat->resource(base() + "/webapps/author", name, findings));
    static_cast<void>(tomcat->setenv_properties());
  });
  return 0;
}
