#include "device.h"

#include <sys/utsname.h>

#include <charconv>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <thread>

namespace pocketmatte {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The value of a line `key : value` of a file of /proc.
std::string field(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (line.compare(0, key.size(), key) != 0) continue;
    const std::size_t start = line.find_first_not_of(" \t:", key.size());
    if (start != std::string::npos) return line.substr(start);
  }
  return "";
}

std::optional<std::int64_t> kilobytes(const std::string& path, const std::string& key) {
  const std::string value = field(path, key);
  if (value.empty() || value.find_first_of("0123456789") != 0) return std::nullopt;
  return std::stoll(value) * 1024;
}

std::optional<std::int64_t> whole_number(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && !text.empty() ? std::optional<std::int64_t>(value) : std::nullopt;
}

json or_null(const std::string& value) { return value.empty() ? json() : json(value); }

}  // namespace

json host_device() {
  utsname name{};
  uname(&name);
  const auto ram = kilobytes("/proc/meminfo", "MemTotal");
  return {{"platform", "linux"},
          {"manufacturer", nullptr},
          {"model", nullptr},
          {"soc", nullptr},
          {"os_version", or_null(name.release)},
          {"api_level", nullptr},
          {"abi", or_null(name.machine)},
          {"cpu", or_null(field("/proc/cpuinfo", "model name"))},
          {"cores", std::thread::hardware_concurrency()},
          {"ram_bytes", ram ? json(*ram) : json()},
          {"media_performance_class", nullptr},
          {"emulator", false}};
}

std::optional<std::int64_t> peak_bytes() { return kilobytes("/proc/self/status", "VmHWM"); }

json thermal_reading(double seconds) {
  // The skin's sensor, where a vendor shows it to a shell; the status is the host's to ask for.
  std::error_code error;
  fs::directory_iterator next("/sys/class/thermal", error), end;
  for (; !error && next != end; next.increment(error)) {
    const fs::directory_entry& zone = *next;
    if (first_line(zone.path() / "type").find("skin") == std::string::npos) continue;
    const auto millidegrees = whole_number(first_line(zone.path() / "temp"));
    if (millidegrees)
      return {{"seconds", seconds},
              {"status", nullptr},
              {"celsius", static_cast<double>(*millidegrees) / 1000}};
  }
  return nullptr;
}

json battery_reading(double seconds) {
  const fs::path battery = "/sys/class/power_supply/battery";
  const auto percent = whole_number(first_line(battery / "capacity"));
  if (!percent || *percent < 0 || *percent > 100) return nullptr;
  const std::string status = first_line(battery / "status");
  json charging;
  if (!status.empty()) charging = status == "Charging" || status == "Full";
  return {{"seconds", seconds},
          {"percent", static_cast<double>(*percent)},
          {"charging", charging},
          {"low_power_mode", nullptr}};
}

std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace pocketmatte
