// SPDX-License-Identifier: Apache-2.0
// The upper halves of vector registers, which x86 keeps where an instruction does not use them.
#pragma once

namespace holdfast {

// Says that nobody needs what is above the lower 128 bits of the first sixteen vector
// registers (VZEROUPPER); does nothing where registers have no more. Call it right before long work
// with the SHA extensions, which know the lower bits only and have to keep the others. Costs a few
// cycles.
//
// Found by measuring, on AMD's Zen 4: once any register was used whole, as the C library does to
// move memory, SHA256RNDS2 and its like took 2.6 times as long until the next VZEROUPPER, which
// moving memory does not end with.
void forget_upper_halves() noexcept;

}  // namespace holdfast
