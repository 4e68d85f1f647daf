#include "result.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <set>

#include "failure.h"

namespace pocketmatte {
namespace {

using nlohmann::json;

// The delegate that ExecuTorch's CPU files are made for.
constexpr const char* kRequested = "XnnpackBackend";
// Of a digest that nothing was found for: the result says which run it is of, and why it failed.
const std::string kNoDigest(64, '0');

template <typename Value>
json or_null(const std::optional<Value>& value) {
  return value ? json(*value) : json();
}

json statistics_of(const std::vector<std::int64_t>& samples_ns) {
  const Statistics s = statistics(in_ms(samples_ns));
  return {{"count", s.count}, {"mean", s.mean}, {"min", s.min}, {"max", s.max},
          {"stddev", s.stddev}, {"p50", s.p50}, {"p90", s.p90}, {"p95", s.p95}, {"p99", s.p99}};
}

json latency_of(const std::string& what, const Load& load, const std::vector<std::int64_t>& samples_ns) {
  return {{"what", what},           {"load_ms", load.load_ms},
          {"first_ms", load.first_ms}, {"samples_ns", samples_ns},
          {"ms", statistics_of(samples_ns)}};
}

json latencies_of(const Outcome& outcome) {
  json all = json::array();
  if (!outcome.samples || outcome.samples->frames_ns.empty()) return all;
  all.push_back(latency_of("frame", outcome.frames, outcome.samples->frames_ns));
  for (const auto& [program, samples_ns] : outcome.samples->programs_ns)
    all.push_back(latency_of("program:" + program, outcome.loads.at(program), samples_ns));
  return all;
}

json sustained_of(const Options& options, const Outcome& outcome) {
  if (!outcome.sustained || outcome.sustained->frames_ns.empty()) return nullptr;
  const auto& ns = outcome.sustained->frames_ns;
  const std::vector<std::int64_t> last(ns.end() - static_cast<std::ptrdiff_t>((ns.size() + 3) / 4),
                                       ns.end());
  return {{"frames_per_second", *options.plan.frames_per_second},
          {"seconds", outcome.sustained->seconds},
          {"frames", ns.size()},
          {"late", outcome.sustained->late},
          {"ms", statistics_of(ns)},
          {"last_quarter_p95_ms", percentile(in_ms(last), 95)}};
}

json parity_of(const Outcome& outcome) {
  if (!outcome.compared) return nullptr;
  json outputs = json::array();
  for (const Compared& each : *outcome.compared) {
    const Figures& f = each.figures;
    outputs.push_back({{"program", each.program},
                       {"name", each.output->name},
                       {"calls", f.calls},
                       {"finite", f.finite},
                       {"psnr_db", or_null(f.psnr_db)},
                       {"free_max_abs", or_null(f.free_max_abs)},
                       {"max_abs", or_null(f.max_abs)},
                       {"mad", or_null(f.mad)},
                       {"flipped", or_null(f.flipped)},
                       {"faults", each.faults}});
  }
  return {{"frames", outcome.frames_replayed},
          {"outputs", outputs},
          {"sha256", outcome.outputs_sha256},
          {"passed", outcome.parity_passed()}};
}

json thermal_ok(const Outcome& outcome) {
  json ok;
  for (const json& each : outcome.thermal) {
    if (each.at("status").is_null()) continue;
    ok = (ok.is_null() || ok.get<bool>()) && each.at("status").get<int>() <= 1;
  }
  return ok;
}

json validity_of(const Options& options, const Outcome& outcome) {
  const bool on_device = options.process == "adb_shell" || options.process == "app_foreground";
  const bool physical = on_device && !outcome.device.at("emulator").get<bool>();
  json validity = {{"physical_device", physical},
                   {"min_runs_met", nullptr},
                   {"min_seconds_met", nullptr},
                   {"thermal_ok", thermal_ok(outcome)},
                   {"not_debuggable", nullptr}};
  if (outcome.samples) {
    validity["min_runs_met"] = outcome.samples->runs_met;
    validity["min_seconds_met"] = outcome.samples->seconds_met;
  }
  bool valid = physical;
  for (const auto& [name, flag] : validity.items()) valid = valid && flag != json(false);
  validity["latency_valid"] = valid;
  return validity;
}

std::string delegate_of(const Outcome& outcome) {
  std::set<std::string> names;
  for (const Facts& facts : outcome.engines) names.insert(facts.delegate);
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ",") + name;
  return all;
}

std::string status_of(const Outcome& outcome, const json& validity) {
  if (!outcome.failed.empty()) return outcome.failed;
  if (!outcome.parity_passed()) return "parity_failed";
  if (validity.at("physical_device") == true && validity.at("latency_valid") == false) return "invalid";
  return delegate_of(outcome) == kRequested ? "ok" : "fallback";
}

json plan_of(const Plan& plan) {
  return {{"warmups", plan.warmups},
          {"runs", plan.runs},
          {"seconds", plan.seconds},
          {"limit_seconds", plan.limit_seconds},
          {"frames_per_second", or_null(plan.frames_per_second)},
          {"sustained_seconds", plan.sustained_seconds}};
}

json subject_of(const Options& options, const Outcome& outcome) {
  json files = json::array();
  for (const File& file : outcome.files.files)
    files.push_back({{"path", file.path}, {"program", file.program}, {"sha256", file.sha256},
                     {"size_bytes", file.size_bytes}});
  const std::string& weights = outcome.files.weights_digest;
  return {{"network", options.wanted.network},
          {"tier", options.wanted.tier},
          {"orientation", options.wanted.orientation},
          {"format", options.wanted.format},
          {"recipe", options.wanted.recipe},
          {"weights_digest", weights.empty() ? kNoDigest : weights},
          {"files", files},
          {"trace_sha256", outcome.trace_sha256.empty() ? kNoDigest : outcome.trace_sha256}};
}

}  // namespace

