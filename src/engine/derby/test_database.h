// SPDX-License-Identifier: Apache-2.0
// Databases as Derby writes them, made here for tests that need no Derby.
#pragma once

#include <filesystem>
#include <string>

#include "base/bytes.h"
#include "base/fd.h"
#include "engine/derby/control.h"

namespace holdfast::engine::derby {

inline void append_number(std::string& to, std::uint64_t value, unsigned bytes) {
  for (unsigned i = bytes; i-- > 0;) to += static_cast<char>(value >> (8 * i));
}
inline std::string with_checksum(std::string content) {
  append_number(content, crc32(as_bytes(content)), 8);
  return content;
}

inline std::string log_control(unsigned file, unsigned position, unsigned major = 10,
                               unsigned minor = 14, unsigned flags = 0) {
  std::string text;
  append_number(text, 0x80, 4);
  append_number(text, 9, 4);
  append_number(text, file, 4);
  append_number(text, position, 4);
  append_number(text, major, 4);
  append_number(text, minor, 4);
  append_number(text, 0xffffffff, 4);
  append_number(text, flags, 1);
  text.append(11, '\0');
  return with_checksum(text);
}

inline std::string log_file(unsigned number, unsigned records) {
  std::string text;
  append_number(text, 0x80, 4);
  append_number(text, 9, 4);
  append_number(text, number, 8);
  append_number(text, 0, 8);
  for (unsigned i = 0; i < records; ++i) {
    const std::uint64_t instant = std::uint64_t{number} << 32U | text.size();
    append_number(text, 20, 4);
    append_number(text, instant, 8);
    text.append(20, 'r');
    append_number(text, 20, 4);
  }
  text.append(256, '\0');
  return text;
}

inline std::string container(unsigned pages, unsigned page_bytes = 4096) {
  std::string header;
  append_number(header, 116, 4);
  append_number(header, 0, 4);
  append_number(header, page_bytes, 4);
  header.append(60, '\1');
  header = with_checksum(header);
  std::string first;
  append_number(first, 118, 2);
  first.append(106, '\0');
  append_number(first, 80, 1);
  const std::string rest(page_bytes - 8 - 109 - 80, 'a');
  const std::string summed = with_checksum(first + std::string(80, '\0') + rest);
  std::string text = first + header + rest + summed.substr(summed.size() - 8);
  for (unsigned i = 1; i < pages; ++i)
    text += with_checksum(std::string(page_bytes - 8, static_cast<char>('a' + i % 26)));
  return text;
}

// A database that was shut down.
inline void make_database(const std::filesystem::path& place, const std::string& more = "") {
  std::filesystem::create_directories(place / "log");
  std::filesystem::create_directories(place / "seg0");
  const auto put = [&](const char* name, const std::string& content) {
    write_file_durably(place / name, as_bytes(content), 0644);
  };
  put("service.properties",
      "#/srv/app\nderby.serviceProtocol=org.apache.derby.database.Database\n"
      "derby.serviceLocale=en\n" +
          more);
  put("log/log.ctrl", log_control(1, 24));
  put("log/logmirror.ctrl", log_control(1, 24));
  put("log/log1.dat", log_file(1, 3));
  put("seg0/c10.dat", container(3));
  put("seg0/c20.dat", container(2, 32768));
}

}  // namespace holdfast::engine::derby
