// SPDX-License-Identifier: Apache-2.0
// The keys of a RocksDB directory, read with RocksDB without taking its lock and without writing,
// beside a server that has it open. The only file that knows the library is rocks_content.cc.
//
// Source: facebook/rocksdb, include/rocksdb/c.h and db/db_impl/db_impl_readonly.h of v7.8.3, which
// reads tables up to format 5: all of TypeDB 2, none of TypeDB 3.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace holdfast::engine::typedb {

// More in logs is not read: they are taken into memory as a whole.
inline constexpr std::uint64_t rocks_logs_bytes_max = 96U << 20U;

// Gives every key of every column family with its value to `take`; views are valid until it
// returns. `families`: all that the MANIFEST names. Each block's checksum is compared.
// Errc::corrupt with the file and the byte where one is damaged; not_found where a file is missing,
// which a live server may just have removed; cancelled soon after a stop request.
// Errc::unsupported, before RocksDB is asked, for larger logs, for `.trash` files, which it would
// remove, and for what is no regular file, which it might wait for.
//
// Memory: 32 MiB and what RocksDB makes of the logs, which is up to three times their size with the
// shortest keys that TypeDB writes (measured: 2.5 times).
void read_rocks_keys(const std::filesystem::path& directory,
                     const std::vector<std::string>& families,
                     const std::function<void(ByteView key, ByteView value)>& take,
                     const std::stop_token& stop);

}  // namespace holdfast::engine::typedb
