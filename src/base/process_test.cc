// SPDX-License-Identifier: Apache-2.0
#include "base/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <thread>

#include "base/child.h"
#include "base/error.h"
#include "base/fd.h"

namespace holdfast {
namespace {

using namespace std::chrono_literals;

Command shell(const std::string& script) {
  return {.argv = {"sh", "-c", script}};
}

std::string output_of(const Command& command, std::string_view input = {}) {
  return run_process(command, input).output;
}

template <typename Body>
Errc code_of(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no Error";
  return Errc::bug;
}

class Stopwatch {
 public:
  [[nodiscard]] std::chrono::nanoseconds elapsed() const {
    return std::chrono::steady_clock::now() - start_;
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Sets an environment variable of ours for one scope.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

TEST(RunProcess, KeepsOutputAndErrorsApart) {
  const ProcessResult result = run_process(shell("echo out; echo err >&2; exit 3"));
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.output, "out\n");
  EXPECT_EQ(result.errors, "err\n");
  EXPECT_FALSE(result.timed_out);
  EXPECT_FALSE(result.output_is_cut);
}

TEST(RunProcess, PassesArgumentsWithoutAShell) {
  EXPECT_EQ(output_of({.argv = {"printf", "%s|", "a b", "$HOME", "", "*"}}), "a b|$HOME||*|");
}

TEST(RunProcess, ReportsASignalAs128PlusItsNumber) {
  EXPECT_EQ(run_process(shell("kill -9 $$")).exit_code, 137);
}

TEST(RunProcess, ThrowsIfTheProgramCannotBeStarted) {
  EXPECT_EQ(code_of([] { static_cast<void>(run_process({.argv = {"no-such-program-here"}})); }),
            Errc::not_found);
  EXPECT_EQ(code_of([] { static_cast<void>(run_process({.argv = {"/etc/passwd"}})); }),
            Errc::denied);
  EXPECT_EQ(code_of([] {
              static_cast<void>(run_process({.argv = {"true"}, .directory = "/no/such/place"}));
            }),
            Errc::not_found);
  EXPECT_EQ(code_of([] { static_cast<void>(run_process({})); }), Errc::bug);
  EXPECT_EQ(code_of([] {
              static_cast<void>(run_process({.argv = {"echo", std::string("a\0b", 3)}}));
            }),
            Errc::usage);
  EXPECT_EQ(code_of([] {
              static_cast<void>(run_process({.argv = {"true"}, .environment = {{"A=B", "c"}}}));
            }),
            Errc::usage);
}

TEST(RunProcess, SearchesPathForWhatCanBeRun) {
  const TemporaryDirectory directory("holdfast-test");
  std::filesystem::create_directories(directory.path() / "first/tool");
  std::filesystem::create_directories(directory.path() / "second");
  std::filesystem::create_directories(directory.path() / "third");
  write_file_durably(directory.path() / "second/tool", as_bytes("#!/bin/sh\necho no\n"), 0600);
  const std::string old = ::getenv("PATH");
  const std::string path = directory.path() / "first";
  const std::string all = path + ":" + (directory.path() / "second").native() + ":" +
                          (directory.path() / "third").native() + ":/no/such/place";
  ::setenv("PATH", all.c_str(), 1);
  const Errc forbidden = code_of([] { static_cast<void>(run_process({.argv = {"tool"}})); });
  const Errc missing = code_of([] { static_cast<void>(run_process({.argv = {"sh"}})); });
  write_file_durably(directory.path() / "third/tool", as_bytes("#!/bin/sh\necho yes\n"), 0700);
  const std::string output = output_of({.argv = {"tool"}});
  ::setenv("PATH", old.c_str(), 1);
  EXPECT_EQ(forbidden, Errc::denied);
  EXPECT_EQ(missing, Errc::not_found);
  EXPECT_EQ(output, "yes\n");
  EXPECT_EQ(code_of([] { static_cast<void>(run_process({.argv = {""}})); }), Errc::not_found);
}

TEST(RunProcess, GivesInputOrElseNothing) {
  EXPECT_EQ(output_of({.argv = {"cat"}}, "hello"), "hello");
  EXPECT_EQ(output_of({.argv = {"cat"}}), "");
  const std::string large(3U << 20U, 'x');
  EXPECT_EQ(output_of({.argv = {"cat"}}, large), large);
}

TEST(RunProcess, SurvivesAProgramThatDoesNotReadItsInput) {
  const std::string large(3U << 20U, 'x');
  const ProcessResult result = run_process(shell("exec <&-; echo done; sleep 0.1"), large);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.output, "done\n");
  // The signal was neither left pending nor blocked.
  sigset_t signals;
  ::sigpending(&signals);
  EXPECT_EQ(::sigismember(&signals, SIGPIPE), 0);
  ::pthread_sigmask(SIG_BLOCK, nullptr, &signals);
  EXPECT_EQ(::sigismember(&signals, SIGPIPE), 0);
}

TEST(RunProcess, CutsOutputAtItsLimitButReadsItAll) {
  const ProcessResult result =
      run_process(shell("head -c 300000 /dev/zero; echo end >&2"), {}, {}, 1000);
  EXPECT_EQ(result.output.size(), 1000U);
  EXPECT_TRUE(result.output_is_cut);
  EXPECT_EQ(result.errors, "end\n");
  EXPECT_FALSE(run_process(shell("printf 1234"), {}, {}, 4).output_is_cut);
}

TEST(RunProcess, KeepsTheEndOfErrors) {
  const ProcessResult result =
      run_process(shell("head -c 1000000 /dev/zero | tr '\\0' x >&2; printf end >&2"));
  EXPECT_EQ(result.errors.size(), 65536U);
  EXPECT_TRUE(result.errors.ends_with("xend"));
}

TEST(RunProcess, RunsInTheGivenDirectory) {
  const TemporaryDirectory directory("holdfast-test");
  EXPECT_EQ(output_of({.argv = {"pwd", "-P"}, .directory = directory.path()}),
            std::filesystem::canonical(directory.path()).native() + "\n");
}

TEST(RunProcess, SetsTheEnvironmentWithoutOurSecrets) {
  const Variable restic("RESTIC_PASSWORD", "geheim");
  const Variable file("RESTIC_PASSWORD_FILE", "/secret/place");
  const Variable command("HOLDFAST_PASSWORD_COMMAND", "pass");
  const Variable aws("AWS_SECRET_ACCESS_KEY", "geheim");
  const Variable lower("my_password", "geheim");
  const Variable plain("HOLDFAST_TEST_PLAIN", "old");
  const std::string all = output_of(
      {.argv = {"env"}, .environment = {{"HOLDFAST_TEST_PLAIN", "new"}, {"PGPASSWORD", "given"}}});
  EXPECT_EQ(all.find("geheim"), std::string::npos);
  EXPECT_NE(all.find("RESTIC_PASSWORD_FILE=/secret/place\n"), std::string::npos);
  EXPECT_NE(all.find("HOLDFAST_PASSWORD_COMMAND=pass\n"), std::string::npos);
  EXPECT_NE(all.find("HOLDFAST_TEST_PLAIN=new\n"), std::string::npos);
  EXPECT_EQ(all.find("HOLDFAST_TEST_PLAIN=old"), std::string::npos);
  EXPECT_NE(all.find("PGPASSWORD=given\n"), std::string::npos);
}

TEST(RunProcess, KeepsUrlsWithPasswordsFromChildren) {
  const std::vector<std::string> secret = {"rest:https://me:geheim@host:8000/repo",
                                           "https://:geheim@host/",
                                           "https://me:ge/geheim@host/",
                                           "jdbc:mysql://host/db?user=me&password=geheim",
                                           "postgresql://host/db?sslpassword=geheim",
                                           "jdbc:sqlserver://host;user=me;Password=geheim;x=1",
                                           "first http://host/ then ftp://me:geheim@host/"};
  const std::vector<std::string> plain = {"rest:https://host:8000/repo",
                                          "https://me@host/x:y",
                                          "ssh://git@host:22/x",
                                          "file:///srv/a:b@c",
                                          "https://me:@host/",
                                          "http://host:8080/a@b",
                                          "postgresql://host/db?password=",
                                          "https://host/?password_file=x"};
  for (const std::string& value : secret) {
    const Variable variable("HOLDFAST_TEST_URL", value.c_str());
    EXPECT_EQ(output_of({.argv = {"env"}}).find("HOLDFAST_TEST_URL"), std::string::npos) << value;
  }
  for (const std::string& value : plain) {
    const Variable variable("HOLDFAST_TEST_URL", value.c_str());
    EXPECT_NE(output_of({.argv = {"env"}}).find("HOLDFAST_TEST_URL=" + value + "\n"),
              std::string::npos)
        << value;
  }
}

TEST(RunProcess, KeepsWhatIsNamedLikeASecretFromChildren) {
  for (const char* name : {"MYSQL_PWD", "PGPASSWORD", "RESTIC_FROM_PASSWORD", "DB_PASS",
                           "GPG_PASSPHRASE", "B2_ACCOUNT_KEY", "SOME_API_KEY", "CI_TOKEN"}) {
    const Variable variable(name, "geheim");
    EXPECT_EQ(output_of({.argv = {"env"}}).find("geheim"), std::string::npos) << name;
  }
}

// As with restic: `vault`, `op` or `aws` need their own tokens.
TEST(RunProcess, AProgramThatFetchesAPasswordGetsAllButOurOwnSecrets) {
  const auto found = [] {
    return output_of({.argv = {"env"}, .fetches_password = true}).find("geheim") !=
           std::string::npos;
  };
  for (const char* name : {"VAULT_TOKEN", "OP_SERVICE_ACCOUNT_TOKEN", "AWS_SECRET_ACCESS_KEY",
                           "BW_PASSWORD", "MY_RESTIC_PASSWORD"}) {
    const Variable variable(name, "geheim");
    EXPECT_TRUE(found()) << name;
  }
  {
    const Variable variable("HTTPS_PROXY", "http://me:geheim@proxy:3128/");
    EXPECT_TRUE(found());
  }
  for (const char* name : {"RESTIC_PASSWORD", "HOLDFAST_PASSWORD", "RESTIC_FROM_PASSWORD",
                           "RESTIC_REST_PASSWORD", "HOLDFAST_STORAGE_TOKEN"}) {
    const Variable variable(name, "geheim");
    EXPECT_FALSE(found()) << name;
  }
  const Variable variable("RESTIC_REPOSITORY", "rest:https://me:geheim@host/");
  EXPECT_FALSE(found());
}

TEST(RunProcess, OurDescriptorsAreClosedInTheChild) {
  const Fd ours = open_file("/dev/null", O_RDONLY);
  const std::string path = "/proc/self/fd/" + std::to_string(ours.get());
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_EQ(output_of(shell("[ -e " + path + " ] && echo open || echo closed")), "closed\n");
}

TEST(RunProcess, GivesTheChildPlainSignals) {
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto old_pipe = ::signal(SIGPIPE, SIG_IGN);
  const auto old_hangup = ::signal(SIGHUP, SIG_IGN);
  const std::string status = output_of({.argv = {"grep", "-h", "^Sig[BI]", "/proc/self/status"}});
  ::signal(SIGHUP, old_hangup);
  ::signal(SIGPIPE, old_pipe);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(status.substr(0, 24), "SigBlk:\t0000000000000000");
  // Above 31 are the C library's own and the real-time signals, as whoever started us left them.
  const std::uint64_t ignored = std::stoull(status.substr(status.rfind('\t') + 1), nullptr, 16);
  EXPECT_EQ(ignored & 0x7fffffffU, 1U) << "only SIGHUP, which is number 1";
}

TEST(RunProcess, EndsTheWholeGroupAtTheDeadline) {
  const Stopwatch watch;
  Command command = shell("trap '' INT; sleep 600 & echo $!; sleep 600; echo late");
  command.timeout = 3s;  // by then the shell has begun, as in what follows
  const ProcessResult result = run_process(command);
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.exit_code, 143);
  EXPECT_LT(watch.elapsed(), 60s);
  const pid_t background = std::stoi(result.output);
  // Whoever adopted it may take a moment to reap it; a zombie has no command line.
  const std::string path = "/proc/" + std::to_string(background) + "/cmdline";
  EXPECT_TRUE(!std::filesystem::exists(path) || read_text_file(path).empty());
}

TEST(RunProcess, KillsAGroupThatIgnoresTheRequest) {
  const Stopwatch watch;
  Command command = shell("trap '' TERM; sleep 600; sleep 600");
  command.timeout = 3s;
  const ProcessResult result = run_process(command);
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.exit_code, 137);
  EXPECT_GE(watch.elapsed(), 3s + 5s);
  EXPECT_LT(watch.elapsed(), 60s);
}

