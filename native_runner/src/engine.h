// What runs a file: one program, tensors in and out by position, always as float32.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "trace.h"

namespace pocketmatte {

struct Facts {
  std::string runtime, runtime_version;
  std::string delegate;  // several joined by commas, "none" without any
  std::string dtype;     // of inputs and outputs: float32 or float16; both, joined, where they differ
};

class Engine {
 public:
  virtual ~Engine() = default;
  virtual const Facts& facts() const = 0;
  // Shapes as the file has them; it keeps no names.
  virtual const std::vector<std::vector<std::int64_t>>& input_shapes() const = 0;
  virtual const std::vector<std::vector<std::int64_t>>& output_shapes() const = 0;
  // Lays down an input; a file of halves takes them rounded to nearest, ties to even.
  virtual void set_input(std::size_t index, const Values& values) = 0;
  // Throws RunFailed.
  virtual void run() = 0;
  // Of the latest run.
  virtual void get_output(std::size_t index, Values& values) const = 0;
};

// Throws LoadFailed.
std::unique_ptr<Engine> open_engine(const std::string& path, int threads);

}  // namespace pocketmatte
