// What ends a run, and the status that the result then has.
#pragma once

#include <stdexcept>
#include <string>

namespace pocketmatte {

// The command line asks for what is not there: exit code 2, nothing written.
struct WrongUse : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A file that is missing, damaged or refused by its runtime.
struct LoadFailed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A program that gave up while it ran.
struct RunFailed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace pocketmatte
