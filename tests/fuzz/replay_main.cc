// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target without a fuzzer: on every file of a corpus, and on a fixed number of seeded
// mutations of each, so that every build and every compiler exercises the parsers.
//
// Usage: <target>_fuzz [--mutations N] [--seed S] DIRECTORY|FILE...
// With HOLDFAST_SOAK=1: ten times N.
// Fails if there was nothing to replay. A crash names the input and, for a mutation, its number.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "base/test_soak.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size_bytes);

namespace {

using Input = std::vector<std::uint8_t>;

struct Options {
  std::uint64_t mutations = 0;
  std::uint64_t seed = 1;
  std::vector<std::filesystem::path> paths;
};

char current[512] = "nothing yet";  // what is being replayed, for the handler below

extern "C" void report_abort(int) {
  static_cast<void>(!write(STDERR_FILENO, "aborted at ", 11));
  static_cast<void>(!write(STDERR_FILENO, current, std::strlen(current)));
  static_cast<void>(!write(STDERR_FILENO, "\n", 1));
  _exit(1);
}

void replay(const std::string& name, const Input& input) {
  std::snprintf(current, sizeof current, "%s", name.c_str());
  // A copy of exactly this size, so that a sanitizer sees the first byte read behind it.
  const Input exact(input);
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

Input read_input(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return Input(std::istreambuf_iterator<char>(file), {});
}

std::vector<std::filesystem::path> files_of(const std::filesystem::path& path) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(path)) {
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
  } else {
    files.push_back(path);
  }
  if (files.empty()) throw std::runtime_error("nothing to replay in " + path.string());
  return files;
}

// One small change. Only the generator's own numbers are used: distributions differ by library.
void change(Input& input, std::mt19937_64& random, const Input& other) {
  const auto below = [&](std::size_t bound) { return bound == 0 ? 0 : random() % bound; };
  const auto offset = [&](std::size_t at) { return static_cast<std::ptrdiff_t>(at); };
  switch (random() % 7) {
    case 0:  // flip a bit
      if (!input.empty()) {
        input[below(input.size())] ^= static_cast<std::uint8_t>(1U << random() % 8);
      }
      break;
    case 1:  // another byte
      if (!input.empty()) input[below(input.size())] = static_cast<std::uint8_t>(random());
      break;
    case 2:  // cut off the end
      input.resize(below(input.size() + 1));
      break;
    case 3: {  // leave some out
      const std::size_t at = below(input.size() + 1);
      const std::size_t count = std::min<std::size_t>(below(32), input.size() - at);
      input.erase(input.begin() + offset(at), input.begin() + offset(at + count));
      break;
    }
    case 4: {  // say something twice
      const std::size_t at = below(input.size() + 1);
      const std::size_t count = std::min<std::size_t>(below(64), input.size() - at);
      const Input piece(input.begin() + offset(at), input.begin() + offset(at + count));
      input.insert(input.begin() + offset(below(input.size() + 1)), piece.begin(), piece.end());
      break;
    }
    case 5: {  // a character that parsers care about
      constexpr char special[] = "{}[]\",:\\0-19.eE/nt\x80\xff";
      input.insert(input.begin() + offset(below(input.size() + 1)),
                   static_cast<std::uint8_t>(special[below(sizeof special)]));
      break;
    }
    default: {  // go on as another input does
      input.resize(below(input.size() + 1));
      input.insert(input.end(), other.begin() + offset(below(other.size() + 1)), other.end());
      break;
    }
  }
}

Options parse_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if ((argument == "--mutations" || argument == "--seed") && i + 1 < argc) {
      (argument == "--seed" ? options.seed : options.mutations) = std::stoull(argv[++i]);
    } else {
      options.paths.emplace_back(argument);
    }
  }
  if (holdfast::test::is_soak()) options.mutations *= 10;
  if (options.paths.empty()) throw std::runtime_error("nothing to replay: no directory given");
  return options;
}

void replay_all(const Options& options) {
  std::vector<std::pair<std::string, Input>> corpus;
  for (const auto& path : options.paths) {
    for (const auto& file : files_of(path)) corpus.emplace_back(file.string(), read_input(file));
  }
  std::uint64_t replayed = 0;
  for (std::size_t i = 0; i < corpus.size(); ++i) {
    const auto& [name, input] = corpus[i];
    replay(name, input);
    ++replayed;
    for (std::uint64_t number = 0; number < options.mutations; ++number, ++replayed) {
      std::mt19937_64 random(options.seed * 1'000'003 + i * 1'000'000'007 + number);
      Input mutated = input;
      const std::uint64_t changes = 1 + random() % 4;
      for (std::uint64_t k = 0; k < changes; ++k) {
        change(mutated, random, corpus[random() % corpus.size()].second);
      }
      replay(
          name + ", mutation " + std::to_string(number) + ", seed " + std::to_string(options.seed),
          mutated);
    }
  }
  std::printf("replayed %llu inputs of %zu files\n", static_cast<unsigned long long>(replayed),
              corpus.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGABRT, report_abort);
  try {
    replay_all(parse_options(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "failed at %s: %s\n", current, error.what());
    return 1;
  }
  return 0;
}
