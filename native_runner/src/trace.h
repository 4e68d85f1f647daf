// A reference trace: docs/harness-protocol.md.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace pocketmatte {

using Values = std::vector<float>;

struct NamedShape {
  std::string name;
  std::vector<std::int64_t> shape;
  std::size_t size() const;  // number of values
};

struct Output : NamedShape {
  bool relative;
  bool seen;
  std::string shown_by;  // empty: by nothing
  std::string judged;    // "matte", "mask" or empty
};

struct State {
  std::string input, output;
  float reset;
};

struct Program {
  std::string name;
  std::vector<NamedShape> inputs;
  std::vector<Output> outputs;
  std::vector<State> states;

  const NamedShape* input(const std::string& tensor) const;  // null where there is none
};

struct Limits {
  double psnr_db, others_psnr_db;
  std::optional<double> max_abs, matte_mad, mask_flipped;
};

struct Stored {
  std::string name;
  bool bytes;  // uint8, otherwise float32
  std::size_t offset;
};

struct Step {
  std::size_t frame;
  std::string program;
  std::vector<Stored> given, expected;
};

class Trace {
 public:
  // Reads trace.json and tensors.bin of a folder and checks them. Throws LoadFailed.
  explicit Trace(const std::string& folder);

  const Program& program(const std::string& name) const;
  // A tensor of a program's input or output. Throws LoadFailed.
  Values read(const Step& step, const Stored& stored) const;
  Limits limits(const std::string& recipe) const;

  std::string network, tier, orientation, weights_digest, sha256;
  std::size_t frames = 0;
  float feature_range = 0;
  std::vector<Program> programs;
  std::vector<Step> steps;

 private:
  std::size_t size_of(const std::string& program, const std::string& tensor) const;
  void read_at(std::size_t offset, void* to, std::size_t size) const;
  void check_programs() const;
  void check_steps() const;

  std::map<std::string, Limits> limits_;
  std::string data_path_;
  std::size_t data_size_ = 0;
  std::shared_ptr<std::FILE> data_;  // read as it is needed: expected tensors take no memory
};

}  // namespace pocketmatte
