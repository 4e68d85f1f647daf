#include "serve.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine.h"
#include "failure.h"
#include "replay.h"

namespace pocketmatte {
namespace {

using nlohmann::json;

std::size_t size_of(const std::vector<std::int64_t>& shape) {
  return NamedShape{"", shape}.size();
}

bool read_all(void* to, std::size_t size) { return std::fread(to, 1, size, stdin) == size; }

void write_all(const void* from, std::size_t size) { std::fwrite(from, 1, size, stdout); }

void say(const json& line) {
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

// Reads the inputs of a run; false at the end of the input.
bool take(Engine& engine, std::vector<Values>& inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!read_all(inputs[i].data(), inputs[i].size() * sizeof(float))) return false;
    engine.set_input(i, inputs[i]);
  }
  return true;
}

void give(const Engine& engine) {
  const auto& shapes = engine.output_shapes();
  std::vector<Values> outputs(shapes.size());
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    engine.get_output(i, outputs[i]);
    if (outputs[i].size() != size_of(shapes[i]))
      throw RunFailed("output " + std::to_string(i) + " has another size than the file says");
  }
  const char good = 0;
  write_all(&good, 1);
  for (const Values& values : outputs) write_all(values.data(), values.size() * sizeof(float));
}

void refuse(const std::string& reason) {
  const char bad = 1;
  const auto length = static_cast<std::uint32_t>(reason.size());
  write_all(&bad, 1);
  write_all(&length, sizeof length);
  write_all(reason.data(), reason.size());
}

}  // namespace

int serve(const Options& options) {
  std::unique_ptr<Engine> engine;
  const std::int64_t start = now_ns();
  try {
    engine = open_engine(options.file, options.threads);
  } catch (const LoadFailed& failure) {
    say({{"error", failure.what()}});
    return 1;
  }
  const double load_ms = static_cast<double>(now_ns() - start) / 1e6;
  say({{"runtime", engine->facts().runtime},
       {"version", engine->facts().runtime_version},
       {"delegate", engine->facts().delegate},
       {"dtype", engine->facts().dtype},
       {"inputs", engine->input_shapes()},
       {"outputs", engine->output_shapes()},
       {"load_ms", load_ms}});
  std::vector<Values> inputs;
  for (const auto& shape : engine->input_shapes()) inputs.emplace_back(size_of(shape));
  while (take(*engine, inputs)) {
    try {
      engine->run();
      give(*engine);
    } catch (const RunFailed& failure) {
      refuse(failure.what());
    }
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace pocketmatte
