// The one file that knows ExecuTorch.
#include <executorch/extension/module/module.h>
#include <executorch/extension/tensor/tensor.h>
#include <executorch/runtime/platform/platform.h>
#include <executorch/runtime/platform/runtime.h>
#include <sys/prctl.h>

#include <mutex>
#include <set>

#include "engine.h"
#include "failure.h"

// Exported by the library; its header is not part of the package.
namespace executorch::extension::threadpool {
class ThreadPool {
 public:
  bool _unsafe_reset_threadpool(uint32_t count);
  size_t get_thread_count() const;
};
ThreadPool* get_threadpool();
}  // namespace executorch::extension::threadpool

namespace pocketmatte {
namespace {

using executorch::aten::Half;
using executorch::aten::ScalarType;
using executorch::extension::Module;
using executorch::extension::TensorPtr;
using executorch::runtime::Error;
using executorch::runtime::EValue;

constexpr const char* kMethod = "forward";
// An unknown prctl to any kernel, which refuses it; an emulator's counter looks for it.
constexpr int kMark = 0x504d4d4b;

std::string last_complaint;
std::mutex complaining;  // whatever thread logs

// ExecuTorch logs to standard error, which is the host's; what it complains of last is the reason.
void keep(et_timestamp_t, et_pal_log_level_t level, const char*, const char*, std::size_t,
          const char* message, std::size_t length) {
  const std::lock_guard<std::mutex> lock(complaining);
  if (level == et_pal_log_level_t::kError || level == et_pal_log_level_t::kFatal)
    last_complaint.assign(message, length);
}

std::string coded(Error error) {
  const std::lock_guard<std::mutex> lock(complaining);
  const std::string text = "error " + std::to_string(static_cast<unsigned>(error));
  return last_complaint.empty() ? text : text + ", " + last_complaint;
}

std::vector<std::int64_t> shape_of(const executorch::runtime::TensorInfo& info) {
  return {info.sizes().begin(), info.sizes().end()};
}

class ExecuTorch : public Engine {
 public:
  ExecuTorch(const std::string& path, int threads) : module_(path, Module::LoadMode::Mmap), path_(path) {
    auto* pool = executorch::extension::threadpool::get_threadpool();
    if (pool == nullptr) throw LoadFailed("ExecuTorch has no thread pool; take a build that has");
    if (static_cast<int>(pool->get_thread_count()) != threads)
      pool->_unsafe_reset_threadpool(static_cast<uint32_t>(threads));
    if (static_cast<int>(pool->get_thread_count()) != threads)
      throw LoadFailed("ExecuTorch runs " + std::to_string(pool->get_thread_count()) +
                       " threads, not " + std::to_string(threads));
    const Error error = module_.load_method(kMethod);
    if (error != Error::Ok) throw LoadFailed("ExecuTorch refuses " + path + ": " + coded(error));
    auto meta = module_.method_meta(kMethod);
    if (!meta.ok()) throw LoadFailed("ExecuTorch refuses " + path + ": " + coded(meta.error()));
    std::set<std::string> delegates;
    for (std::size_t i = 0; i < meta->num_backends(); ++i) delegates.insert(*meta->get_backend_name(i));
    if (delegates.empty()) delegates.insert("none");
    for (std::size_t i = 0; i < meta->num_inputs(); ++i)
      add_input(tensor_of(meta->input_tensor_meta(i)));
    for (std::size_t i = 0; i < meta->num_outputs(); ++i) {
      const auto info = tensor_of(meta->output_tensor_meta(i));
      check(info.scalar_type());
      output_shapes_.push_back(shape_of(info));
    }
    facts_ = {"executorch", POCKETMATTE_EXECUTORCH, joined(delegates), joined(dtypes_)};
  }

  const Facts& facts() const override { return facts_; }
  const std::vector<std::vector<std::int64_t>>& input_shapes() const override { return input_shapes_; }
  const std::vector<std::vector<std::int64_t>>& output_shapes() const override { return output_shapes_; }

  void set_input(std::size_t index, const Values& values) override {
    auto& tensor = *inputs_[index];
    if (static_cast<std::size_t>(tensor.numel()) != values.size())
      throw RunFailed("input " + std::to_string(index) + " of " + path_ + " takes " +
                      std::to_string(tensor.numel()) + " values, not " + std::to_string(values.size()));
    if (tensor.scalar_type() == ScalarType::Float) {
      std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<float>());
    } else {
      Half* to = tensor.mutable_data_ptr<Half>();
      for (std::size_t i = 0; i < values.size(); ++i) to[i] = static_cast<Half>(values[i]);
    }
  }

  void run() override {
    std::vector<EValue> given;
    given.reserve(inputs_.size());
    for (const TensorPtr& each : inputs_) given.emplace_back(*each);
    prctl(kMark, 0, 0, 0, 0);
    auto result = module_.execute(kMethod, given);
    prctl(kMark, 1, 0, 0, 0);
    if (!result.ok()) throw RunFailed("ExecuTorch cannot run " + path_ + ": " + coded(result.error()));
    results_ = std::move(*result);
  }

  void get_output(std::size_t index, Values& values) const override {
    const auto& tensor = results_.at(index).toTensor();
    values.resize(static_cast<std::size_t>(tensor.numel()));
    if (tensor.scalar_type() == ScalarType::Float) {
      std::copy_n(tensor.const_data_ptr<float>(), values.size(), values.begin());
    } else {
      const Half* from = tensor.const_data_ptr<Half>();
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(from[i]);
    }
  }

 private:
  static std::string joined(const std::set<std::string>& names) {
    std::string all;
    for (const std::string& each : names) all += (all.empty() ? "" : ",") + each;
    return all;
  }

  template <typename Result>
  executorch::runtime::TensorInfo tensor_of(const Result& info) const {
    if (!info.ok()) throw LoadFailed(path_ + " takes or gives what is no tensor");
    return *info;
  }

  void check(ScalarType type) {
    if (type != ScalarType::Float && type != ScalarType::Half)
      throw LoadFailed(path_ + " holds tensors of scalar type " +
                       std::to_string(static_cast<int>(type)) + "; this runner takes 5 (half) and 6");
    dtypes_.insert(type == ScalarType::Float ? "float32" : "float16");
  }

  void add_input(const executorch::runtime::TensorInfo& info) {
    check(info.scalar_type());
    input_shapes_.push_back(shape_of(info));
    std::vector<executorch::aten::SizesType> sizes(info.sizes().begin(), info.sizes().end());
    std::vector<std::uint8_t> zeros(info.nbytes(), 0);
    inputs_.push_back(executorch::extension::make_tensor_ptr(
        sizes, std::move(zeros), {}, {}, info.scalar_type()));
  }

  Module module_;
  std::string path_;
  Facts facts_;
  std::set<std::string> dtypes_;
  std::vector<TensorPtr> inputs_;
  std::vector<EValue> results_;
  std::vector<std::vector<std::int64_t>> input_shapes_, output_shapes_;
};

}  // namespace

std::unique_ptr<Engine> open_engine(const std::string& path, int threads) {
  static const bool quiet = executorch::runtime::register_pal(
      executorch::runtime::PalImpl::create(keep, __FILE__));
  (void)quiet;
  executorch::runtime::runtime_init();
  last_complaint.clear();
  return std::make_unique<ExecuTorch>(path, threads);
}

}  // namespace pocketmatte
