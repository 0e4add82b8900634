// SPDX-License-Identifier: Apache-2.0
// The step `bak` of a scenario: a file such as BACKUP writes, made by the generators of the
// reader's own tests. It proves that Holdfast keeps to what is known of the format, not that SQL
// Server does.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace holdfast::test::scripted {

// Options, all of them texts:
//   database, server, finish     as the set says them; `finish = ""`: it was not finished
//   pages                        of data; marks = 512 with checksums, 2560 encrypted (TDE)
//   sets, families, family       how many sets, of how many stripes, which of them
//   packed = true                WITH COMPRESSION
//   files                        "Shop|D:/Data/Shop.mdf|8388608;Shop_log|L:/Shop.ldf|1048576", the
//   log last cut                          only so many bytes of it; "half": half of them flip the
//   byte at this place is another one; "page": one in a page sums                         "plain"
//   (as CHECKSUM), "wrong", "none" megabytes                    pages for so many
void write_backup(const std::filesystem::path& file,
                  const std::map<std::string, std::string>& options);

}  // namespace holdfast::test::scripted
