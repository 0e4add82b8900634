// SPDX-License-Identifier: Apache-2.0
// The stand-in for TypeDB's server as a program of its own, for what is measured or is no C++.
//
//   typedb_stand_in RELEASE [DATABASE THINGS]
//
// Prints its address and goes on until its input ends. With a database: it has that many things,
// which are made as they are asked for and never held.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <string>

#include "tests/harness/typedb_server.h"

namespace {

using holdfast::test::TypedbRelease;

int serve(int count, char** words) {
  const std::map<std::string, TypedbRelease> releases{
      {"2.0", TypedbRelease::grakn_2_0}, {"2.1", TypedbRelease::v2_1},
      {"2.18", TypedbRelease::v2_18},    {"2.29", TypedbRelease::v2_29},
      {"3.3", TypedbRelease::v3_3},      {"3.4", TypedbRelease::v3_4},
      {"3.12", TypedbRelease::v3_12}};
  const auto release = releases.find(count > 1 ? words[1] : "");
  if (release == releases.end() || (count != 2 && count != 4)) {
    std::fputs("typedb_stand_in RELEASE [DATABASE THINGS]\n", stderr);
    return 2;
  }
  holdfast::test::TypedbServerOptions options;
  options.release = release->second;
  holdfast::test::TypedbServer server(options);
  if (count == 4)
    server.put(words[2], holdfast::test::generated_typedb(std::strtoull(words[3], nullptr, 10)));
  std::printf("%s\n", server.address().c_str());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}

}  // namespace

int main(int count, char** words) {
  try {
    return serve(count, words);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "typedb_stand_in: %s\n", error.what());
    return 1;
  }
}
