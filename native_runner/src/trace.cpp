#include "trace.h"

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "failure.h"
#include "sha256.h"

namespace pocketmatte {
namespace {

using nlohmann::json;

constexpr std::size_t kMostValues = 1u << 30;  // of a tensor
constexpr std::size_t kMostFrames = 1u << 20, kMostBytes = std::size_t(1) << 40;

std::string text_of(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  std::string text;
  char chunk[1 << 14];
  std::size_t taken = 0;
  while (file && (taken = std::fread(chunk, 1, sizeof chunk, file.get())) > 0) text.append(chunk, taken);
  if (!file || std::ferror(file.get())) throw LoadFailed(path + " cannot be read; push the trace again");
  return text;
}

// A whole number from least to most, and nothing that only converts to one.
std::size_t count(const json& value, std::size_t least, std::size_t most) {
  if (!value.is_number_unsigned() || value.get<std::size_t>() < least || value.get<std::size_t>() > most)
    throw LoadFailed("the trace says " + value.dump() + " where a whole number from " +
                     std::to_string(least) + " to " + std::to_string(most) + " stands");
  return value.get<std::size_t>();
}

NamedShape shape_of(const json& value) {
  NamedShape named{value.at("name"), {}};
  std::size_t size = 1;
  for (const json& side : value.at("shape")) {
    named.shape.push_back(static_cast<std::int64_t>(count(side, 1, kMostValues)));
    size *= static_cast<std::size_t>(named.shape.back());
    if (size > kMostValues) throw LoadFailed(named.name + " of the trace is too large");
  }
  return named;
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
    stored.push_back({each.at("name"), dtype == "uint8", count(each.at("offset"), 0, kMostBytes)});
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
  const std::string text = text_of(path);
  try {
    const json whole = json::parse(text);
    if (whole.at("schema_version") != 1)
      throw LoadFailed(path + " has schema_version " + whole.at("schema_version").dump() +
                       "; this runner reads 1");
    network = whole.at("network");
    tier = whole.at("tier");
    orientation = whole.at("orientation");
    weights_digest = whole.at("weights_digest");
    frames = count(whole.at("frames"), 1, kMostFrames);
    feature_range = whole.at("feature_range");
    for (const json& each : whole.at("programs")) programs.push_back(program_of(each));
    for (const auto& [recipe, each] : whole.at("limits").items())
      limits_[recipe] = {each.at("psnr_db"), each.at("others_psnr_db"),
                         number_of(each.at("max_abs")), number_of(each.at("matte_mad")),
                         number_of(each.at("mask_flipped"))};
    for (const json& each : whole.at("steps"))
      steps.push_back({count(each.at("frame"), 0, kMostFrames), each.at("program"), stored_of(each.at("given")),
                       stored_of(each.at("expected"))});
    const json& data = whole.at("data");
    data_path_ = folder + "/tensors.bin";
    data_.reset(std::fopen(data_path_.c_str(), "rb"), [](std::FILE* file) {
      if (file) std::fclose(file);
    });
    std::error_code error;
    data_size_ = data_ ? std::filesystem::file_size(data_path_, error) : 0;
    if (!data_ || error) throw LoadFailed(data_path_ + " cannot be read; push the trace again");
    if (data_size_ != count(data.at("size_bytes"), 0, kMostBytes))
      throw LoadFailed(data_path_ + " has " + std::to_string(data_size_) + " bytes, not " +
                       data.at("size_bytes").dump() + "; push the trace again");
    if (sha256_of_file(data_path_) != data.at("sha256").get<std::string>())
      throw LoadFailed(data_path_ + " is not the file of the trace; push it again");
  } catch (const json::exception& error) {
    throw LoadFailed(path + " is no trace: " + error.what());
  }
  Sha256 own;
  own.update(text.data(), text.size());
  sha256 = own.hex();
  check_programs();
  check_steps();
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
  Values values(size_of(step.program, stored.name));
  if (stored.bytes) {
    std::vector<std::uint8_t> levels(values.size());
    read_at(stored.offset, levels.data(), levels.size());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(levels[i]) / 255.0f;
  } else {
    read_at(stored.offset, values.data(), values.size() * sizeof(float));
    for (float value : values)
      if (!std::isfinite(value))
        throw LoadFailed(stored.name + " of the trace is not finite; record it again");
  }
  return values;
}

void Trace::read_at(std::size_t offset, void* to, std::size_t size) const {
  const bool there = fseeko(data_.get(), static_cast<off_t>(offset), SEEK_SET) == 0;
  if (!there || std::fread(to, 1, size, data_.get()) != size)
    throw LoadFailed(data_path_ + " cannot be read any more; push the trace again");
}

std::size_t Trace::size_of(const std::string& name, const std::string& tensor) const {
  const Program& owner = program(name);
  if (const NamedShape* input = owner.input(tensor)) return input->size();
  for (const Output& each : owner.outputs)
    if (each.name == tensor) return each.size();
  throw LoadFailed("the trace gives " + name + " a tensor " + tensor + " that it does not have");
}

// A name is one tensor in all programs, and what names another names one that is there.
void Trace::check_programs() const {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  std::set<std::string> names;
  const auto same = [&](const NamedShape& tensor) {
    if (shapes.emplace(tensor.name, tensor.shape).first->second != tensor.shape)
      throw LoadFailed(tensor.name + " has two shapes in the trace");
  };
  for (const Program& each : programs) {
    if (!names.insert(each.name).second) throw LoadFailed("the trace describes " + each.name + " twice");
    for (const NamedShape& tensor : each.inputs) same(tensor);
    std::set<std::string> given;
    for (const Output& tensor : each.outputs) {
      same(tensor);
      given.insert(tensor.name);
    }
    for (const Output& tensor : each.outputs)
      if (!tensor.shown_by.empty() && !given.count(tensor.shown_by))
        throw LoadFailed(tensor.name + " is shown by " + tensor.shown_by + ", which " + each.name +
                         " does not give");
    for (const State& state : each.states)
      if (!each.input(state.input) || !given.count(state.output))
        throw LoadFailed("the state " + state.input + " of " + each.name + " is of no input or output");
  }
}

void Trace::check_steps() const {
  std::set<std::size_t> seen;
  std::set<std::string> called;
  std::size_t latest = 0;
  for (const Step& step : steps) {
    const Program& owner = program(step.program);
    std::vector<Stored> all = step.given;
    all.insert(all.end(), step.expected.begin(), step.expected.end());
    for (const Stored& each : all) {
      const std::size_t size = size_of(step.program, each.name) * (each.bytes ? 1 : sizeof(float));
      if (each.offset > data_size_ || size > data_size_ - each.offset)
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
    called.insert(step.program);
  }
  if (seen.size() != frames) throw LoadFailed("the trace has frames without a step");
  if (called.size() != programs.size()) throw LoadFailed("the trace has a program that it never runs");
}

}  // namespace pocketmatte
