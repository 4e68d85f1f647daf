// The shared vectors in C++: vectors_test FOLDER_OF_VECTORS. Prints a line a kind; exits with 1
// where anything differs.
#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "comparison.h"
#include "failure.h"
#include "replay.h"
#include "sha256.h"
#include "statistics.h"

namespace pocketmatte {
// The toy network of the vectors: docs/harness-protocol.md.
class Toy : public Engine {
 public:
  explicit Toy(const Program& program) : mixes_(program.name == "mix") {
    for (const auto& each : program.inputs) inputs_.push_back(each.shape);
    for (const auto& each : program.outputs) outputs_.push_back(each.shape);
    given_.resize(inputs_.size());
  }
  const Facts& facts() const override { return facts_; }
  const std::vector<std::vector<std::int64_t>>& input_shapes() const override { return inputs_; }
  const std::vector<std::vector<std::int64_t>>& output_shapes() const override { return outputs_; }
  void set_input(std::size_t index, const Values& values) override { given_[index] = values; }
  void run() override {
    result_.resize(given_[0].size());
    for (std::size_t i = 0; i < result_.size(); ++i)
      result_[i] = mixes_ ? given_[0][i] / 2 + given_[1][i] / 4 : 8 * given_[0][i] + given_[1][i];
  }
  void get_output(std::size_t, Values& values) const override { values = result_; }

 private:
  bool mixes_;
  Facts facts_{"toy", "1", "toy", "float32"};
  std::vector<std::vector<std::int64_t>> inputs_, outputs_;
  std::vector<Values> given_;
  Values result_;
};
}  // namespace pocketmatte

namespace {

using nlohmann::json;
using namespace pocketmatte;

int failures = 0;

void expect(bool good, const std::string& what) {
  if (good) return;
  ++failures;
  std::printf("differs: %s\n", what.c_str());
}

bool close(double found, double wanted, double relative) {
  return std::fabs(found - wanted) <= relative * std::fabs(wanted) + 1e-12;
}

json read(const std::string& path) {
  std::ifstream file(path);
  return json::parse(file);
}

Values values_of(const json& listed) {
  Values values;
  for (const json& each : listed)
    values.push_back(each.is_string() ? std::numeric_limits<float>::quiet_NaN() : each.get<float>());
  return values;
}

void check_statistics(const json& cases) {
  expect(!cases.empty(), "there are cases");
  for (const json& each : cases) {
    const Statistics s = statistics(each.at("samples").get<std::vector<double>>());
    const json& e = each.at("expected");
    expect(s.count == e.at("count").get<std::size_t>(), "count");
    const std::pair<const char*, double> found[] = {
        {"mean", s.mean}, {"min", s.min}, {"max", s.max}, {"stddev", s.stddev},
        {"p50", s.p50},   {"p90", s.p90}, {"p95", s.p95}, {"p99", s.p99}};
    for (const auto& [name, value] : found) expect(close(value, e.at(name), 1e-12), name);
  }
  std::printf("statistics: %zu cases\n", cases.size());
}

void check_figure(const std::string& name, const std::optional<double>& found, const json& wanted) {
  expect(found.has_value() != wanted.is_null(), name + " is there or not");
  // Single precision decides the last digits of a difference, and their sum's order the rest.
  if (found && !wanted.is_null()) expect(close(*found, wanted, 2e-6), name);
}

void check_verdicts(const json& cases) {
  expect(!cases.empty(), "there are cases");
  for (const json& each : cases) {
    const json& o = each.at("output");
    const Output output{{o.at("name"), o.at("shape")},
                        o.at("relative"),
                        o.at("seen"),
                        o.at("shown_by").is_null() ? "" : o.at("shown_by").get<std::string>(),
                        o.at("judged").is_null() ? "" : o.at("judged").get<std::string>()};
    const json& l = each.at("limits");
    const Limits limits{l.at("psnr_db"), l.at("others_psnr_db"), l.at("max_abs"), l.at("matte_mad"),
                        l.at("mask_flipped")};
    const Values matte = each.at("matte").is_null() ? Values() : values_of(each.at("matte"));
    Comparison comparison(output, each.at("feature_range"));
    for (const json& call : each.at("free"))
      comparison.free(values_of(call.at("given")), values_of(call.at("reference")),
                      matte.empty() ? nullptr : &matte);
    for (const json& call : each.at("forced"))
      comparison.forced(values_of(call.at("given")), values_of(call.at("reference")));
    const Figures found = comparison.figures();
    const json& e = each.at("expected");
    const std::string name = each.at("name");
    expect(found.calls == e.at("calls").get<std::size_t>(), name + ": calls");
    expect(found.finite == e.at("finite").get<bool>(), name + ": finite");
    check_figure(name + ": psnr_db", found.psnr_db, e.at("psnr_db"));
    check_figure(name + ": free_max_abs", found.free_max_abs, e.at("free_max_abs"));
    check_figure(name + ": max_abs", found.max_abs, e.at("max_abs"));
    check_figure(name + ": mad", found.mad, e.at("mad"));
    check_figure(name + ": flipped", found.flipped, e.at("flipped"));
    expect(json(faults(output, found, limits)) == e.at("faults"), name + ": faults");
  }
  std::printf("verdicts: %zu cases\n", cases.size());
}

void check_trace(const std::string& folder) {
  const Trace trace(folder);
  Engines engines;
  for (const Program& program : trace.programs) engines[program.name] = std::make_unique<Toy>(program);
  Replay replay(trace, engines);
  std::size_t calls = 0;
  for (bool forced : {false, true}) {
    replay.reset();
    const OnCall take = [&](const Step& step, const std::vector<Values>& given) {
      const auto expected = replay.expected(step);
      for (std::size_t i = 0; i < given.size(); ++i)
        for (std::size_t j = 0; j < given[i].size(); ++j)
          expect(close(given[i][j], expected[i][j], 1e-6), "replay of " + step.program);
      ++calls;
    };
    for (std::size_t frame = 0; frame < trace.frames; ++frame) replay.play(frame, forced, take);
  }
  expect(calls == 2 * trace.steps.size(), "number of calls");
  std::printf("trace: %zu steps\n", trace.steps.size());
}

void check_sha256() {
  // FIPS 180-4's own examples, and a length around the padding.
  const std::pair<std::string, const char*> known[] = {
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}};
  for (const auto& [text, digest] : known) {
    Sha256 total;
    for (char letter : text) total.update(&letter, 1);
    expect(total.hex() == digest, "sha256 of '" + text + "'");
  }
  std::printf("sha256: 3 cases\n");
}

}  // namespace

int main(int count, char** words) {
  if (count != 2) {
    std::fprintf(stderr, "vectors_test FOLDER_OF_VECTORS\n");
    return 2;
  }
  const std::string folder = words[1];
  try {
    check_sha256();
    check_statistics(read(folder + "/statistics.json").at("cases"));
    check_verdicts(read(folder + "/verdicts.json").at("cases"));
    check_trace(folder + "/trace");
  } catch (const std::exception& error) {
    std::printf("failed: %s\n", error.what());
    return 1;
  }
  std::printf(failures ? "%d differences\n" : "all equal\n", failures);
  return failures ? 1 : 0;
}
