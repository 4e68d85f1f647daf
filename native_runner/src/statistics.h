// Statistics of latencies: docs/harness-protocol.md.
#pragma once

#include <cstddef>
#include <vector>

namespace pocketmatte {

struct Statistics {
  std::size_t count;
  double mean, min, max, stddev, p50, p90, p95, p99;
};

// Percentile 0..100, linear between the two nearest of at least one sample.
double percentile(std::vector<double> samples, double percent);

// Of at least one sample.
Statistics statistics(const std::vector<double>& samples);

}  // namespace pocketmatte
