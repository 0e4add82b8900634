// SPDX-License-Identifier: Apache-2.0
// One value as Oracle stores it, in rows of dumps of both kinds, decoded to the kinds that all
// engines share: `into`, whose buffer is kept. All of these throw Errc::corrupt, saying what is
// wrong, for bytes that are none; `into` is any value then.
//
// Sources: NUMBER, DATE and TIMESTAMP were measured in genuine dumps of 8.1 to 23; infinities,
// binary floating point, zones and intervals are as Oracle's call interface documents them.
#pragma once

#include "base/bytes.h"
#include "model/value.h"

namespace holdfast::engine::oracle {

// NUMBER and FLOAT: 1 to 22 bytes. A number, exactly; infinities are of kind other, "inf", "-inf".
void decode_number(ByteView stored, model::Value& into);
// 7 bytes. A timestamp. Oracle's years have no zero: its -44 is our -0043. Its calendar is Julian
// up to 1582-10-04; the fields are kept as they are, and 29 February of a year that is a leap year
// there only (1500) is of kind other.
void decode_date(ByteView stored, model::Value& into);
// 7 or 11 bytes: a date, and the nanoseconds of its second.
void decode_timestamp(ByteView stored, model::Value& into);
// WITH TIME ZONE and WITH LOCAL TIME ZONE: 7, 11 or 13 bytes, of which the last two are the zone;
// the rest is UTC. An instant.
void decode_instant(ByteView stored, model::Value& into);
// The same, kept in the database's zone (WITH LOCAL TIME ZONE, where DBTIMEZONE is not +00:00).
void decode_local_instant(ByteView stored, int zone_minutes, model::Value& into);
// 4 and 8 bytes, in the order that sorts: a real.
void decode_binary_float(ByteView stored, model::Value& into);
void decode_binary_double(ByteView stored, model::Value& into);
// 5 and 11 bytes: kind other, as Oracle writes them, "+02-06" and "+05 12:30:10.123456000".
void decode_interval_ym(ByteView stored, model::Value& into);
void decode_interval_ds(ByteView stored, model::Value& into);

}  // namespace holdfast::engine::oracle
