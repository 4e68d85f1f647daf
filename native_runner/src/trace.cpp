#include "trace.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "failure.h"
#include "sha256.h"

namespace pocketmatte {
namespace {

using nlohmann::json;

std::vector<std::uint8_t> content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw LoadFailed(path + " cannot be read; push the trace again");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

NamedShape shape_of(const json& value) {
  return {value.at("name"), value.at("shape").get<std::vector<std::int64_t>>()};
}

std::string word_of(const json& value) {
  return value.is_null() ? std::string() : value.get<std::string>();
}

std::optional<double> number_of(const json& value) {
  return value.is_null() ? std::nullopt : std::optional<double>(value.get<double>());
}

Program program_of(const json& value) {
  Program program;
  program.name = value.at("name");
  for (const json& each : value.at("inputs")) program.inputs.push_back(shape_of(each));
  for (const json& each : value.at("outputs"))
    program.outputs.push_back({shape_of(each), each.at("relative"), each.at("seen"),
                               word_of(each.at("shown_by")), word_of(each.at("judged"))});
  for (const json& each : value.at("states"))
    program.states.push_back({each.at("input"), each.at("output"), each.at("reset")});
  return program;
}

std::vector<Stored> stored_of(const json& values) {
  std::vector<Stored> stored;
  for (const json& each : values) {
    const std::string dtype = each.at("dtype");
    if (dtype != "float32" && dtype != "uint8")
      throw LoadFailed("a tensor of the trace is " + dtype + "; it is float32 or uint8");
    stored.push_back({each.at("name"), dtype == "uint8", each.at("offset")});
  }
  return stored;
}

}  // namespace

std::size_t NamedShape::size() const {
  std::size_t product = 1;
  for (std::int64_t side : shape) product *= static_cast<std::size_t>(side);
  return product;
}

const NamedShape* Program::input(const std::string& tensor) const {
  for (const NamedShape& each : inputs)
    if (each.name == tensor) return &each;
  return nullptr;
}

Trace::Trace(const std::string& folder) {
  const std::string path = folder + "/trace.json";
  const std::vector<std::uint8_t> text = content_of(path);
  try {
    const json whole = json::parse(text.begin(), text.end());
    if (whole.at("schema_version") != 1)
      throw LoadFailed(path + " has schema_version " + whole.at("schema_version").dump() +
                       "; this runner reads 1");
    network = whole.at("network");
    tier = whole.at("tier");
    orientation = whole.at("orientation");
    weights_digest = whole.at("weights_digest");
    frames = whole.at("frames");
    feature_range = whole.at("feature_range");
    for (const json& each : whole.at("programs")) programs.push_back(program_of(each));
    for (const auto& [recipe, each] : whole.at("limits").items())
      limits_[recipe] = {each.at("psnr_db"), each.at("others_psnr_db"),
                         number_of(each.at("max_abs")), number_of(each.at("matte_mad")),
                         number_of(each.at("mask_flipped"))};
    for (const json& each : whole.at("steps"))
      steps.push_back({each.at("frame"), each.at("program"), stored_of(each.at("given")),
                       stored_of(each.at("expected"))});
    const json& data = whole.at("data");
    data_ = content_of(folder + "/tensors.bin");
    if (data_.size() != data.at("size_bytes").get<std::size_t>())
      throw LoadFailed(folder + "/tensors.bin has " + std::to_string(data_.size()) +
                       " bytes, not " + data.at("size_bytes").dump() + "; push the trace again");
    Sha256 total;
    total.update(data_.data(), data_.size());
    if (total.hex() != data.at("sha256").get<std::string>())
      throw LoadFailed(folder + "/tensors.bin is not the file of the trace; push it again");
  } catch (const json::exception& error) {
    throw LoadFailed(path + " is no trace: " + error.what());
  }
  Sha256 own;
  own.update(text.data(), text.size());
  sha256 = own.hex();
  check();
}

const Program& Trace::program(const std::string& name) const {
  for (const Program& each : programs)
    if (each.name == name) return each;
  throw LoadFailed("the trace names a program " + name + " that it does not describe");
}

Limits Trace::limits(const std::string& recipe) const {
  const auto found = limits_.find(recipe);
  if (found == limits_.end()) throw LoadFailed("the trace has no limits of " + recipe);
  return found->second;
}

Values Trace::read(const Step& step, const Stored& stored) const {
  Values values(size_of(step, stored.name));
  const std::uint8_t* start = data_.data() + stored.offset;
  if (stored.bytes) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(start[i]) / 255.0f;
  } else {
    std::memcpy(values.data(), start, values.size() * sizeof(float));
  }
  return values;
}

std::size_t Trace::size_of(const Step& step, const std::string& tensor) const {
  const Program& owner = program(step.program);
  if (const NamedShape* input = owner.input(tensor)) return input->size();
  for (const Output& each : owner.outputs)
    if (each.name == tensor) return each.size();
  throw LoadFailed("the trace gives " + step.program + " a tensor " + tensor + " that it does not have");
}

void Trace::check() const {
  std::set<std::size_t> seen;
  std::size_t latest = 0;
  for (const Step& step : steps) {
    const Program& owner = program(step.program);
    std::vector<Stored> all = step.given;
    all.insert(all.end(), step.expected.begin(), step.expected.end());
    for (const Stored& each : all) {
      const std::size_t size = size_of(step, each.name) * (each.bytes ? 1 : sizeof(float));
      if (each.offset > data_.size() || size > data_.size() - each.offset)
        throw LoadFailed(each.name + " of " + step.program + " lies beyond the end of tensors.bin");
    }
    bool same = step.expected.size() == owner.outputs.size();
    for (std::size_t i = 0; same && i < owner.outputs.size(); ++i)
      same = step.expected[i].name == owner.outputs[i].name;
    if (!same) throw LoadFailed("a step of the trace expects other outputs than " + owner.name + " gives");
    if (step.frame < latest || step.frame >= frames)
      throw LoadFailed("the steps of the trace are not in the order of its frames");
    latest = step.frame;
    seen.insert(step.frame);
  }
  if (frames == 0 || seen.size() != frames) throw LoadFailed("the trace has frames without a step");
}

}  // namespace pocketmatte
