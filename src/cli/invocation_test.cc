// SPDX-License-Identifier: Apache-2.0
#include "cli/invocation.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "cli/test_world.h"

namespace holdfast::cli {
namespace {

void nothing(Invocation&) {}
const Command verb{.name = "verb", .options = {second_repository_options}, .run = nothing};

// An invocation of `verb` with these words, in this world of variables.
class Asking : public testing::Test {
 protected:
  Asking() {
    environment_.output = &output_;
    environment_.errors = &errors_;
    set_input({});
  }
  void set_input(std::string_view text) {
    input_.emplace(as_bytes(text));
    environment_.input = &*input_;
  }
  Variables& variables() { return environment_.variables; }
  std::string errors() const { return errors_.text; }

  template <typename Question>
  auto ask(const std::vector<std::string>& words, const Question& question) {
    std::vector<std::string> all{"verb"};
    all.insert(all.end(), words.begin(), words.end());
    constexpr const Command* verbs[] = {&verb};
    const ParsedLine line =
        parse_command_line(all, verbs, global_options(), environment_.variables);
    Output output(output_, errors_, {});
    Invocation invocation(verb, line.arguments, environment_, output);
    return question(invocation);
  }
  job::RepositoryAccess access(const std::vector<std::string>& words,
                               const model::RepositorySettings* file = nullptr) {
    return ask(words, [&](Invocation& invocation) { return invocation.repository_access(file); });
  }
  std::string password(const std::vector<std::string>& words,
                       const model::RepositorySettings* file = nullptr) {
    return std::string(access(words, file).password->reveal());
  }
  Errc refusal(const std::vector<std::string>& words) {
    try {
      static_cast<void>(access(words));
    } catch (const Error& error) {
      return error.code();
    }
    return Errc::bug;
  }

  World world_;
  Environment environment_;

