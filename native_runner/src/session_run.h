// A run from first to last: docs/harness-protocol.md, "A run".
#pragma once

#include "options.h"

namespace pocketmatte {

// Writes the result; returns the exit code. Throws WrongUse where none could be written.
int run(const Options& options);

// The pass for memory alone: prints it as JSON; returns the exit code.
int run_memory(const Options& options);

}  // namespace pocketmatte
