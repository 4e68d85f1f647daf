#include "replay.h"

#include <chrono>

#include "failure.h"

namespace pocketmatte {
namespace {

std::string text_of(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (std::int64_t side : shape) text += (text.empty() ? "" : "x") + std::to_string(side);
  return text;
}

template <typename Tensor>
void compare(const std::string& program, const char* kind, const std::vector<Tensor>& wanted,
             const std::vector<std::vector<std::int64_t>>& held) {
  if (held.size() != wanted.size())
    throw LoadFailed("the file of " + program + " has " + std::to_string(held.size()) + " " + kind +
                     ", not " + std::to_string(wanted.size()));
  for (std::size_t i = 0; i < held.size(); ++i)
    if (held[i] != wanted[i].shape)
      throw LoadFailed("the file of " + program + " has " + wanted[i].name + " of " +
                       text_of(held[i]) + ", the trace of " + text_of(wanted[i].shape));
}

}  // namespace

std::int64_t now_ns() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
}

Replay::Replay(const Trace& trace, Engines& engines, bool keep_inputs)
    : trace_(trace), engines_(engines) {
  for (const Program& program : trace.programs) {
    const Engine& engine = *engines.at(program.name);
    compare(program.name, "inputs", program.inputs, engine.input_shapes());
    compare(program.name, "outputs", program.outputs, engine.output_shapes());
  }
  for (const Step& step : trace.steps) {
    if (!keep_inputs) break;
    given_.emplace_back();
    for (const Stored& each : step.given)
      given_.back().emplace_back(each.name, trace.read(step, each));
  }
  reset();
}

void Replay::reset() {
  board_.clear();
  for (const Program& program : trace_.programs)
    for (const State& state : program.states)
      if (const NamedShape* input = program.input(state.input))
        board_[state.input] = Values(input->size(), state.reset);
}

void Replay::play(std::size_t frame, bool forced, const OnCall& on_call) {
  calls_.clear();
  for (std::size_t number = 0; number < trace_.steps.size(); ++number) {
    const Step& step = trace_.steps[number];
    if (step.frame != frame) continue;
    const Program& program = trace_.program(step.program);
    Engine& engine = *engines_.at(step.program);
    const std::int64_t start = now_ns();
    if (given_.empty()) {
      for (const Stored& each : step.given) board_[each.name] = trace_.read(step, each);
    } else {
      for (const auto& [name, values] : given_[number]) board_[name] = values;
    }
    for (std::size_t i = 0; i < program.inputs.size(); ++i) {
      const auto found = board_.find(program.inputs[i].name);
      if (found == board_.end())
        throw RunFailed(program.name + " needs " + program.inputs[i].name + ", which nothing gave");
      engine.set_input(i, found->second);
    }
    engine.run();
    outputs_.resize(program.outputs.size());
    for (std::size_t i = 0; i < outputs_.size(); ++i) engine.get_output(i, outputs_[i]);
    if (forced || on_call) {
      calls_.emplace_back(number, now_ns() - start);
      first_calls_.emplace(program.name, calls_.back().second);
      if (on_call) on_call(step, outputs_);
      if (forced) outputs_ = expected(step);
    }
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
      const std::string& name = program.outputs[i].name;
      for (const State& state : program.states)
        if (state.output == name) board_[state.input] = outputs_[i];
      board_[name].swap(outputs_[i]);
    }
    if (forced || on_call) continue;
    calls_.emplace_back(number, now_ns() - start);
    first_calls_.emplace(program.name, calls_.back().second);
  }
}

std::vector<Values> Replay::expected(const Step& step) const {
  std::vector<Values> values;
  for (const Stored& each : step.expected) values.push_back(trace_.read(step, each));
  return values;
}

}  // namespace pocketmatte
