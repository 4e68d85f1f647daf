// The command line of the runner.
#pragma once

#include <optional>
#include <string>

#include "bundle.h"
#include "timing.h"

namespace pocketmatte {

extern const char* const kUsage;
extern const char* const kVersion;

struct Options {
  std::string command;  // run or serve
  std::string bundle, trace, out, device, run_id, process = "host";
  std::string file;  // of serve
  Wanted wanted{"", "", "landscape", "fp32", "executorch"};
  Plan plan;
  int threads = 1;
  bool memory = false;
};

// Throws WrongUse.
Options parse(int count, const char* const* words);

}  // namespace pocketmatte
