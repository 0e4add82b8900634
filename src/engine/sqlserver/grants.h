// SPDX-License-Identifier: Apache-2.0
// Statements that give an account of SQL Server what it needs. Pure.
//
// Source: Transact-SQL Reference, "Permissions" of BACKUP, RESTORE, CREATE DATABASE, ALTER
// DATABASE and of the catalog views.
#pragma once

#include <string>
#include <string_view>

#include "engine/sqlserver/location.h"

namespace holdfast::engine::sqlserver {

// As Engine::grants, for the location's user, of the method that it names: of both for `auto`.
// `application_user`: whom the application connects as; empty: nobody knows.
[[nodiscard]] std::string grants_for(std::string_view purpose, const Location& location,
                                     std::string_view application_user);

}  // namespace holdfast::engine::sqlserver
