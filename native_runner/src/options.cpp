#include "options.h"

#include <functional>
#include <map>

#include "failure.h"

namespace pocketmatte {

const char* const kVersion = "0.1.0";

const char* const kUsage = R"(runner run --bundle DIR --network NAME --tier TIER --trace DIR --out FILE
           [--recipe fp32] [--orientation landscape] [--run-id ID] [--process host]
           [--device FILE] [--threads 1] [--warmups 10] [--runs 50] [--seconds 5]
           [--limit-seconds 120] [--fps F --sustained-seconds 20]
    Check the files of a tier, replay its trace, time it, write the result. Exits with 0 where
    the result says ok or fallback, with 1 where it says anything else, with 2 where nothing
    was written.

runner run --memory ... (as above, without --out)
    Load and play the trace once; print the most memory that this process held, as JSON.

runner serve --file PTE [--threads 1]
    Say as a line of JSON what the file takes and gives; then, over and over, read all inputs
    from standard input and write all outputs to standard output: docs of src/serve.h.
)";

namespace {

constexpr std::size_t kMostThreads = 256, kMostFrames = 1000000000;

using Setter = std::function<void(const std::string&)>;

double number(const std::string& option, const std::string& word, double least) {
  std::size_t read = 0;
  double value = least - 1;
  try {
    value = std::stod(word, &read);
  } catch (const std::exception&) {
    read = 0;
  }
  if (read == 0 || read != word.size() || !(value >= least) || value > 1e9)
    throw WrongUse(option + " is " + word + "; it is a number from " + std::to_string(least).substr(0, 4) +
                   " to 1e9");
  return value;
}

std::size_t count(const std::string& option, const std::string& word, std::size_t most) {
  const bool digits = !word.empty() && word.find_first_not_of("0123456789") == std::string::npos;
  const std::size_t value = digits && word.size() < 12 ? std::stoull(word) : 0;
  if (value == 0 || value > most)
    throw WrongUse(option + " is " + word + "; it is a whole number from 1 to " + std::to_string(most));
  return value;
}

Setter text(std::string& to) {
  return [&to](const std::string& word) { to = word; };
}

std::map<std::string, Setter> setters(Options& o) {
  return {
      {"--bundle", text(o.bundle)},
      {"--trace", text(o.trace)},
      {"--out", text(o.out)},
      {"--device", text(o.device)},
      {"--run-id", text(o.run_id)},
      {"--process", text(o.process)},
      {"--file", text(o.file)},
      {"--network", text(o.wanted.network)},
      {"--tier", text(o.wanted.tier)},
      {"--orientation", text(o.wanted.orientation)},
      {"--recipe", text(o.wanted.recipe)},
      {"--threads", [&o](const std::string& w) { o.threads = static_cast<int>(count("--threads", w, kMostThreads)); }},
      {"--warmups", [&o](const std::string& w) { o.plan.warmups = count("--warmups", w, kMostFrames); }},
      {"--runs", [&o](const std::string& w) { o.plan.runs = count("--runs", w, kMostFrames); }},
      {"--seconds", [&o](const std::string& w) { o.plan.seconds = number("--seconds", w, 0); }},
      {"--limit-seconds",
       [&o](const std::string& w) { o.plan.limit_seconds = number("--limit-seconds", w, 0); }},
      {"--fps", [&o](const std::string& w) { o.plan.frames_per_second = number("--fps", w, 0.1); }},
      {"--sustained-seconds",
       [&o](const std::string& w) { o.plan.sustained_seconds = number("--sustained-seconds", w, 0.1); }},
  };
}

void require(const std::string& option, const std::string& value) {
  if (value.empty()) throw WrongUse(option + " is missing; runner --help shows all options");
}

}  // namespace

Options parse(int given, const char* const* words) {
  Options options;
  if (given > 1) options.command = words[1];
  if (options.command != "run" && options.command != "serve")
    throw WrongUse("no command '" + options.command + "'; there are run and serve");
  const auto known = setters(options);
  for (int i = 2; i < given; ++i) {
    const std::string option = words[i];
    if (option == "--memory") {
      options.memory = true;
      continue;
    }
    const auto setter = known.find(option);
    if (setter == known.end()) throw WrongUse("no option " + option + "; runner --help shows all");
    if (options.command == "serve" && option != "--file" && option != "--threads")
      throw WrongUse("serve takes --file and --threads, not " + option);
    if (i + 1 == given) throw WrongUse(option + " needs a value");
    setter->second(words[++i]);
  }
  if (options.command == "serve") {
    require("--file", options.file);
    return options;
  }
  require("--bundle", options.bundle);
  require("--network", options.wanted.network);
  require("--tier", options.wanted.tier);
  require("--trace", options.trace);
  if (!options.memory) require("--out", options.out);
  const bool known_process = options.process == "host" || options.process == "emulated" ||
                             options.process == "adb_shell" || options.process == "app_foreground";
  if (!known_process)
    throw WrongUse("--process is " + options.process +
                   "; it is host, emulated, adb_shell or app_foreground");
  if (options.run_id.empty())
    options.run_id = options.wanted.network + "-" + options.wanted.tier + "-" + options.wanted.recipe;
  if (options.run_id.size() > 80 ||
      options.run_id.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._-") !=
          std::string::npos)
    throw WrongUse("--run-id is " + options.run_id + "; it is up to 80 letters, digits, '.', '_', '-'");
  return options;
}

}  // namespace pocketmatte