TEST(RunProcess, LetsACarefulGroupFinishAfterTheRequest) {
  Command command = shell("trap 'sleep 0.2; echo cleaned; exit 4' TERM; sleep 600 & wait");
  command.timeout = 3s;
  const ProcessResult result = run_process(command);
  EXPECT_TRUE(result.timed_out);
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_EQ(result.output, "cleaned\n");
}

TEST(RunProcess, EndsSoonAfterAStopRequest) {
  const Stopwatch watch;
  std::stop_source stop;
  const std::jthread stopping([&] {
    std::this_thread::sleep_for(100ms);
    stop.request_stop();
  });
  EXPECT_EQ(
      code_of([&] { static_cast<void>(run_process(shell("sleep 600"), {}, stop.get_token())); }),
      Errc::cancelled);
  EXPECT_LT(watch.elapsed(), 60s);
}

TEST(RunProcess, DoesNotStartAfterAStopRequest) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(code_of([&] {
              static_cast<void>(run_process({.argv = {"no-such-program"}}, {}, stop.get_token()));
            }),
            Errc::cancelled);
}

TEST(RunProcess, DoesNotWaitForAServiceThatKeepsTheOutputOpen) {
  const Stopwatch watch;
  const ProcessResult result = run_process(shell("sleep 20 & echo $!"));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_LT(watch.elapsed(), 10s);
  EXPECT_EQ(::kill(std::stoi(result.output), SIGKILL), 0) << "the service was ended";
}

