#include "comparison.h"

#include <algorithm>
#include <cmath>

#include "failure.h"

namespace pocketmatte {
namespace {

bool all_finite(const Values& values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

void require_same(const Output& output, const Values& given, const Values& expected) {
  if (given.size() != expected.size())
    throw RunFailed(output.name + " has " + std::to_string(given.size()) + " values, not " +
                    std::to_string(expected.size()));
}

bool above(const std::optional<double>& value, const std::optional<double>& most) {
  return value && most && *value > *most;
}

}  // namespace

Comparison::Comparison(const Output& output, float feature_range)
    : output_(output), feature_range_(feature_range) {}

void Comparison::free(const Values& given, const Values& expected, const Values* matte) {
  require_same(output_, given, expected);
  ++calls_;
  if (!all_finite(given)) {
    finite_ = false;
    return;
  }
  const float divisor = scale(expected);
  // A matte has one channel, a picture that it shows several.
  const std::size_t plane = matte ? matte->size() : 1;
  double magnitudes = 0;
  std::size_t sides = 0;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const float difference = (given[i] - expected[i]) / divisor;
    const float shown = matte ? difference * (*matte)[i % plane] : difference;
    squares_ += static_cast<double>(shown) * shown;
    magnitudes += std::fabs(static_cast<double>(difference));
    free_max_abs_ = std::max(free_max_abs_, std::fabs(difference));
    sides += (given[i] >= 0.5f) != (expected[i] >= 0.5f);
  }
  const auto count = static_cast<double>(given.size());
  mad_ += magnitudes / count;
  flipped_ += static_cast<double>(sides) / count;
}

void Comparison::forced(const Values& given, const Values& expected) {
  require_same(output_, given, expected);
  if (!all_finite(given)) {
    finite_ = false;
    return;
  }
  const float divisor = scale(expected);
  float most = max_abs_.value_or(0.0f);
  for (std::size_t i = 0; i < given.size(); ++i)
    most = std::max(most, std::fabs((given[i] - expected[i]) / divisor));
  max_abs_ = most;
}

Figures Comparison::figures() const {
  Figures found{calls_, finite_, {}, {}, {}, {}, {}};
  if (!finite_) return found;
  const auto calls = static_cast<double>(calls_);
  const double mse = squares_ / (static_cast<double>(output_.size()) * calls);
  if (mse > 0) found.psnr_db = -10 * std::log10(mse);
  found.free_max_abs = free_max_abs_;
  if (max_abs_) found.max_abs = *max_abs_;
  found.mad = mad_ / calls;
  found.flipped = flipped_ / calls;
  return found;
}

float Comparison::scale(const Values& expected) const {
  if (!output_.relative) return 1.0f;
  float most = feature_range_;
  for (float value : expected) most = std::max(most, std::fabs(value));
  return most;
}

std::vector<std::string> faults(const Output& output, const Figures& found, const Limits& held_to) {
  if (!found.finite) return {"not_finite"};
  std::vector<std::string> codes;
  if (above(found.max_abs, held_to.max_abs)) codes.push_back("max_abs");
  const double least = output.seen ? held_to.psnr_db : held_to.others_psnr_db;
  if (found.psnr_db && *found.psnr_db < least) codes.push_back("psnr_db");
  if (output.judged == "matte" && above(found.mad, held_to.matte_mad)) codes.push_back("mad");
  if (output.judged == "mask" && above(found.flipped, held_to.mask_flipped))
    codes.push_back("flipped");
  return codes;
}

}  // namespace pocketmatte
