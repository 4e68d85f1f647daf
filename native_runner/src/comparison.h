// How far a replay lies from its trace: docs/harness-protocol.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "trace.h"

namespace pocketmatte {

struct Figures {
  std::size_t calls;
  bool finite;
  std::optional<double> psnr_db, free_max_abs, max_abs, mad, flipped;
};

class Comparison {
 public:
  Comparison(const Output& output, float feature_range);

  // One call of free replay; matte is null where the output is shown by none. Throws RunFailed where
  // the sizes differ.
  void free(const Values& given, const Values& expected, const Values* matte);
  // One call from the reference's own inputs.
  void forced(const Values& given, const Values& expected);
  Figures figures() const;

 private:
  float scale(const Values& expected) const;

  const Output& output_;
  float feature_range_;
  std::size_t calls_ = 0;
  bool finite_ = true;
  double squares_ = 0, mad_ = 0, flipped_ = 0;
  float free_max_abs_ = 0;
  std::optional<float> max_abs_;
};

// Codes of the limits that an output passes.
std::vector<std::string> faults(const Output& output, const Figures& found, const Limits& held_to);

}  // namespace pocketmatte