 private:
  CapturedStream output_, errors_;
  std::optional<BytesSource> input_;
};

TEST_F(Asking, FollowsTheRanksOfTheLocation) {
  variables().set_secret("RESTIC_PASSWORD", Secret("x"));
  variables().set("RESTIC_REPOSITORY", "/restic");
  EXPECT_EQ(access({}).location, "/restic");
  variables().set("HOLDFAST_REPOSITORY", "/ours");
  EXPECT_EQ(access({}).location, "/ours");
  model::RepositorySettings file;
  file.location = "/instance";
  EXPECT_EQ(access({}, &file).location, "/instance");
  EXPECT_NE(errors().find("HOLDFAST_REPOSITORY names another repository"), std::string::npos);
  EXPECT_EQ(access({"-r", "/flag"}, &file).location, "/flag");
  const std::string list = world_.write("location", "\xef\xbb\xbf /from/file \n");
  EXPECT_EQ(access({"--repository-file", list}).location, "/from/file");
  EXPECT_EQ(refusal({"-r", "/a", "--repository-file", list}), Errc::usage);
}

TEST_F(Asking, RefusesTwoLocationsOfOneRankOnly) {
  variables().set_secret("RESTIC_PASSWORD", Secret("x"));
  variables().set("RESTIC_REPOSITORY", "/a");
  variables().set("RESTIC_REPOSITORY_FILE", "/b");
  EXPECT_EQ(refusal({}), Errc::usage);
  EXPECT_EQ(access({"-r", "/flag"}).location, "/flag");
  variables().set("HOLDFAST_REPOSITORY", "/c");
  EXPECT_EQ(access({}).location, "/c");
}

TEST_F(Asking, NeedsALocation) {
  EXPECT_EQ(refusal({}), Errc::usage);
}

TEST_F(Asking, FollowsTheRanksOfThePassword) {
  variables().set("RESTIC_REPOSITORY", "/r");
  variables().set_secret("RESTIC_PASSWORD", Secret("restic"));
  EXPECT_EQ(password({}), "restic");
  variables().set("RESTIC_PASSWORD_FILE", world_.write("theirs", "restic file\n"));
  EXPECT_EQ(password({}), "restic file");
  variables().set_secret("HOLDFAST_PASSWORD", Secret("ours"));
  EXPECT_EQ(password({}), "ours");
  variables().set("HOLDFAST_PASSWORD_COMMAND", "echo 'our command'");
  EXPECT_EQ(password({}), "our command");
  model::RepositorySettings file;
  file.password.file = world_.write("instance", "instance");
  EXPECT_EQ(password({}, &file), "instance");
  EXPECT_EQ(password({"--password-command", "printf flag"}, &file), "flag");
  EXPECT_EQ(password({"-p", world_.write("flag", "flag file")}, &file), "flag file");
  EXPECT_EQ(password({"--insecure-no-password"}), "");
}

TEST_F(Asking, LetsThePasswordCommandUseTheCallersTokens) {
  variables().set("RESTIC_REPOSITORY", "/r");
  ::setenv("HOLDFASTS_VAULT_TOKEN", "s.123", 1);
  EXPECT_EQ(password({"--password-command", "printenv HOLDFASTS_VAULT_TOKEN"}), "s.123");
  ::unsetenv("HOLDFASTS_VAULT_TOKEN");
}

TEST_F(Asking, RefusesTwoPasswordsOfOneRank) {
  variables().set("RESTIC_REPOSITORY", "/r");
  EXPECT_EQ(refusal({"-p", "/a", "--password-command", "b"}), Errc::usage);
  EXPECT_EQ(refusal({"-p", "/a", "--insecure-no-password"}), Errc::usage);
  variables().set("RESTIC_PASSWORD_FILE", "/a");
  variables().set("RESTIC_PASSWORD_COMMAND", "b");
  EXPECT_EQ(refusal({}), Errc::usage);
}

TEST_F(Asking, TrimsAndDecodesPasswords) {
  variables().set("RESTIC_REPOSITORY", "/r");
  EXPECT_EQ(password({"-p", world_.write("a", "\xef\xbb\xbf  p w \r\n")}), "p w");
  EXPECT_EQ(password({"-p", world_.write("b", std::string("\xff\xfep\0\xfc\0\n\0", 8))}), "pü");
  EXPECT_EQ(refusal({"-p", world_.write("c", " \n")}), Errc::usage);
  EXPECT_EQ(refusal({"-p", world_.path("missing")}), Errc::not_found);
}

TEST_F(Asking, TellsHowThePasswordCommandFailedButNotItsOutput) {
  variables().set("RESTIC_REPOSITORY", "/r");
  try {
    static_cast<void>(
        access({"--password-command", "sh -c 'echo geheim; echo no key >&2; exit 4'"}));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::failed_child);
    const std::string text = error.what();
    EXPECT_NE(text.find("exit code 4"), std::string::npos) << text;
    EXPECT_NE(text.find("no key"), std::string::npos) << text;
    EXPECT_EQ(text.find("geheim"), std::string::npos) << text;
  }
}

TEST_F(Asking, ReadsALineOfStandardInputWithoutATerminal) {
  variables().set("RESTIC_REPOSITORY", "/r");
  set_input("from input\r\nrest");
  EXPECT_EQ(password({}), "from input");
  set_input("");
  EXPECT_EQ(refusal({}), Errc::usage);
  set_input("never read");
  EXPECT_THROW(ask({},
                   [](Invocation& invocation) {
                     invocation.reserve_input();
                     return invocation.repository_access();
                   }),
               Error);
}

TEST_F(Asking, AsksTwiceForANewPassword) {
  variables().set("RESTIC_REPOSITORY", "/r");
  std::vector<std::string> answers;
  environment_.ask_secret = [&](std::string_view, std::stop_token) {
    std::string answer = answers.front();
    answers.erase(answers.begin());
    return Secret(std::move(answer));
  };
  const auto make = [](Invocation& invocation) { return invocation.new_repository_access(); };
  answers = {"a", "a"};
  EXPECT_EQ(ask({}, make).password->reveal(), "a");
  answers = {"a", "b"};
  EXPECT_THROW(ask({}, make), Error);
  answers = {""};
  EXPECT_THROW(ask({}, make), Error);
  answers = {"once"};
  EXPECT_EQ(password({}), "once");
}

TEST_F(Asking, FindsTheSecondRepository) {
  variables().set("RESTIC_FROM_REPOSITORY", "/from");
  variables().set_secret("RESTIC_FROM_PASSWORD", Secret("from"));
  const job::RepositoryAccess found = ask({"--from-key-hint", "ab"}, [](Invocation& invocation) {
    return invocation.second_repository_access();
  });
  EXPECT_EQ(found.location, "/from");
  EXPECT_EQ(found.password->reveal(), "from");
  EXPECT_EQ(found.key_hint, "ab");
}

TEST_F(Asking, ReadsTheGlobalOptions) {
  variables().set("RESTIC_REPOSITORY", "/r");
  variables().set_secret("RESTIC_PASSWORD", Secret("x"));
  variables().set("RESTIC_PACK_SIZE", "32");
  variables().set("RESTIC_COMPRESSION", "max");
  const job::RepositoryAccess found =
      access({"--no-lock", "--retry-lock", "5m", "--limit-upload", "10", "--limit-download=20",
              "-o", "local.connections=7", "--no-extra-verify", "--key-hint", "k", "--no-cache"});
  EXPECT_TRUE(found.no_lock);
  EXPECT_EQ(found.retry_lock, std::chrono::minutes(5));
  EXPECT_EQ(found.limit_upload, 10U * 1024);
  EXPECT_EQ(found.limit_download, 20U * 1024);
  EXPECT_EQ(found.connections, 7U);
  EXPECT_FALSE(found.verify);
  EXPECT_EQ(found.key_hint, "k");
  EXPECT_EQ(found.pack_size_bytes, 32U << 20U);
  EXPECT_EQ(found.compression, format::Compression::max);
  EXPECT_TRUE(found.cache_directory.empty());
  EXPECT_EQ(access({"--pack-size", "8"}).pack_size_bytes, 8U << 20U);
}

TEST_F(Asking, RefusesValuesThatMakeNoSense) {
  variables().set("RESTIC_REPOSITORY", "/r");
  variables().set_secret("RESTIC_PASSWORD", Secret("x"));
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"--pack-size", "3"},
                                             {"--pack-size", "129"},
                                             {"--pack-size", "x"},
                                             {"--compression", "most"},
                                             {"--retry-lock", "soon"},
                                             {"--limit-upload", "-1"},
                                             {"-o", "s3.region=x"},
                                             {"-o", "local.connections=0"},
                                             {"-o", "local.connections=x"},
                                             {"-o", "local.connections"}}) {
    EXPECT_EQ(refusal(words), Errc::usage) << words[0] << " " << words[1];
  }
  variables().set("HOLDFAST_COMPRESSION", "most");
  EXPECT_EQ(refusal({}), Errc::usage);
}

TEST_F(Asking, CountsWords) {
  const auto expect = [](std::size_t least, std::size_t most) {
    return [least, most](Invocation& invocation) {
      invocation.expect_words(least, most, "one thing");
      return 0;
    };
  };
  EXPECT_EQ(ask({"a"}, expect(1, 1)), 0);
  EXPECT_THROW(ask({}, expect(1, 1)), Error);
  EXPECT_THROW(ask({"a", "b"}, expect(1, 1)), Error);
  EXPECT_THROW(ask({"a"}, expect(0, 0)), Error);
}

}  // namespace
}  // namespace holdfast::cli
