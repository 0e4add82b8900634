// SPDX-License-Identifier: Apache-2.0
// Files in a directory object of the server: read, written and removed through the session, where
// no directory is shared.
//
// Sources: DBMS_DATAPUMP (ATTACH: ORA-31626 where there is no such job; STOP_JOB without its master
// table); Oracle Database PL/SQL Packages Reference, DBMS_LOB (READ of a BFILE, at most 32767
// bytes a piece), UTL_ENCODE, UTL_FILE (FOPEN 'ab', PUT_RAW, FREMOVE), DBMS_OUTPUT (lines of 32767
// bytes from 10.2 on).
#pragma once

#include <chrono>
#include <functional>
#include <stop_token>
#include <string_view>

#include "base/bytes.h"
#include "base/stream.h"
#include "engine/oracle/programs.h"

namespace holdfast::engine::oracle {

using TakeBytes = std::function<void(ByteView bytes)>;

// All bytes of a file in their order, from `exchange_directory` if it is set. Errc::not_found,
// denied; not_consistent if fewer came than it has.
void fetch_server_file(const Access& access, std::string_view directory, std::string_view file,
                       const std::stop_token& stop, const TakeBytes& take);
// Makes a file of what is read. Errc::denied, no_space.
void put_server_file(const Access& access, std::string_view directory, std::string_view file,
                     ByteSource& content, const std::stop_token& stop);
// Ends the server's own job that has the file's name, as programs of Data Pump are only its
// clients, then removes the file. No error if there is neither. Errc::unavailable if the job does
// not end within two minutes, or if ending it or removing the file takes longer than `patience`.
void drop_server_file(const Access& access, std::string_view directory, std::string_view file,
                      std::chrono::seconds patience = std::chrono::minutes(5));

}  // namespace holdfast::engine::oracle
