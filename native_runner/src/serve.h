// One file, run as often as a host asks, over standard input and output.
//
// A line of JSON comes first: runtime, version, delegate, dtype, inputs and outputs (shapes),
// load_ms. Then, for as long as there is input: all inputs in order, float32, little-endian, are
// read; a byte is written, 0 and all outputs likewise, or 1 and the length (uint32) and text of what
// went wrong. A load that fails is a line {"error": ...}.
#pragma once

#include "options.h"

namespace pocketmatte {

int serve(const Options& options);

}  // namespace pocketmatte