bool Outcome::parity_passed() const {
  return compared && std::all_of(compared->begin(), compared->end(),
                                 [](const Compared& each) { return each.faults.empty(); });
}

json result_of(const Options& options, const Outcome& outcome) {
  const json validity = validity_of(options, outcome);
  const bool loaded = !outcome.engines.empty();
  return {{"schema_version", 1},
          {"run_id", options.run_id},
          {"started_at", outcome.started_at},
          {"tool", {{"name", "pocketmatte native_runner"}, {"version", kVersion}}},
          {"device", outcome.device},
          {"subject", subject_of(options, outcome)},
          {"execution",
           {{"process", options.process},
            {"runtime", "executorch"},
            {"runtime_version", loaded ? json(outcome.engines.front().runtime_version) : json()},
            {"delegate_requested", kRequested},
            {"delegate_actual", loaded ? json(delegate_of(outcome)) : json()},
            {"threads", options.threads}}},
          {"plan", plan_of(options.plan)},
          {"latency", latencies_of(outcome)},
          {"sustained", sustained_of(options, outcome)},
          {"memory", nullptr},
          {"thermal", outcome.thermal},
          {"battery", outcome.battery},
          {"parity", parity_of(outcome)},
          {"instructions_per_frame", nullptr},
          {"validity", validity},
          {"status", status_of(outcome, validity)},
          {"errors", outcome.errors}};
}

void require_writable(const std::string& path) {
  const std::string partial = path + ".partial";
  std::FILE* file = std::fopen(partial.c_str(), "wb");
  if (!file) throw WrongUse(path + " cannot be written; make its folder or choose another");
  std::fclose(file);
  std::remove(partial.c_str());
}

void write_whole(const std::string& path, const json& content) {
  const std::string partial = path + ".partial";
  std::FILE* file = std::fopen(partial.c_str(), "wb");
  if (!file) throw WrongUse(path + " cannot be written; make its folder or choose another");
  // Bytes that are no UTF-8, of a device's name, are replaced: the file must be JSON.
  const std::string text = content.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool flushed = std::fflush(file) == 0 && fsync(fileno(file)) == 0;
  const bool closed = std::fclose(file) == 0;
  if (written && flushed && closed && std::rename(partial.c_str(), path.c_str()) == 0) return;
  std::remove(partial.c_str());
  throw WrongUse(path + " cannot be written; free some space");
}

}  // namespace pocketmatte
