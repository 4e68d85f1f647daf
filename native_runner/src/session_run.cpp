#include "session_run.h"

#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "device.h"
#include "failure.h"
#include "replay.h"
#include "result.h"
#include "sha256.h"

namespace pocketmatte {
namespace {

using nlohmann::json;

double ms_since(std::int64_t start_ns) { return static_cast<double>(now_ns() - start_ns) / 1e6; }

json device_of(const Options& options) {
  if (options.device.empty()) return host_device();
  std::ifstream file(options.device);
  const json device = json::parse(file, nullptr, false);
  if (!device.is_object() || !device.value("emulator", json()).is_boolean())
    throw WrongUse(options.device + " describes no device; give what the host wrote");
  return device;
}

// What a run is about, in memory.
struct Stage {
  std::unique_ptr<Trace> trace;
  Engines engines;
  std::unique_ptr<Replay> replay;
};

void load(const Options& options, Outcome& outcome, Stage& stage) {
  stage.trace = std::make_unique<Trace>(options.trace);
  const Trace& trace = *stage.trace;
  outcome.trace_sha256 = trace.sha256;
  if (trace.network != options.wanted.network || trace.tier != options.wanted.tier ||
      trace.orientation != options.wanted.orientation)
    throw LoadFailed("the trace is of " + trace.network + " " + trace.tier + " " + trace.orientation +
                     "; record one of " + options.wanted.network + " " + options.wanted.tier);
  std::vector<std::string> programs;
  for (const Program& each : trace.programs) programs.push_back(each.name);
  outcome.files = find_files(options.bundle, options.wanted, programs);
  if (outcome.files.weights_digest != trace.weights_digest)
    throw LoadFailed("the trace is of other weights than the files; record it again");
  for (const File& file : outcome.files.files) {
    const std::int64_t start = now_ns();
    stage.engines[file.program] = open_engine(options.bundle + "/" + file.path, options.threads);
    outcome.loads[file.program].load_ms = ms_since(start);
    outcome.frames.load_ms += outcome.loads[file.program].load_ms;
    const Facts& facts = stage.engines[file.program]->facts();
    if (facts.dtype != file.dtype)
      throw LoadFailed(file.path + " takes and gives " + facts.dtype + ", the manifest says " +
                       file.dtype + "; build it again");
    outcome.engines.push_back(facts);
  }
  stage.replay = std::make_unique<Replay>(trace, stage.engines, !options.memory);
}

void first_frame(Outcome& outcome, Stage& stage) {
  const std::int64_t start = now_ns();
  stage.replay->play(0, false, nullptr);
  outcome.frames.first_ms = ms_since(start);
}

// Comparisons by program and output, in the order of the trace.
using Comparisons = std::map<std::string, std::vector<Comparison>>;

void compare(const Trace& trace, Replay& replay, bool forced, Comparisons& comparisons, Sha256& total) {
  replay.reset();
  const OnCall take = [&](const Step& step, const std::vector<Values>& given) {
    const std::vector<Values> expected = replay.expected(step);
    const Program& program = trace.program(step.program);
    for (std::size_t i = 0; i < given.size(); ++i) {
      Comparison& comparison = comparisons.at(step.program)[i];
      if (forced) {
        comparison.forced(given[i], expected[i]);
        continue;
      }
      const Values* matte = nullptr;
      for (std::size_t j = 0; j < given.size(); ++j)
        if (program.outputs[j].name == program.outputs[i].shown_by) matte = &expected[j];
      comparison.free(given[i], expected[i], matte);
      total.update(given[i].data(), given[i].size() * sizeof(float));
    }
  };
  for (std::size_t frame = 0; frame < trace.frames; ++frame) replay.play(frame, forced, take);
}

void parity(const Options& options, Outcome& outcome, Stage& stage) {
  const Trace& trace = *stage.trace;
  const Limits limits = trace.limits(options.wanted.recipe);
  Comparisons comparisons;
  for (const Program& program : trace.programs)
    for (const Output& output : program.outputs)
      comparisons[program.name].emplace_back(output, trace.feature_range);
  Sha256 total;
  compare(trace, *stage.replay, false, comparisons, total);
  if (limits.max_abs) compare(trace, *stage.replay, true, comparisons, total);
  for (const auto& [program, ns] : stage.replay->first_calls())
    outcome.loads[program].first_ms = static_cast<double>(ns) / 1e6;
  outcome.frames_replayed = trace.frames;
  outcome.outputs_sha256 = total.hex();
  outcome.compared.emplace();
  for (const Program& program : trace.programs)
    for (std::size_t i = 0; i < program.outputs.size(); ++i) {
      const Output& output = program.outputs[i];
      const Figures figures = comparisons.at(program.name)[i].figures();
      outcome.compared->push_back({program.name, &output, figures, faults(output, figures, limits)});
    }
}

void measure(const Options& options, Outcome& outcome, Stage& stage) {
  const std::int64_t start = now_ns();
  const EverySecond read = [&] {
    const double seconds = ms_since(start) / 1e3;
    if (json reading = thermal_reading(seconds); !reading.is_null()) outcome.thermal.push_back(reading);
    if (json reading = battery_reading(seconds); !reading.is_null()) outcome.battery.push_back(reading);
  };
  read();
  sample(*stage.trace, *stage.replay, options.plan, read, outcome.samples.emplace());
  if (options.plan.frames_per_second)
    sustain(*stage.trace, *stage.replay, options.plan, read, outcome.sustained.emplace());
  read();
}

}  // namespace

int run(const Options& options) {
  Outcome outcome;
  outcome.started_at = utc_now();
  outcome.device = device_of(options);
  require_writable(options.out);  // found out before the run
  Stage stage;
  try {
    load(options, outcome, stage);
    first_frame(outcome, stage);
    parity(options, outcome, stage);
    measure(options, outcome, stage);
  } catch (const LoadFailed& failure) {
    outcome.failed = "load_failed";
    outcome.errors.push_back(failure.what());
  } catch (const RunFailed& failure) {
    outcome.failed = "run_failed";
    outcome.errors.push_back(failure.what());
  } catch (const WrongUse&) {
    throw;
  } catch (const std::exception& failure) {  // no memory, above all
    outcome.failed = stage.replay ? "run_failed" : "load_failed";
    outcome.errors.push_back(failure.what());
  }
  const json result = result_of(options, outcome);
  write_whole(options.out, result);
  for (const std::string& error : outcome.errors) std::fprintf(stderr, "%s\n", error.c_str());
  const std::string status = result.at("status");
  return status == "ok" || status == "fallback" ? 0 : 1;
}

int run_memory(const Options& options) {
  Outcome outcome;
  Stage stage;
  try {
    load(options, outcome, stage);
    for (std::size_t frame = 0; frame < stage.trace->frames; ++frame)
      stage.replay->play(frame, false, nullptr);
  } catch (const WrongUse&) {
    throw;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
  const auto bytes = peak_bytes();
  if (!bytes) {
    std::fprintf(stderr, "/proc/self/status has no VmHWM; the system does not say\n");
    return 1;
  }
  std::printf("%s\n", json{{"peak_bytes", *bytes}, {"method", "VmHWM"}}.dump().c_str());
  return 0;
}

}  // namespace pocketmatte
