// Play a trace with engines: a board of named tensors, docs/harness-protocol.md.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine.h"
#include "trace.h"

namespace pocketmatte {

using Engines = std::map<std::string, std::unique_ptr<Engine>>;  // by program

// Called after each call, with what the engine gave, in the order of the program's outputs.
using OnCall = std::function<void(const Step&, const std::vector<Values>&)>;

class Replay {
 public:
  // Keeps the trace's inputs in memory, or reads them as they are needed, which no timing may do.
  // Throws LoadFailed where an engine holds another program.
  Replay(const Trace& trace, Engines& engines, bool keep_inputs = true);

  // Every state at its reset value, nothing else on the board.
  void reset();
  // Plays the steps of one frame; forced: its expected tensors are laid down afterwards.
  void play(std::size_t frame, bool forced, const OnCall& on_call);
  // Nanoseconds of each call of the latest frame, by the step's place in the trace.
  const std::vector<std::pair<std::size_t, std::int64_t>>& calls() const { return calls_; }

  // Nanoseconds of the first call ever of each program.
  const std::map<std::string, std::int64_t>& first_calls() const { return first_calls_; }

  // What the trace expects of a step, in the order of the program's outputs.
  std::vector<Values> expected(const Step& step) const;

 private:

  const Trace& trace_;
  Engines& engines_;
  std::vector<std::vector<std::pair<std::string, Values>>> given_;  // by step, if they are kept
  std::map<std::string, Values> board_;
  std::vector<Values> outputs_;
  std::vector<std::pair<std::size_t, std::int64_t>> calls_;
  std::map<std::string, std::int64_t> first_calls_;
};

std::int64_t now_ns();  // monotonic

}  // namespace pocketmatte
