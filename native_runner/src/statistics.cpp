#include "statistics.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace pocketmatte {

double percentile(std::vector<double> samples, double percent) {
  if (samples.empty()) throw std::invalid_argument("no samples; at least one is needed");
  std::sort(samples.begin(), samples.end());
  const double rank = static_cast<double>(samples.size() - 1) * percent / 100;
  const auto below = static_cast<std::size_t>(std::floor(rank));
  const std::size_t above = std::min(below + 1, samples.size() - 1);
  return samples[below] +
         (rank - static_cast<double>(below)) * (samples[above] - samples[below]);
}

Statistics statistics(const std::vector<double>& samples) {
  Statistics found{};
  found.count = samples.size();
  found.p50 = percentile(samples, 50);
  found.p90 = percentile(samples, 90);
  found.p95 = percentile(samples, 95);
  found.p99 = percentile(samples, 99);
  const auto [least, most] = std::minmax_element(samples.begin(), samples.end());
  found.min = *least;
  found.max = *most;
  const auto count = static_cast<double>(samples.size());
  for (double sample : samples) found.mean += sample / count;
  double variance = 0;
  for (double sample : samples) variance += (sample - found.mean) * (sample - found.mean) / count;
  found.stddev = std::sqrt(variance);
  return found;
}

}  // namespace pocketmatte
