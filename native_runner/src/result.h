// The result of a run as JSON: docs/protocol/result.schema.json.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bundle.h"
#include "comparison.h"
#include "engine.h"
#include "options.h"
#include "timing.h"

namespace pocketmatte {

struct Load {
  double load_ms = 0, first_ms = 0;
};

struct Compared {
  std::string program;
  const Output* output;
  Figures figures;
  std::vector<std::string> faults;
};

// What a run came to, filled as it goes on.
struct Outcome {
  std::string started_at;
  nlohmann::json device;
  Found files;
  std::string trace_sha256;
  std::vector<Facts> engines;
  std::map<std::string, Load> loads;  // by program
  Load frames;
  std::optional<std::vector<Compared>> compared;
  std::string outputs_sha256;
  std::size_t frames_replayed = 0;
  std::optional<Samples> samples;
  std::optional<Sustained> sustained;
  std::vector<nlohmann::json> thermal, battery;
  std::string failed;  // load_failed or run_failed, empty where neither
  std::vector<std::string> errors;

  bool parity_passed() const;
};

nlohmann::json result_of(const Options& options, const Outcome& outcome);

// Throws WrongUse where nothing can be written there; what lies there stays.
void require_writable(const std::string& path);

// Writes beside the place and renames. Throws WrongUse where the disk refuses.
void write_whole(const std::string& path, const nlohmann::json& content);

}  // namespace pocketmatte
