// SPDX-License-Identifier: Apache-2.0
// A loop over numbered items on several threads.
#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>

namespace holdfast::repo {

// Makes one thread's worker, on that thread: a function that is called with the number of an item.
// What the worker needs for itself (a codec, buffers) lives in it.
using MakeWorker = std::function<std::function<void(std::size_t item)>()>;

// Hands the items 0..count-1 to at most `threads` threads, in order. The first error ends the loop
// and is thrown; a stop request ends it with Errc::cancelled. With one thread the calling one does
// the work.
void for_each_parallel(std::size_t count, unsigned threads, std::stop_token stop,
                       const MakeWorker& make_worker);

// Throws Errc::cancelled if a stop was requested.
void check_stop(const std::stop_token& stop);

}  // namespace holdfast::repo
