// Steps 5 and 6 of a run: samples of frames, and frames at the camera's rate.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "replay.h"
#include "statistics.h"

namespace pocketmatte {

struct Plan {
  std::size_t warmups = 10, runs = 50;
  double seconds = 5, limit_seconds = 120;
  std::optional<double> frames_per_second;
  double sustained_seconds = 20;
};

struct Samples {
  std::vector<std::int64_t> frames_ns;
  std::map<std::string, std::vector<std::int64_t>> programs_ns;
  bool runs_met = false, seconds_met = false;
};

struct Sustained {
  double seconds = 0;
  std::size_t late = 0;
  std::vector<std::int64_t> frames_ns;
};

// Frames 1 to the last of a trace, over and over; frame 0 where there is no other.
class Loop {
 public:
  Loop(const Trace& trace, Replay& replay);
  std::int64_t play_ns();  // one frame; how long it took

 private:
  Replay& replay_;
  std::size_t first_, last_, next_;
};

// Called about once a second, outside of samples.
using EverySecond = std::function<void()>;

// Both fill what they found as they go: it stays where a program gives up.
void sample(const Trace& trace, Replay& replay, const Plan& plan, const EverySecond& read,
            Samples& found);
void sustain(const Trace& trace, Replay& replay, const Plan& plan, const EverySecond& read,
             Sustained& found);

// Nanoseconds as milliseconds.
std::vector<double> in_ms(const std::vector<std::int64_t>& samples_ns);

}  // namespace pocketmatte