TEST(RunProcess, WorksWhereChildrenAreIgnored) {
  EXPECT_EXIT(
      {
        ::signal(SIGCHLD, SIG_IGN);
        std::_Exit(run_process(shell("exit 7")).exit_code);
      },
      testing::ExitedWithCode(7), "");
}

TEST(RunProcess, WorksWithoutStandardStreamsOfItsOwn) {
  EXPECT_EXIT(
      {
        ::close(0);
        ::close(1);
        ::close(2);
        const ProcessResult result = run_process(shell("cat; echo err >&2"), "in");
        const bool is_right = result.output == "in" && result.errors == "err\n";
        std::_Exit(is_right ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(RunProcess, RunsOnManyThreadsAtOnce) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([i] {
      for (int round = 0; round < 5; ++round) {
        EXPECT_EQ(output_of({.argv = {"cat"}}, std::to_string(i)), std::to_string(i));
      }
    });
  }
}

TEST(ChildSource, StreamsMoreThanAPipeHolds) {
  ChildSource source(shell("head -c 5000000 /dev/zero; echo warning >&2; exit 2"));
  std::array<std::byte, 10000> buffer;
  std::size_t total = 0;
  while (const std::size_t count = source.read(buffer)) total += count;
  EXPECT_EQ(total, 5'000'000U);
  EXPECT_EQ(source.read(buffer), 0U);
  EXPECT_EQ(source.wait(), 2);
  EXPECT_EQ(source.wait(), 2);
  EXPECT_EQ(source.errors(), "warning\n");
}

TEST(ChildSource, ItsEndEndsTheProgram) {
  const Stopwatch watch;
  const TemporaryDirectory home("holdfast-test");
  const std::string asked = (home.path() / "asked").native();
  pid_t pid = 0;
  {
    ChildSource source(shell("trap 'echo > " + asked + "; exit' TERM; echo $$; sleep 600 & wait"));
    std::array<std::byte, 100> buffer;
    const std::size_t count = source.read(buffer);
    pid = std::stoi(std::string(as_text(std::span(buffer).first(count))));
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_NE(::kill(pid, 0), 0);
  EXPECT_TRUE(std::filesystem::exists(asked)) << "it was killed unasked";
  EXPECT_LT(watch.elapsed(), 60s);
}

TEST(ChildSource, FailsPastItsDeadline) {
  for (const char* script : {"sleep 600", "exec >&-; sleep 600", "yes"}) {
    const Stopwatch watch;
    Command command = shell(script);
    command.timeout = 200ms;
    ChildSource source(command);
    EXPECT_EQ(code_of([&] {
                std::array<std::byte, 10000> buffer;
                while (source.read(buffer) > 0) {
                }
                static_cast<void>(source.wait());
              }),
              Errc::failed_child)
        << script;
    EXPECT_LT(watch.elapsed(), 60s);
  }
}

TEST(ChildSource, EndsSoonAfterAStopRequest) {
  for (const char* script : {"sleep 600", "exec >&-; sleep 600", "yes"}) {
    const Stopwatch watch;
    std::stop_source stop;
    ChildSource source(shell(script), stop.get_token());
    const std::jthread stopper([&] {
      std::this_thread::sleep_for(200ms);
      stop.request_stop();
    });
    EXPECT_EQ(code_of([&] {
                std::array<std::byte, 10000> buffer;
                while (source.read(buffer) > 0) {
                }
                static_cast<void>(source.wait());
              }),
              Errc::cancelled)
        << script;
    EXPECT_LT(watch.elapsed(), 60s);
  }
}

TEST(ChildSource, KeepsTheGivenDescriptors) {
  const Fd file(::memfd_create("test", MFD_CLOEXEC));
  write_all(file.get(), as_bytes("what only the child sees"), "test");
  Command command{.argv = {"cat", "/proc/self/fd/" + std::to_string(file.get())}};
  command.keep_open = {file.get()};
  ChildSource child(command);
  Bytes into(64);
  const std::size_t count = child.read(into);
  EXPECT_EQ(as_text(ByteView(into).first(count)), "what only the child sees");
  EXPECT_EQ(child.read(into), 0U);
  EXPECT_EQ(child.wait(), 0);
}

TEST(ChildSource, ThrowsIfTheProgramCannotBeStarted) {
  EXPECT_EQ(code_of([] { ChildSource source({.argv = {"no-such-program-here"}}); }),
            Errc::not_found);
}

TEST(SpawnDetached, KeepsTheGivenDescriptorsAndLeavesOurSession) {
  Pipe pipe = make_pipe();
  const std::string to = std::to_string(pipe.writing.get());
  const pid_t pid = spawn_detached(shell("ls -l /proc/self/fd/0 /proc/self/fd/1 >&" + to +
                                         "; cut -d ' ' -f 1,6 /proc/$$/stat >&" + to),
                                   {pipe.writing.get()});
  EXPECT_NE(::fcntl(pipe.writing.get(), F_GETFD) & FD_CLOEXEC, 0);
  pipe.writing.reset();
  FdSource source(pipe.reading.get(), "pipe");
  const Bytes bytes = read_all(source, 10000);
  const std::string text(as_text(bytes));
  int status = -1;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
  EXPECT_NE(text.find("/dev/null"), std::string::npos) << text;
  const std::string number = std::to_string(pid);
  EXPECT_TRUE(text.ends_with(number + " " + number + "\n")) << text;
}

TEST(Child, EndsWithoutAnEndDescriptorToo) {
  std::array<pollfd, 1> waits{{{-1, 0, 0}}};
  const Stopwatch watch;
  poll_until(waits, std::nullopt, true);
  EXPECT_LT(watch.elapsed(), 60s);
}

TEST(Display, QuotesWhatAShellWouldChange) {
  EXPECT_EQ(display({"restic", "-r", "/srv/x", "--tag=a,b"}), "restic -r /srv/x --tag=a,b");
  EXPECT_EQ(display({"echo", "a b", "", "it's", "$HOME"}), "echo 'a b' '' 'it'\\''s' '$HOME'");
  EXPECT_EQ(display({"cat", "a\nb'\x1b"}), "cat $'a\\x0ab\\'\\x1b'");
  EXPECT_EQ(display({"cat", "ü", "\xff"}), "cat 'ü' $'\\xff'");
  EXPECT_EQ(display({}), "");
}

TEST(ShellQuote, QuotesOneWordWhateverIsInIt) {
  EXPECT_EQ(shell_quote("/srv/app"), "'/srv/app'");
  EXPECT_EQ(shell_quote(""), "''");
  EXPECT_EQ(shell_quote("-rf it's $(x) `y` \"z\" \\"), "'-rf it'\\''s $(x) `y` \"z\" \\'");
}

TEST(ShellQuote, ShowsNoControlCharacterAndNothingThatTurnsTextAround) {
  EXPECT_EQ(shell_quote("a\n'\\b"), "$'a\\x0a\\'\\\\b'");
  EXPECT_EQ(shell_quote("a\u202eb"), "$'a\\xe2\\x80\\xaeb'");
  EXPECT_EQ(shell_quote("\u00e9\u2026"), "'\u00e9\u2026'");
}

TEST(ShellQuote, IsReadBackByAShell) {
  for (const std::string word :
       {"a b", "it's", "$HOME", "-n", "a\nb", "\xff\x1b[31m", "'\\\x01'", "a\u202eb",
        "\x07"
        "1"}) {
    const std::string script = "printf %s " + shell_quote(word);
    EXPECT_EQ(output_of({.argv = {"bash", "-c", script}}), word);
  }
}

TEST(SplitCommandLine, SplitsAsResticDoes) {
  using Argv = std::vector<std::string>;
  const std::array<std::pair<const char*, Argv>, 15> vectors{{
      {"foo", {"foo"}},
      {"'foo'", {"foo"}},
      {"  foo \t bar\nbaz ", {"foo", "bar", "baz"}},
      {"foo 'bar' baz", {"foo", "bar", "baz"}},
      {"'bar box' baz", {"bar box", "baz"}},
      {R"("bar 'box'" baz)", {"bar 'box'", "baz"}},
      {R"('bar "box"' baz)", {"bar \"box\"", "baz"}},
      {R"(\"bar box baz)", {"\"bar", "box", "baz"}},
      {R"("bar/foo/x" "box baz")", {"bar/foo/x", "box baz"}},
      {R"(a"b c"d)", {"a", "b c", "d"}},
      {R"(a '' b)", {"a", "b"}},
      {R"("a\"b")", {R"(a\"b)"}},
      {R"(a\ b)", {"a", "b"}},
      {"a\xc2\xa0"
       "b",
       {"a", "b"}},
      {"cat /ü/\xff", {"cat", "/ü/\xff"}},
  }};
  for (const auto& [line, argv] : vectors) EXPECT_EQ(split_command_line(line), argv) << line;
}

TEST(SplitCommandLine, RefusesUnclosedQuotesAndEmptyLines) {
  for (const char* bad :
       {"foo'", "foo\"", "foo 'bar", "foo \"bar", R"("a\")", "", "  ", "''", "\\"}) {
    EXPECT_EQ(code_of([&] { static_cast<void>(split_command_line(bad)); }), Errc::usage) << bad;
  }
}

TEST(OwnExecutable, IsTheTestProgram) {
  EXPECT_TRUE(own_executable().is_absolute());
  EXPECT_TRUE(std::filesystem::exists(own_executable()));
}

}  // namespace
}  // namespace holdfast
