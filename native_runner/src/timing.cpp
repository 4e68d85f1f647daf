#include "timing.h"

#include <chrono>
#include <thread>

namespace pocketmatte {
namespace {

constexpr double kNsPerSecond = 1e9;

// Calls a reading when a second has passed since the one before.
class Clock {
 public:
  explicit Clock(const EverySecond& read) : read_(read), start_(now_ns()) {}

  double seconds() const { return static_cast<double>(now_ns() - start_) / kNsPerSecond; }

  void tick() {
    if (seconds() < due_) return;
    read_();
    due_ = seconds() + 1;
  }

 private:
  const EverySecond& read_;
  std::int64_t start_;
  double due_ = 0;
};

}  // namespace

Loop::Loop(const Trace& trace, Replay& replay)
    : replay_(replay), first_(trace.frames > 1 ? 1 : 0), last_(trace.frames - 1), next_(first_) {}

std::int64_t Loop::play_ns() {
  const std::int64_t start = now_ns();
  replay_.play(next_, false, nullptr);
  next_ = next_ == last_ ? first_ : next_ + 1;
  return now_ns() - start;
}

void sample(const Trace& trace, Replay& replay, const Plan& plan, const EverySecond& read,
            Samples& found) {
  Loop loop(trace, replay);
  for (std::size_t i = 0; i < plan.warmups; ++i) loop.play_ns();
  Clock clock(read);
  while (true) {
    clock.tick();
    found.runs_met = found.frames_ns.size() >= plan.runs;
    found.seconds_met = clock.seconds() >= plan.seconds;
    const bool ended = !found.frames_ns.empty() && clock.seconds() >= plan.limit_seconds;
    if ((found.runs_met && found.seconds_met) || ended) return;
    found.frames_ns.push_back(loop.play_ns());
    for (const auto& [step, ns] : replay.calls())
      found.programs_ns[trace.steps[step].program].push_back(ns);
  }
}

void sustain(const Trace& trace, Replay& replay, const Plan& plan, const EverySecond& read,
             Sustained& found) {
  Loop loop(trace, replay);
  Clock clock(read);
  const double period = 1 / *plan.frames_per_second;
  for (std::size_t frame = 0;; ++frame) {
    const double due = static_cast<double>(frame) * period;
    if (due >= plan.sustained_seconds || clock.seconds() >= plan.sustained_seconds) return;
    clock.tick();
    if (const double early = due - clock.seconds(); early > 0)
      std::this_thread::sleep_for(std::chrono::duration<double>(early));
    found.frames_ns.push_back(loop.play_ns());
    found.seconds = clock.seconds();
    found.late += found.seconds > due + period;
  }
}

std::vector<double> in_ms(const std::vector<std::int64_t>& samples_ns) {
  std::vector<double> ms;
  for (std::int64_t ns : samples_ns) ms.push_back(static_cast<double>(ns) / 1e6);
  return ms;
}

}  // namespace pocketmatte
