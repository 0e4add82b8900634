// SPDX-License-Identifier: Apache-2.0
// A table file of RocksDB (`.sst`), as far as all its blocks can be found and their checksums
// compared, for those that Debian's RocksDB is too old to read. Understands what TypeDB 3 writes;
// anything else is refused, never passed over.
//
// Sources: facebook/rocksdb v10.4.2, table/format.h and format.cc (footer, block trailer, checksums
// and their context), table/block_based/block.cc, block_builder.cc, index_builder.cc (entries and
// handles), table/meta_blocks.cc (names of properties); lz4/lz4, doc/lz4_Block_format.md;
// typedb/typedb, encoding/encoding.rs of 3.12.3 (two-level index, partitioned filters, LZ4).
#pragma once

#include <cstdint>
#include <stop_token>

#include "model/part.h"

namespace holdfast::engine::typedb {

// Reads every block. How many there are; Errc::corrupt naming the byte of what is damaged,
// Errc::unsupported for a table of another kind, Errc::cancelled. Memory: a few blocks at a time.
std::uint64_t verify_table(model::RandomSource& table, const std::stop_token& stop);

// No block may be larger, packed or not: what a damaged handle asks for.
inline constexpr std::uint64_t table_block_bytes_max = 256U << 20U;

// Unpacks one LZ4 block, which gives `size_bytes`. Errc::corrupt.
[[nodiscard]] Bytes unpack_lz4_block(ByteView packed, std::size_t size_bytes);

}  // namespace holdfast::engine::typedb
